"""The tab "Opt-outs" of an account: the numbers that nothing is sent to; adding, removing, CSV."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sms_accounts import opt_outs as use_cases
from sms_accounts.csv_lines import written
from sms_accounts.forms.opt_outs import AddForm, RemoveForm, SearchForm
from sms_accounts.models import Account, OptOut
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    posted,
    show,
    visible_account,
    who,
)
from sms_accounts.views.csv_files import csv_file
from sms_accounts.views.keyset import newest_first

PAGE = 50
_LONGEST_KEY = 18
_COLUMNS = ("number", "since", "source", "by", "note")


@require_safe
def opt_outs(request: HttpRequest, name: str) -> HttpResponse:
    account = visible_account(request, name)
    form = SearchForm(request.GET)
    shown, older = newest_first(request, _found(account, form), page=PAGE)
    context = {
        **header(account, current="opt-outs"),
        "form": form,
        "opt_outs": shown,
        "older": older,
        "is_first": "before" not in request.GET,
        "is_filtered": bool(form.digits),
        "query": urlencode({"q": form.digits} if form.digits else {}),
        "may_change": may_change(request, account),
    }
    return show(request, "sms/opt_outs/list.html", account, context)


def _found(account: Account, form: SearchForm) -> QuerySet[OptOut]:
    listed = OptOut.objects.filter(account=account).select_related("by")
    return listed.filter(msisdn__startswith=form.digits) if form.digits else listed


@require_safe
def opt_outs_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """Give all numbers of a search, the newest first."""
    account = visible_account(request, name)
    found = _found(account, SearchForm(request.GET)).order_by("-pk")
    return csv_file(f"{account.name}-opt-outs.csv", _lines(account, found), delimiter=";")


def _lines(account: Account, found: QuerySet[OptOut]) -> Iterator[Sequence[object]]:
    zone = ZoneInfo(account.time_zone)
    yield _COLUMNS
    for each in found.iterator(chunk_size=1000):
        by = each.by.email if each.by else ""
        yield each.msisdn, written(each.created_at, zone), each.source, by, each.note


@require_http_methods(["GET", "HEAD", "POST"])
def opt_outs_add(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = AddForm(posted(request), request.FILES or None, account=account)
    if form.is_valid():
        added = use_cases.add(account, form.notes, source=form.source, by=who(request))
        _tell(request, added, len(form.notes) - added)
        return redirect(_list(account))
    context = {"form": form, "back": _list(account)}
    return show(request, "sms/opt_outs/add.html", account, context)


def _tell(request: HttpRequest, added: int, known: int) -> None:
    if added:
        text = ngettext("%d number added.", "%d numbers added.", added)
        messages.success(request, text % added)
    if known:
        text = ngettext("%d was on the list already.", "%d were on the list already.", known)
        messages.info(request, text % known)


@require_POST
def opt_outs_remove(request: HttpRequest, name: str) -> HttpResponse:
    """Ask whether the numbers chosen may be sent to again, and do so once that is confirmed."""
    account = managed_account(request, name)
    wanted = {
        int(pk)
        for pk in request.POST.getlist("opt_out")
        if pk.isascii() and pk.isdecimal() and len(pk) <= _LONGEST_KEY
    }
    chosen = OptOut.objects.filter(account=account, pk__in=wanted).order_by("-pk")
    form = RemoveForm(request.POST if "confirmed" in request.POST else None, chosen=chosen)
    numbers = list(chosen.values_list("msisdn", flat=True))
    if form.is_valid():
        removed = use_cases.remove(account, numbers, by=who(request))
        text = ngettext(
            "%d number may be sent to again.", "%d numbers may be sent to again.", removed
        )
        messages.success(request, text % removed)
        return redirect(_list(account))
    if not numbers:
        messages.info(request, _("Choose numbers in the list first."))
        return redirect(_list(account))
    count = len(numbers)
    context = {
        "form": form,
        "back": _list(account),
        "question": ngettext("Remove %d opt-out?", "Remove %d opt-outs?", count) % count,
        "keep": ngettext("Keep it", "Keep them", count),
        "numbers": [f"+{number}" for number in numbers],
    }
    return show(request, "sms/opt_outs/remove.html", account, context)


def _list(account: Account) -> str:
    return reverse("opt-outs", args=[account.name])
