"""The tab "Credits" of an account: the statement with its totals, a check, and transfers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from sms_accounts import accounts, book_checks, ledger, tasks
from sms_accounts import statement as statements
from sms_accounts.csv_lines import written
from sms_accounts.figures import Totals
from sms_accounts.forms.statement import ConfirmTransferForm, StatementFilterForm, TransferForm
from sms_accounts.models import Account, LedgerEntry
from sms_accounts.templatetags.panel import number, shown_credits
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    posted,
    show,
    told,
    visible_account,
    who,
    with_progress,
)
from sms_accounts.views.csv_files import csv_file
from sms_accounts.views.keyset import newest_first
from sms_accounts.views.recent_sign_in import recent_sign_in_required

PAGE = 50
Kind = LedgerEntry.Kind

_COLUMNS = (
    "id",
    "date",
    "kind",
    "user",
    "by",
    "reason",
    "message",
    "messages",
    "purse",
    "credits",
    "balance",
    "quotaCredits",
    "quotaBalance",
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What moved in one purse, and what it held then."""

    purse: str
    credits: Decimal
    balance: Decimal


@dataclass(frozen=True, kw_only=True)
class Row:
    """A movement as the statement shows it: in one purse, or from one to another."""

    entry: LedgerEntry
    by: str
    message: int | None
    message_words: str
    reason: str
    lines: Sequence[Line]


@require_safe
def statement(request: HttpRequest, name: str) -> HttpResponse:
    """Show the movements, or those that a search finds, and what they come to."""
    account = visible_account(request, name)
    form = StatementFilterForm(request.GET, account=account)
    found = _found(account, form)
    shown, older = newest_first(request, found.entries, page=PAGE)
    chosen = form.chosen()
    others = Account.objects.managed_by(request.user).with_holder_of(account)
    context = {
        **header(account, current="credits"),
        "form": form,
        "rows": [_row(entry, account) for entry in shown],
        "totals": _told_totals(found.totals, form.only_kind),
        "older": older,
        "is_first": "before" not in request.GET,
        "is_filtered": bool(chosen),
        "query": urlencode(chosen),
        "may_transfer": may_change(request, account) and others.exists(),
    }
    return show(request, "sms/credits/statement.html", account, context)


def _found(account: Account, form: StatementFilterForm) -> statements.Statement:
    return statements.of(
        account, users=form.users, kind=form.only_kind, since=form.begins_at, until=form.ends_at
    )


def _row(entry: LedgerEntry, account: Account) -> Row:
    more: Any = entry
    purse = _("Account") if entry.wallet_id == account.wallet_id else _quota_of(entry)
    lines = [Line(purse=purse, credits=entry.credits, balance=entry.balance)]
    if entry.kind == Kind.QUOTA:
        quota = Line(purse=_quota_of(entry), credits=more.quota_credits, balance=more.quota_balance)
        lines.append(quota)
    return Row(
        entry=entry,
        by=_by(entry),
        message=more.first_message,
        message_words=_message_words(more.first_message, more.messages),
        # The panel's own reasons are stored in English.
        reason=_(entry.reason) if entry.reason else "",
        lines=lines,
    )


def _quota_of(entry: LedgerEntry) -> str:
    return _("Quota of %(login)s") % {"login": entry.api_user}


def _by(entry: LedgerEntry) -> str:
    if entry.by is None:
        return ""
    return _("Staff") if entry.by.is_staff else str(entry.by)


def _message_words(first: int | None, count: int | None) -> str:
    if first is None:
        return ""
    if count is not None and count > 1:
        text = ngettext("%(count)s message", "%(count)s messages", count)
        return text % {"count": number(count)}
    return _("Message %(id)d") % {"id": first}


def _told_totals(totals: Totals, kind: Kind | None) -> list[tuple[str, Decimal]]:
    """Return the sums of a statement in words: of one kind, or of all that moved anything."""
    told = {
        Kind.TOP_UP: [(_("Bought"), totals.topped_up)],
        Kind.CORRECTION: [(_("Taken back by staff"), -totals.corrected)],
        Kind.TRANSFER: [
            (_("From other accounts"), totals.received),
            (_("To other accounts"), -totals.passed_on),
        ],
        Kind.DEBIT: [(_("Paid for messages"), -totals.debited)],
        Kind.REFUND: [(_("Refunded"), totals.refunded)],
        Kind.QUOTA: [
            (_("Given to quotas"), -totals.quota_given),
            (_("Taken back from quotas"), totals.quota_returned),
        ],
    }
    if kind is not None:
        return told[kind]
    return [(label, sum_) for sums in told.values() for label, sum_ in sums if sum_]


