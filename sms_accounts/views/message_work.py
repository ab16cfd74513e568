"""Work on many messages at once: CSV files written in the background, cancelling all found."""

from urllib.parse import urlencode

from django.contrib import messages as notices
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sms_accounts import mass_cancellations, message_exports, message_searches, tasks
from sms_accounts.forms.messages import CancelFoundForm
from sms_accounts.models import Account, MassCancellation, MessageExport
from sms_accounts.templatetags.panel import number, shown_credits
from sms_accounts.views.account_page import (
    managed_account,
    may_change,
    posted,
    show,
    visible_account,
    who,
    with_progress,
)

MOST_SHOWN = 20
# Bytes: each piece of an answer goes from one thread to another by itself.
_PIECE = 64 * 1024


def _searched(request: HttpRequest, account: Account) -> dict[str, str]:
    """Return what is searched for, as a link repeats it; what cannot be read is no page of ours."""
    form = message_searches.form_of(account, request.GET)
    chosen = form.chosen()
    if form.errors or len(urlencode(chosen)) > message_searches.LONGEST_QUERY:
        raise Http404
    return chosen


@require_http_methods(["GET", "HEAD", "POST"])
def message_exports_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the CSV files of messages, and have one written of what a search finds."""
    account = visible_account(request, name)
    chosen = _searched(request, account)
    if request.method == "POST":
        return _ask_for_file(request, account, urlencode(chosen))
    exports = MessageExport.objects.visible_to(request.user).filter(account=account)
    shown = list(exports.select_related("account", "by").order_by("-pk")[:MOST_SHOWN])
    changes = may_change(request, account)
    context = {
        "exports": [_told(each, request, changes=changes) for each in shown],
        "is_at_work": any(not each.is_over for each in shown),
        "query": urlencode(chosen),
        "is_of_search": bool(chosen),
        "is_long": "many" in request.GET,
        "most_streamed": message_exports.MOST_STREAMED,
    }
    return with_progress(request, account, "sms/messages/exports", context, tab="messages")


def _told(export: MessageExport, request: HttpRequest, *, changes: bool) -> dict[str, object]:
    is_there = message_exports.path_of(export) is not None
    return {
        "export": export,
        "is_there": is_there,
        "kept_until": message_exports.kept_until(export) if is_there else None,
        "may_stop": not export.is_over and (changes or export.by_id == who(request).pk),
    }


def _ask_for_file(request: HttpRequest, account: Account, query: str) -> HttpResponse:
    try:
        message_exports.ask(account, query, by=who(request))
    except message_exports.TooMany:
        text = _("%(most)d files are being written already. Wait for one, or stop one.")
        notices.error(request, text % {"most": message_exports.MOST_AT_WORK})
    else:
        tasks.ring(tasks.write_exports)
    return redirect("message-exports", account.name)


def _export(request: HttpRequest, name: str, pk: int) -> MessageExport:
    exports = MessageExport.objects.visible_to(request.user).select_related("account")
    export: MessageExport = get_object_or_404(exports, account__name=name, pk=pk)
    return export


@require_safe
def message_export_file(request: HttpRequest, name: str, pk: int) -> HttpResponseBase:
    """Give a file that is written."""
    path = message_exports.path_of(_export(request, name, pk))
    if path is None:
        raise Http404
    answer = FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=f"{name}-messages.csv",
        content_type="text/csv; charset=utf-8",
    )
    answer.block_size = _PIECE
    return answer


@require_POST
def message_export_stop(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    export = _export(request, name, pk)
    if export.by_id != who(request).pk and not may_change(request, export.account):
        raise Http404
    if message_exports.stop(export, by=who(request)):
        notices.success(request, _("Stopped: the file is not written."))
    else:
        notices.info(request, _("Nothing was changed: it was over already."))
    return redirect("message-exports", name)


@require_http_methods(["GET", "HEAD", "POST"])
def messages_cancel_found(request: HttpRequest, name: str) -> HttpResponse:
    """Ask whether all that a search finds is to be cancelled, and do so once that is confirmed."""
    account = managed_account(request, name)
    chosen = _searched(request, account)
    query = urlencode(chosen)
    back = f"{reverse('messages', args=[name])}{f'?{query}' if query else ''}"
    form = CancelFoundForm(posted(request))
    if form.is_valid():
        upto = form.cleaned_data["upto"]
        order = mass_cancellations.cancel_found(account, query, upto=upto, by=who(request))
        tasks.ring(tasks.cancel_many, tasks.call_due)
        return redirect("mass-cancellation", name, order.pk)
    scheduled = mass_cancellations.scheduled(account, query)
    if not scheduled.count:
        notices.info(request, _("None of the messages found is scheduled."))
        return redirect(back)
    count = {"count": number(scheduled.count)}
    question = ngettext(
        "Cancel the %(count)s scheduled message that is found?",
        "Cancel all %(count)s scheduled messages that are found?",
        scheduled.count,
    )
    context = {
        "form": CancelFoundForm(None, upto=scheduled.upto),
        "back": back,
        "question": question % count,
        "is_all": not chosen,
        "keep": ngettext("Keep it", "Keep them", scheduled.count),
        "credits": shown_credits(scheduled.credits),
    }
    return show(request, "sms/messages/cancel_found.html", account, context)


def _cancellation(request: HttpRequest, account: Account, pk: int) -> MassCancellation:
    rows = MassCancellation.objects.visible_to(request.user).select_related("account")
    work: MassCancellation = get_object_or_404(rows, account=account, pk=pk)
    return work


@require_safe
def mass_cancellation(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Show how far a cancellation of many messages is."""
    account = visible_account(request, name)
    found = _cancellation(request, account, pk)
    context = {"work": found, "may_stop": not found.is_over and may_change(request, account)}
    return with_progress(request, account, "sms/messages/cancelling", context, tab="messages")


@require_POST
def mass_cancellation_stop(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    found = _cancellation(request, managed_account(request, name), pk)
    if mass_cancellations.stop(found, by=who(request)):
        notices.success(request, _("Stopped: what is still scheduled stays so."))
    else:
        notices.info(request, _("Nothing was changed: it was over already."))
    return redirect("mass-cancellation", name, pk)
