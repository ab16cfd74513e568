"""Staff try a carrier over HTTP: one call, what was said, and the report if it comes."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.utils.translation import gettext as _

from sms_accounts import carrier_accounts, carriers, trials
from sms_accounts.carriers.base import Dlr, MalformedDlr
from sms_accounts.carriers.http.wire import Answer, Request
from sms_accounts.models import DlrPost, HttpCarrier
from sms_accounts.trials import Trial

# Somebody waits for the page: for an answer, and then for a report.
ANSWER_WITHIN = timedelta(seconds=10)
REPORT_WITHIN = timedelta(seconds=5)
_BETWEEN_LOOKS = timedelta(milliseconds=100)

# Stands where a secret went out; letters alone look the same in a URL, a form and JSON.
HIDDEN = "HIDDEN"
_LONGEST_SHOWN = 2_000


def send_one(row: HttpCarrier, *, msisdn: str, sender: str, text: str) -> Trial:
    """Hand one short text over, and wait a little for its report. Nobody pays for it."""
    trial = Trial()
    whole = carrier_accounts.http_options_of(row)
    if whole.password is None:
        trial.advice = _("The password cannot be read. Type it in again and save.")
        return trial
    options = replace(whole, answer_within=min(whole.answer_within, ANSWER_WITHIN))
    carrier, part = carriers.Http(options), trials.part(msisdn, sender, text)
    latest = DlrPost.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    began = time.monotonic()
    try:
        carrier_message_id = _handed_over(carrier, row, part, trial)
    except (carriers.Rejected, carriers.TryLater, carriers.OutcomeUnknown) as failed:
        _tell(trial, failed)
        return trial
    trial.is_well = True
    words = {
        "id": carrier_message_id or "–",
        "milliseconds": round((time.monotonic() - began) * 1000),
    }
    trial.steps.append(_("Taken after %(milliseconds)s ms, id %(id)s.") % words)
    _await_report(carrier, trial, part.reference, carrier_message_id, after=latest)
    return trial


def _handed_over(
    carrier: carriers.Http, row: HttpCarrier, part: carriers.Submit, trial: Trial
) -> str:
    """Make the call and note what was said; return the carrier's id, or raise how it failed."""
    request = carrier.request_of(part)
    trial.wire.append((_("Request"), _shown(_hidden(row, carrier.options, part))))
    answer = carrier.call(request)
    trial.wire.append((_("Answer"), _shown_answer(answer, carrier.options)))
    return carrier.understand(answer)


def _tell(trial: Trial, failed: Exception) -> None:
    """Note how it failed, and what to do."""
    # The request stands there in any case.
    is_answered = len(trial.wire) > 1
    if isinstance(failed, carriers.Rejected):
        words = {"code": failed.code, "ptt": failed.ptt}
        trial.steps.append(_("Refused: %(code)s, which counts as ptt %(ptt)s.") % words)
        trial.advice = _("Try another receiver or sender, or compare the answer with the manual.")
    elif isinstance(failed, carriers.TryLater):
        trial.steps.append(_("Not taken: %(reason)s.") % {"reason": failed})
        trial.advice = (
            _(
                "Where the carrier is not busy, it does not like how it was called: compare URL, "
                "user name, password and what is said with its manual."
            )
            if is_answered
            else _(
                "Check host and port of the URL, and whether a firewall lets this server reach "
                "them."
            )
        )
    else:
        trial.steps.append(_("Nobody knows whether it was taken: %(why)s.") % {"why": failed})
        trial.advice = _(
            "Where there is an answer, say in the form what it means; else ask the carrier."
        )


def _hidden(row: HttpCarrier, options: carriers.HttpOptions, part: carriers.Submit) -> Request:
    """Return the request as it goes out, with another password and another secret in it."""
    password = HIDDEN if options.password else ""
    dlr_url = carrier_accounts.dlr_url(row, HIDDEN)
    return carriers.Http(
        replace(options, password=password, dlr_secret=HIDDEN, dlr_url=dlr_url)
    ).request_of(part)


def _shown(request: Request) -> str:
    head = [
        f"{request.method} {request.url}",
        *(f"{name}: {value}" for name, value in request.headers),
    ]
    body = (request.body or b"").decode(errors="replace")
    return "\n".join([*head, "", body]).strip()[:_LONGEST_SHOWN]


def _shown_answer(answer: Answer, options: carriers.HttpOptions) -> str:
    said = answer.text[:_LONGEST_SHOWN]
    for secret in filter(None, (options.password, options.dlr_secret)):
        said = said.replace(secret, HIDDEN)
    return f"HTTP {answer.status}\n\n{said}".strip()


def _await_report(
    carrier: carriers.Http, trial: Trial, reference: str, carrier_message_id: str, *, after: int
) -> None:
    ends_at = time.monotonic() + REPORT_WITHIN.total_seconds()
    seen = after
    while time.monotonic() < ends_at:
        time.sleep(_BETWEEN_LOOKS.total_seconds())
        for post in DlrPost.objects.filter(carrier=carrier.name, pk__gt=seen).order_by("pk"):
            seen = post.pk
            for dlr in _dlrs_in(carrier, post):
                if not _is_of(dlr, reference, carrier_message_id):
                    continue
                words = {"code": dlr.code, "state": dlr.state, "ptt": dlr.ptt}
                trial.steps.append(_("Report: %(code)s, read as %(state)s, ptt %(ptt)s.") % words)
                if dlr.state != "enroute":
                    return
    seconds = round(REPORT_WITHIN.total_seconds())
    trial.steps.append(
        _("No report of the end within %(seconds)s s; it may still come.") % {"seconds": seconds}
    )


def _dlrs_in(carrier: carriers.Http, post: DlrPost) -> Iterator[Dlr]:
    try:
        yield from carrier.parse_dlrs(
            bytes(post.body), {"Content-Type": post.content_type}, post.query
        )
    except MalformedDlr:
        return


def _is_of(dlr: Dlr, reference: str, carrier_message_id: str) -> bool:
    """Tell whether a report names the part by its reference, what is left of it, or the id."""
    if dlr.reference and reference.startswith(dlr.reference.partition("/")[0]):
        return True
    return bool(carrier_message_id) and dlr.carrier_message_id == carrier_message_id
