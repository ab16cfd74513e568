"""DLRs: what carriers send is kept as it came, then understood and applied to its message."""

from collections.abc import Mapping, Sequence

import structlog
from django.db import transaction
from django.utils import timezone

from sms_accounts import carriers, settling
from sms_accounts.models import FINAL, Attempt, DlrPost, DlrReport

log = structlog.get_logger(__name__)


def store_post(carrier_name: str, body: bytes, content_type: str) -> DlrPost:
    """Keep what a carrier sent, before anybody tries to understand it."""
    return DlrPost.objects.create(
        carrier=carrier_name,
        body=body,
        content_type=content_type[:100],
        received_at=timezone.now(),
    )


def record_dlrs() -> int:
    """Read all stored DLR posts in their order; return how many."""
    done = 0
    while _read_next_post():
        done += 1
    return done


@transaction.atomic
def _read_next_post() -> bool:
    post = (
        DlrPost.objects.filter(read_at=None)
        .select_for_update(skip_locked=True)
        .order_by("id")
        .first()
    )
    if post is None:
        return False
    try:
        dlrs = carriers.get(post.carrier).parse_dlrs(
            bytes(post.body), {"Content-Type": post.content_type}
        )
    except carriers.MalformedDlr as malformed:
        log.warning("dlr_not_understood", post=post.pk, carrier=post.carrier)
        post.problem = str(malformed)[:200]
    else:
        _store_reports(post, dlrs)
    post.read_at = timezone.now()
    post.save(update_fields=["read_at", "problem"])
    return True


def _store_reports(post: DlrPost, dlrs: Sequence[carriers.Dlr]) -> None:
    reports = DlrReport.objects.bulk_create(
        DlrReport(
            post=post,
            carrier=post.carrier,
            reference=dlr.reference or "",
            carrier_message_id=dlr.carrier_message_id or "",
            state=dlr.state,
            ptt=dlr.ptt,
            code=dlr.code[:40],
            reported_at=dlr.at,
            received_at=post.received_at,
        )
        for dlr in dlrs
    )
    matched = [(report, attempt) for report in reports if (attempt := _attempt_of(report))]
    # Messages are locked in the order of their keys, as everywhere.
    for report, attempt in sorted(matched, key=lambda pair: (pair[1].message_id, pair[0].pk)):
        record_dlr(report, attempt)
    if len(matched) < len(reports):
        log.warning("dlr_unmatched", carrier=post.carrier, count=len(reports) - len(matched))


def _attempt_of(report: DlrReport) -> Attempt | None:
    """Return the attempt that a report speaks of, by our reference or by the carrier's id."""
    attempts = Attempt.objects.filter(carrier=report.carrier)
    if report.reference and (found := attempts.filter(reference=report.reference).first()):
        return found
    if not report.carrier_message_id:
        return None
    return attempts.filter(carrier_message_id=report.carrier_message_id).order_by("-id").first()


@transaction.atomic
def record_dlr(report: DlrReport, attempt: Attempt) -> None:
    """Apply a report to its part and to the message; what came too late is kept as a note."""
    message = settling.locked(attempt.message_id)
    DlrReport.objects.filter(pk=report.pk).update(attempt=attempt)
    part = Attempt.objects.get(pk=attempt.pk)
    if part.state in FINAL:
        if report.state != part.state or report.ptt != part.ptt:
            settling.note(message, f"Report came too late: {report.code}", report.received_at)
        return
    changes = {"state": report.state, "ptt": report.ptt, "code": report.code}
    if part.outcome == Attempt.Outcome.UNANSWERED:
        # Whoever reports on a part has taken it.
        changes |= {"outcome": Attempt.Outcome.TAKEN, "answered_at": report.received_at}
        if report.carrier_message_id:
            changes["carrier_message_id"] = report.carrier_message_id
    Attempt.objects.filter(pk=part.pk).update(**changes)
    settling.settle(message, at=report.received_at)


def match_early(carrier_name: str, taken: Mapping[str, Attempt]) -> None:
    """Apply reports that came by the carrier's id before that id was stored.

    `taken` has the attempts by the ids that the carrier gave them.
    """
    early = DlrReport.objects.filter(
        carrier=carrier_name, carrier_message_id__in=taken, attempt=None
    ).order_by("id")
    for report in early:
        record_dlr(report, taken[report.carrier_message_id])
