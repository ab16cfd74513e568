"""The tab "Messages" of an account: the log, each message with all that became of it, CSV."""

from decimal import Decimal
from itertools import chain
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages as notices
from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from sms_accounts import (
    cancellation,
    codes,
    message_csv,
    message_exports,
    message_pages,
    message_searches,
    tasks,
)
from sms_accounts.forms.messages import CancelMessagesForm
from sms_accounts.models import (
    Attempt,
    Callback,
    DlrReport,
    LedgerEntry,
    Message,
    MessageEvent,
    Received,
    State,
)
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views import codes as code_pages
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    show,
    visible_account,
    who,
)
from sms_accounts.views.csv_files import csv_file
from sms_accounts.views.keyset import before_of, older_link

PAGE = 50
# As many as one page can name.
MOST_AT_ONCE = 500
_LONGEST_KEY = 18
_CODINGS = {"gsm7": "GSM 03.38", "ucs2": "UCS-2"}


@require_safe
def messages(request: HttpRequest, name: str) -> HttpResponse:
    """Show the log, or what a search finds in it."""
    account = visible_account(request, name)
    form = message_searches.form_of(account, request.GET)
    page = message_pages.page(form, before=before_of(request), size=PAGE)
    chosen = form.chosen()
    changes = may_change(request, account)
    context = {
        **header(account, current="messages"),
        "form": form,
        "found": page.messages,
        "older": older_link(request, page.before) if page.before is not None else "",
        "looked_back_to": page.looked_back_to,
        "looked_through": message_pages.MOST,
        "is_first": "before" not in request.GET,
        "is_filtered": bool(chosen),
        "query": urlencode(chosen),
        "may_cancel": changes and any(each.state == State.SCHEDULED for each in page.messages),
    }
    return show(request, "sms/messages/list.html", account, context)


@require_safe
def messages_csv(request: HttpRequest, name: str) -> HttpResponseBase:
    """Give all messages of a search, the newest first; very many are written in the background."""
    account = visible_account(request, name)
    form = message_searches.form_of(account, request.GET)
    query = urlencode(form.chosen())
    if "now" not in request.GET and message_exports.is_long(account, query):
        page = reverse("message-exports", args=[account.name])
        return redirect(f"{page}?{urlencode({**form.chosen(), 'many': 'yes'})}")
    found = message_searches.found(form).order_by("-pk")
    rows = message_csv.rows(found.iterator(chunk_size=1000), ZoneInfo(account.time_zone))
    return csv_file(
        f"{account.name}-messages.csv",
        chain([message_csv.COLUMNS], rows),
        delimiter=message_csv.DELIMITER,
    )


@require_safe
def message(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Show one message: what was asked, who paid, each state, attempt, report and callback."""
    account = visible_account(request, name)
    refunds = LedgerEntry.objects.filter(message=OuterRef("pk"), kind=LedgerEntry.Kind.REFUND)
    refunded = refunds.order_by().values("message").annotate(sum=Sum("credits")).values("sum")
    messages = Message.objects.filter(account=account).select_related("submission__api_user")
    found = get_object_or_404(messages.annotate(refunded=Subquery(refunded)), pk=pk)
    annotated: Any = found
    submission = found.submission
    of_it = DlrReport.objects.filter(attempt__message=found).select_related("attempt")
    reports = list(of_it.order_by("pk"))
    # Not every report is written down in its attempt.
    latest = {report.attempt_id: report for report in reports}
    attempts = Attempt.objects.filter(message=found).order_by("pk")
    dlr_id = codes.dlr_id(found.state, found.ptt)
    context = {
        **header(account, current="messages"),
        "message": found,
        "submission": submission,
        "code": code_pages.told(found.ptt),
        "dlr_id": dlr_id,
        "dlr_text": _(codes.DLR_TEXTS[dlr_id]),
        "dlr_meaning": _(codes.DLR_MEANINGS[dlr_id]),
        "coding": _CODINGS.get(submission.coding, submission.coding),
        "is_paid_by_account": submission.wallet_id == account.wallet_id,
        "refunded": annotated.refunded or Decimal(0),
        "events": MessageEvent.objects.filter(message=found).order_by("pk"),
        "attempts": [(attempt, latest.get(attempt.pk)) for attempt in attempts],
        "reports": reports,
        "callbacks": Callback.objects.filter(message=found).order_by("pk"),
        "replies": Received.objects.filter(message=found).order_by("pk"),
        "others": Message.objects.filter(submission=submission).exclude(pk=pk).count(),
        "may_cancel": found.state == State.SCHEDULED and may_change(request, account),
    }
    return show(request, "sms/messages/message.html", account, context)


@require_POST
def messages_cancel(request: HttpRequest, name: str) -> HttpResponse:
    """Ask whether the messages chosen are to be cancelled, and do so once that is confirmed."""
    account = managed_account(request, name)
    back = reverse("messages", args=[account.name])
    wanted = {
        int(pk)
        for pk in request.POST.getlist("message")[:MOST_AT_ONCE]
        if pk.isascii() and pk.isdecimal() and len(pk) <= _LONGEST_KEY
    }
    chosen = Message.objects.filter(account=account, pk__in=wanted)
    form = CancelMessagesForm(request.POST if "confirmed" in request.POST else None, chosen=chosen)
    if form.is_valid():
        outcome = cancellation.cancel_all(chosen.order_by("pk"), by=who(request))
        tasks.ring(tasks.call_due)
        _tell(request, outcome)
        return redirect(back)
    scheduled = chosen.filter(state=State.SCHEDULED)
    summed = scheduled.aggregate(credits=Sum("credits"))
    count = scheduled.count()
    if not count:
        notices.info(request, _("None of these messages is scheduled any more."))
        return redirect(back)
    question = ngettext("Cancel %d message?", "Cancel %d messages?", count) % count
    context = {
        "form": form,
        "back": back,
        "question": question,
        "keep": ngettext("Keep it", "Keep them", count),
        "credits": shown_credits(summed["credits"]),
    }
    return show(request, "sms/messages/cancel.html", account, context)


def _tell(request: HttpRequest, outcome: cancellation.Cancelled) -> None:
    if cancelled := len(outcome.cancelled):
        text = ngettext(
            "%d message cancelled, its credits given back.",
            "%d messages cancelled, their credits given back.",
            cancelled,
        )
        notices.success(request, text % cancelled)
    if too_late := len(outcome.too_late):
        text = ngettext(
            "Too late for %d message: it is no longer scheduled.",
            "Too late for %d messages: they are no longer scheduled.",
            too_late,
        )
        notices.warning(request, text % too_late)