@require_safe
def statement_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """Give all movements of a search, the newest first."""
    account = visible_account(request, name)
    found = _found(account, StatementFilterForm(request.GET, account=account))
    entries = found.entries.order_by("-pk").iterator(chunk_size=1000)
    return csv_file(f"{account.name}-credits.csv", _lines(account, entries), delimiter=";")


def _lines(account: Account, entries: Iterable[LedgerEntry]) -> Iterator[Sequence[object]]:
    zone = ZoneInfo(account.time_zone)
    yield _COLUMNS
    for entry in entries:
        more: Any = entry
        is_quotas = entry.wallet_id != account.wallet_id
        moved: list[object] = [entry.credits, entry.balance]
        # Each column is of one purse, so that a spreadsheet can add it up.
        of_quota: list[object] = [more.quota_credits, more.quota_balance]
        yield (
            entry.pk,
            written(entry.created_at, zone),
            entry.kind,
            entry.api_user.login if entry.api_user else "",
            _by(entry),
            entry.reason,
            more.first_message,
            more.messages,
            "quota" if is_quotas else "account",
            *(["", "", *moved] if is_quotas else [*moved, *of_quota]),
        )


@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest, name: str) -> HttpResponse:
    """Add up the whole ledger of the account when somebody asks for it, and show what that found.

    Nothing is added up to show the page: that takes the longer the more has moved.
    """
    account = visible_account(request, name)
    if request.method == "POST":
        book_checks.ask(account)
        tasks.ring(tasks.check_books)
        return redirect("credits-check", account.name)
    latest = book_checks.latest(account)
    context = {"check": latest, "books": book_checks.found_by(latest) if latest else None}
    return with_progress(request, account, "sms/credits/check", context, tab="credits")


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def transfer(request: HttpRequest, name: str) -> HttpResponse:
    """Ask for a transfer, ask whether it is meant, and make it once that is confirmed."""
    account = managed_account(request, name)
    back = reverse("credits", args=[account.name])
    receivers = Account.objects.managed_by(request.user).with_holder_of(account).order_by("name")
    if not receivers.exists():
        return show(request, "sms/credits/no_transfer.html", account, {"back": back})
    form = TransferForm(posted(request), giver=account, receivers=receivers)
    if form.is_valid():
        if "confirmed" not in request.POST:
            return _ask(request, account, form, back=back)
        typed = form.cleaned_data
        try:
            left = accounts.transfer(
                account,
                typed["receiver"],
                typed["credits"],
                by=who(request),
                reason=typed["reason"],
                order=str(typed["order"]),
            )
        except ledger.InsufficientCredits as refused:
            form.refuse(refused.available)
        except ledger.AnotherHolder:
            form.add_error("receiver", _("No one person owns both accounts any more."))
        except accounts.SentBefore:
            notices.info(request, _("This transfer was made already. No credits moved again."))
            return redirect(back)
        else:
            tasks.ring(tasks.alert_due)
            text = _("%(credits)s credits transferred to %(account)s; %(left)s are left here.")
            words = {
                "credits": shown_credits(typed["credits"]),
                "account": typed["receiver"],
                "left": shown_credits(left),
            }
            return told(request, back, text % words)
    context = {"form": form, "back": back}
    return show(request, "sms/credits/transfer.html", account, context)


def _ask(request: HttpRequest, account: Account, form: TransferForm, *, back: str) -> HttpResponse:
    typed = form.cleaned_data
    context = {
        "form": ConfirmTransferForm(form),
        "back": back,
        "credits": shown_credits(typed["credits"]),
        "receiver": typed["receiver"],
        "left": shown_credits(account.wallet.credits - typed["credits"]),
        "reason": typed["reason"],
    }
    return show(request, "sms/credits/confirm.html", account, context)
