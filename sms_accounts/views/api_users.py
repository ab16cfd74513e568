"""The tab "API users" of an account: the list, and the dialogs that add, stop and delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import (
    BooleanField,
    Case,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Q,
    QuerySet,
    When,
)
from django.db.models.expressions import Expression, OrderBy
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from sms_accounts import api_users as use_cases
from sms_accounts import spending, tasks
from sms_accounts.forms.confirmation import DeleteForm, EnabledForm
from sms_accounts.forms.passwords import AddForm
from sms_accounts.models import Account, AddressUse, Alert, ApiUser, Notification, QuotaRenewal
from sms_accounts.spending import Outlook
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views.account_page import (
    and_back,
    back_from,
    back_to_list,
    header,
    managed_account,
    managed_api_user,
    may_change,
    posted,
    show,
    told,
    visible_account,
    who,
)
from sms_accounts.views.api_user_words import addresses_of, renewal_lines, renewal_name
from sms_accounts.views.new_password import show_password
from sms_accounts.views.recent_sign_in import recent_sign_in_required

PAGE = 20
# Kinds of alerts that say that credits are low.
_LOW = (Alert.Kind.CROSSING, Alert.Kind.REMINDER)
# How long the list points at calls that the restrictions refused.
HINTED_FOR = timedelta(hours=24)
LOGIN = Lower("login")
_HAS_QUOTA = Q(wallet=F("quota_wallet"))
# What each column is sorted by. Equal rows follow in the order of their logins.
_SORTS: Mapping[str, Expression | F] = {
    "login": LOGIN,
    "quota-active": ExpressionWrapper(_HAS_QUOTA, output_field=BooleanField()),
    "quota": Case(When(_HAS_QUOTA, then=F("wallet__credits"))),
    "alert-active": F("alert_enabled"),
    "limit": F("alert_threshold"),
    "notification": Case(When(alert_threshold__isnull=False, then=F("alert_support"))),
    "last-alert": F("last_alert_at"),
    "last-use": F("last_used_at"),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """An API user as the list shows it."""

    api_user: ApiUser
    quota: Decimal | None
    renewal: QuotaRenewal | None
    renewal_name: str
    renewal_told: Sequence[str]
    outlook: Outlook | None
    notification: str
    addresses: Sequence[str]
    last_alert_at: datetime | None
    problems: Sequence[str]
    has_former_password: bool
    refused_addresses: int
    last_use: AddressUse | None
    last_use_told: Sequence[str]


@require_safe
def api_users(request: HttpRequest, name: str) -> HttpResponse:
    account = visible_account(request, name)
    search = request.GET.get("q", "").replace("\0", "").strip()
    sort = request.GET.get("sort", "login")
    if sort.removeprefix("-") not in _SORTS:
        sort = "login"
    listed = _listed(account, search=search, sort=sort)
    page = Paginator(listed, PAGE).get_page(request.GET.get("page"))
    return show(
        request,
        "sms/api_users/list.html",
        account,
        {
            **header(account, current="api-users"),
            "rows": _rows(list(page), account),
            "page_obj": page,
            "search": search,
            "sort": sort,
            "may_change": may_change(request, account),
            "and_back": and_back(request),
            "back_query": _back_query(request),
        },
    )


def _back_query(request: HttpRequest) -> str:
    """Return the query string by which the links of rows find back to what the list shows."""
    query = request.GET.urlencode()
    return f"?{urlencode({'next': f'?{query}'})}" if query else ""


def _listed(account: Account, *, search: str, sort: str) -> QuerySet[ApiUser]:
    found = ApiUser.objects.present().filter(account=account).select_related("wallet", "renewal")
    if sort.endswith("last-alert"):
        found = found.with_last_alert()
    if sort.endswith("last-use"):
        found = found.with_last_use()
    if search:
        found = found.filter(login__icontains=search)
    column = _SORTS[sort.removeprefix("-")]
    # Users without a value come last, whichever way the others go.
    first = OrderBy(column, descending=sort.startswith("-"), nulls_last=True)
    return found.order_by(first, LOGIN)


def _rows(api_users: Sequence[ApiUser], account: Account) -> list[Row]:
    now = timezone.now()
    for api_user in api_users:
        api_user.account = account
    pks = [api_user.pk for api_user in api_users]
    fired = dict(
        Alert.objects.filter(api_user__in=pks, kind__in=_LOW)
        .values_list("api_user")
        .annotate(latest=Max("crossed_at"))
    )
    problems = _problems(fired)
    left = {user.wallet_id: user.wallet.spendable for user in api_users}
    outlooks = spending.outlooks(left)
    last_uses = {use.api_user_id: use for use in AddressUse.objects.last_of(pks)}
    renewals: dict[int, QuotaRenewal] = {
        user.pk: user.renewal for user in api_users if hasattr(user, "renewal")
    }
    refused = _refused_addresses(pks, since=now - HINTED_FOR)
    return [
        Row(
            api_user=api_user,
            quota=api_user.wallet.credits if api_user.has_quota else None,
            renewal=renewals.get(api_user.pk),
            renewal_name=renewal_name(renewals[api_user.pk]) if api_user.pk in renewals else "",
            renewal_told=renewal_lines(renewals[api_user.pk]) if api_user.pk in renewals else [],
            # Others spend the account's credits too: how long those last stands above.
            outlook=outlooks.get(api_user.wallet_id) if api_user.has_quota else None,
            notification=(
                "" if api_user.alert_threshold is None else api_user.get_alert_support_display()
            ),
            addresses=addresses_of(api_user),
            last_alert_at=fired.get(api_user.pk),
            problems=problems.get(api_user.pk, []),
            has_former_password=api_user.has_former_password(now),
            refused_addresses=refused.get(api_user.pk, 0),
            last_use=last_uses.get(api_user.pk),
            last_use_told=_last_use_told(api_user, last_uses.get(api_user.pk)),
        )
        for api_user in api_users
    ]


def _refused_addresses(pks: Sequence[int], *, since: datetime) -> dict[int, int]:
    """Return from how many addresses calls were refused since a moment, for each user."""
    return dict(
        AddressUse.objects.filter(api_user__in=pks, refused_at__gt=since)
        .values_list("api_user")
        .annotate(addresses=Count("pk"))
    )


def _last_use_told(api_user: ApiUser, use: AddressUse | None) -> list[str]:
    if use is None or use.accepted_at is None:
        return []
    is_old = use.with_former_password or use.accepted_at < api_user.password_changed_at
    password = _("old password") if is_old else _("present password")
    method = use.get_method_display()
    return [use.address, f"{password}, {method}" if method else password]


def _problems(latest: Mapping[int, datetime]) -> dict[int, list[str]]:
    """Return what went wrong with the latest alert of each user, where something did."""
    failed = (
        Notification.objects.filter(
            alert__api_user__in=latest, alert__crossed_at__in=latest.values()
        )
        .exclude(state=Notification.State.DONE)
        .exclude(note="")
        .order_by("pk")
        .values_list("alert__api_user_id", "alert__crossed_at", "note")
    )
    problems: dict[int, list[str]] = {}
    for pk, crossed_at, note in failed:
        if crossed_at == latest[pk]:
            problems.setdefault(pk, []).append(note)
    return problems


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_add(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = AddForm(posted(request))
    back = back_to_list(request, account)
    if form.is_valid():
        password = form.cleaned_data["password"]
        try:
            api_user = use_cases.add(
                account, login=form.cleaned_data["login"], password=password, by=who(request)
            )
        except use_cases.LoginTaken:
            form.add_error(
                "login", _("This account has an API user of that name already. Choose another ID.")
            )
        else:
            return show_password(request, api_user, password, back=back)
    return show(request, "sms/api_users/add.html", account, {"form": form, "back": back})


@require_http_methods(["GET", "HEAD", "POST"])
def api_user_enabled(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    form = EnabledForm(posted(request), enable=not api_user.is_enabled)
    back = back_from(request, api_user)
    if form.is_valid():
        enable = form.cleaned_data["enabled"]
        reason = form.cleaned_data["reason"]
        changed = use_cases.set_enabled(api_user, enable, by=who(request), reason=reason)
        text = _("%(login)s may send again.") if enable else _("%(login)s can no longer send.")
        return told(request, back, text % {"login": api_user.login}, changed=changed)
    return show(
        request,
        "sms/api_users/enabled.html",
        api_user.account,
        {"form": form, "back": back, "api_user": api_user},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_delete(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    form = DeleteForm(posted(request))
    back = back_to_list(request, api_user.account)
    if form.is_valid():
        returned = use_cases.delete(api_user, by=who(request))
        tasks.ring(tasks.alert_due)
        text = _("%(login)s deleted.")
        if returned:
            text = _("%(login)s deleted; %(credits)s credits went back to the account.")
        values = {"login": api_user.login, "credits": shown_credits(returned)}
        return told(request, back, text % values)
    return show(
        request,
        "sms/api_users/delete.html",
        api_user.account,
        {
            "form": form,
            "back": back,
            "api_user": api_user,
            "held": api_user.wallet.credits if api_user.has_quota else None,
        },
    )
