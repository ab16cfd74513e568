"""The pages that change the quota or the limit of API users chosen in the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from sms_accounts import selections, tasks
from sms_accounts.forms.selection import (
    SelectedLimitForm,
    SelectedQuotaForm,
    SelectionForm,
    keys_in,
)
from sms_accounts.limits import Limit
from sms_accounts.models import Account, ApiUser
from sms_accounts.selections import Ending, LimitStep, QuotaStep
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views.account_page import (
    back_to_list,
    managed_account,
    posted,
    show,
    who,
)
from sms_accounts.views.recent_sign_in import recent_sign_in_required

MOST_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Row:
    """What will happen to one user, or has."""

    login: str
    before: str
    after: str
    ending: str
    is_change: bool
    is_refused: bool


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def selected_quota(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    users = _chosen(request, account)
    if problem := _cannot(users):
        return _back(request, account, problem)
    form = SelectedQuotaForm(posted(request), users=_keys(users))
    if not form.is_valid():
        return _show_form(request, account, form, users, "sms/api_users/selected_quota.html")
    quota, left = form.cleaned_data["quota"], account.wallet.spendable
    if not form.is_confirmed:
        steps = selections.quota_steps(users, quota, left=left)
        return _ask(request, account, form, [_quota_row(step) for step in steps], _sums(steps))
    done = selections.set_quotas(users, quota, left=left, by=who(request))
    tasks.ring(tasks.alert_due)
    return _show_done(request, account, [_quota_row(step, is_done=True) for step in done])


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def selected_limit(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    users = _chosen(request, account)
    if problem := _cannot(users):
        return _back(request, account, problem)
    form = SelectedLimitForm(posted(request), users=_keys(users))
    if not form.is_valid():
        return _show_form(request, account, form, users, "sms/api_users/selected_limit.html")
    if not form.is_confirmed:
        steps = selections.limit_steps(users, form.change())
        return _ask(request, account, form, [_limit_row(step) for step in steps], "")
    done = selections.set_limits(users, form.change(), by=who(request))
    tasks.ring(tasks.alert_due)
    return _show_done(request, account, [_limit_row(step, is_done=True) for step in done])


def _chosen(request: HttpRequest, account: Account) -> list[ApiUser]:
    """Return the users that were ticked, or all that a search finds; one more than the most."""
    asked = request.POST if request.method == "POST" else request.GET
    found: QuerySet[ApiUser] = ApiUser.objects.present().filter(account=account)
    if "all" in asked:
        if search := asked.get("q", "").replace("\0", "").strip():
            found = found.filter(login__icontains=search)
    else:
        keys = keys_in(asked.getlist("user") or asked.getlist("users"))
        found = found.filter(pk__in=keys[: selections.MOST + 1])
    with_purse = found.select_related("wallet", "account").order_by(Lower("login"))
    return list(with_purse[: selections.MOST + 1])


def _cannot(users: Sequence[ApiUser]) -> str:
    if not users:
        return _("Choose API users in the list first.")
    if len(users) > selections.MOST:
        text = _("At most %(most)d API users can be changed at once. Search for fewer.")
        return text % {"most": selections.MOST}
    return ""


def _keys(users: Sequence[ApiUser]) -> str:
    return ",".join(str(user.pk) for user in users)


def _back(request: HttpRequest, account: Account, problem: str) -> HttpResponse:
    messages.warning(request, problem)
    return redirect(back_to_list(request, account))


def _show_form(
    request: HttpRequest,
    account: Account,
    form: SelectionForm,
    users: Sequence[ApiUser],
    template: str,
) -> HttpResponse:
    named = [user.login for user in users[:MOST_NAMED]]
    context = {
        "form": form,
        "back": back_to_list(request, account),
        "named": named,
        "count": len(users),
        "more": len(users) - len(named),
    }
    return show(request, template, account, context)


def _ask(
    request: HttpRequest, account: Account, form: SelectionForm, rows: Sequence[Row], sums: str
) -> HttpResponse:
    form.ask()
    changes = sum(row.is_change for row in rows)
    refused = sum(row.is_refused for row in rows)
    question = ngettext("Change %d API user?", "Change %d API users?", changes) % changes
    context = {
        "form": form,
        "back": back_to_list(request, account),
        "rows": rows,
        "sums": sums,
        "refused": _refused(
            rows, ngettext("%d cannot be changed.", "%d cannot be changed.", refused)
        ),
        "heading": question if changes else _("Nothing would change"),
        "is_asking": changes > 0,
    }
    return show(request, "sms/api_users/selected_steps.html", account, context)


def _show_done(request: HttpRequest, account: Account, rows: Sequence[Row]) -> HttpResponse:
    count = sum(row.is_refused for row in rows)
    context = {
        "back": back_to_list(request, account),
        "rows": rows,
        "refused": _refused(rows, ngettext("%d was not changed.", "%d were not changed.", count)),
        "heading": _("What came of it"),
    }
    return show(request, "sms/api_users/selected_steps.html", account, context)


def _refused(rows: Sequence[Row], text: str) -> str:
    count = sum(row.is_refused for row in rows)
    return text % count if count else ""


def _sums(steps: Sequence[QuotaStep]) -> str:
    """Say how many credits go which way in all."""
    moved = [step.given for step in steps if step.ending == Ending.CHANGED]
    given = sum((credits for credits in moved if credits > 0), Decimal(0))
    taken = -sum((credits for credits in moved if credits < 0), Decimal(0))
    return _("The account gives %(given)s credits and gets %(taken)s back.") % {
        "given": shown_credits(given),
        "taken": shown_credits(taken),
    }


def _quota_row(step: QuotaStep, *, is_done: bool = False) -> Row:
    return _row(step, _quota_told(step.before), _quota_told(step.after), is_done=is_done)


def _quota_told(quota: Decimal | None) -> str:
    return _("no quota") if quota is None else shown_credits(quota)


def _limit_row(step: LimitStep, *, is_done: bool = False) -> Row:
    return _row(step, _limit_told(step.before), _limit_told(step.after), is_done=is_done)


def _limit_told(limit: Limit) -> str:
    if not limit.enabled:
        return _("off")
    addresses = [limit.email if limit.support != ApiUser.Support.SMS else ""]
    if limit.support != ApiUser.Support.EMAIL and limit.msisdn:
        addresses.append(f"+{limit.msisdn}")
    return ", ".join(filter(None, [shown_credits(limit.threshold), *addresses]))


def _row(step: QuotaStep | LimitStep, before: str, after: str, *, is_done: bool) -> Row:
    endings = {
        Ending.CHANGED: _("Changed") if is_done else _("Will change"),
        Ending.SAME: _("It is like that already"),
        Ending.NOT_COVERED: _("The account has not enough credits left"),
        Ending.NO_EMAIL: _("It has no e-mail address: enter one"),
        Ending.NO_NUMBER: _("It has no number for the SMS: enter one"),
        Ending.NO_THRESHOLD: _("It has no threshold: enter one"),
        Ending.GONE: _("It was deleted meanwhile"),
    }
    return Row(
        login=step.user.login,
        before=before,
        after=after,
        ending=endings[step.ending],
        is_change=step.ending == Ending.CHANGED,
        is_refused=step.ending not in (Ending.CHANGED, Ending.SAME),
    )
