"""The dialogs of one API user: password, quota, limit, restrictions, protection."""

from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from sms_accounts import api_users, ledger, renewals, tasks
from sms_accounts.forms.confirmation import EndFormerPasswordForm
from sms_accounts.forms.passwords import PasswordForm
from sms_accounts.forms.protection import ProtectionForm
from sms_accounts.forms.quota import QuotaForm
from sms_accounts.forms.restrictions import RestrictionsForm
from sms_accounts.models import AddressUse, ApiUser
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views.account_page import (
    back_from,
    managed_api_user,
    posted,
    show,
    told,
    who,
)
from sms_accounts.views.limits import limit_dialog
from sms_accounts.views.new_password import show_password
from sms_accounts.views.recent_sign_in import recent_sign_in_required

# How long an address that called is shown, and how long it counts as in use.
SHOWN_FOR = timedelta(days=30)
IN_USE_FOR = timedelta(days=7)
MOST_ADDRESSES = 20
# How many addresses are named whose calls had the password in the URL.
MOST_URL_USES = 5


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_password(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    form = PasswordForm(posted(request), login=api_user.login)
    back = back_from(request, api_user)
    if form.is_valid():
        password = form.cleaned_data["password"]
        api_users.set_password(api_user, password, keep_former=form.keeping(), by=who(request))
        api_user.refresh_from_db(fields=["former_password", "former_password_until"])
        return show_password(request, api_user, password, back=back, is_new=False)
    context = {
        "form": form,
        "back": back,
        "and_back_to_list": urlencode({"next": back}),
        **_former_password(api_user),
    }
    return _show_dialog(request, "password", api_user, context)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_former_password(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    form = EndFormerPasswordForm(posted(request))
    back = back_from(request, api_user)
    if form.is_valid():
        changed = api_users.end_former_password(api_user, by=who(request))
        text = _("The old password of %(login)s works no longer.") % {"login": api_user.login}
        return told(request, back, text, changed=changed)
    context = {"form": form, "back": back, **_former_password(api_user)}
    return _show_dialog(request, "former_password", api_user, context)


def _former_password(api_user: ApiUser) -> dict[str, object]:
    """Return whether the old password still works, and its last use where one is known."""
    used = AddressUse.objects.accepted_of(api_user).filter(
        with_former_password=True, accepted_at__gte=api_user.password_changed_at
    )
    return {
        "has_former": api_user.has_former_password(timezone.now()),
        "former_use": used.first(),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_quota(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    held = api_user.wallet.credits if api_user.has_quota else None
    form = QuotaForm(
        posted(request),
        held=held,
        left=api_user.account.wallet.spendable,
        renewal=renewals.plan_of(api_user),
    )
    back = back_from(request, api_user)
    if form.is_valid():
        quota = form.cleaned_data["quota"]
        try:
            renewal = form.renewal()
            changed = api_users.set_renewing_quota(api_user, quota, renewal, by=who(request))
        except ledger.InsufficientCredits as refused:
            form.refuse(refused.available)
        else:
            tasks.ring(tasks.alert_due)
            return told(request, back, _quota_told(api_user, quota), changed=changed)
    return _show_dialog(request, "quota", api_user, {"form": form, "back": back})


def _quota_told(api_user: ApiUser, quota: Decimal | None) -> str:
    if quota is None:
        text = _("%(login)s has no quota now and spends the account's credits.")
        return text % {"login": api_user.login}
    text = _("%(login)s has a quota of %(credits)s credits now.")
    return text % {"login": api_user.login, "credits": shown_credits(quota)}


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_limit(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    back = back_from(request, api_user)
    return limit_dialog(request, api_user, template="sms/api_users/limit.html", back=back)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_restrictions(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    now = timezone.now()
    uses = AddressUse.objects.filter(api_user=api_user)
    in_use = uses.filter(accepted_at__gt=now - IN_USE_FOR).order_by("address")
    form = RestrictionsForm(
        posted(request),
        stored=api_user.restrictions,
        observed=api_user.restrictions_observed,
        in_use=in_use.values_list("address", flat=True),
    )
    back = back_from(request, api_user)
    if form.is_valid():
        networks, observed = form.networks(), form.cleaned_data["observed"]
        changed = api_users.set_restrictions(api_user, networks, observed=observed, by=who(request))
        text = _restrictions_told(api_user, networks, observed=observed)
        return told(request, back, text, changed=changed)
    since = now - SHOWN_FOR
    context = {"form": form, "back": back, "uses": _lately(uses, since=since)}
    return _show_dialog(request, "restrictions", api_user, context)


def _lately(uses: QuerySet[AddressUse], *, since: datetime) -> QuerySet[AddressUse]:
    """Return who called lately with the right password, the latest call first."""
    recent = uses.filter(Q(accepted_at__gt=since) | Q(refused_at__gt=since))
    latest = Greatest(Coalesce("accepted_at", "refused_at"), Coalesce("refused_at", "accepted_at"))
    return recent.order_by(latest.desc(), "address")[:MOST_ADDRESSES]


def _restrictions_told(api_user: ApiUser, networks: list[str], *, observed: bool) -> str:
    if not networks:
        text = _("http2sms accepts %(login)s from any address now.")
        return text % {"login": api_user.login}
    if observed:
        text = _("http2sms lists the calls of %(login)s that it would refuse, and refuses none.")
        return text % {"login": api_user.login}
    text = ngettext(
        "http2sms accepts %(login)s from %(count)s address or network only now.",
        "http2sms accepts %(login)s from %(count)s addresses or networks only now.",
        len(networks),
    )
    return text % {"login": api_user.login, "count": len(networks)}


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_protection(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    form = ProtectionForm(posted(request), stored=api_users.protection_of(api_user))
    back = back_from(request, api_user)
    if form.is_valid():
        changed = api_users.set_protection(api_user, form.protection(), by=who(request))
        text = _("The protection of %(login)s is saved.") % {"login": api_user.login}
        return told(request, back, text, changed=changed)
    in_url = AddressUse.objects.accepted_of(api_user).filter(method=AddressUse.Method.URL)
    context = {"form": form, "back": back, "url_uses": in_url[:MOST_URL_USES]}
    return _show_dialog(request, "protection", api_user, context)


def _show_dialog(
    request: HttpRequest, dialog: str, api_user: ApiUser, context: dict[str, object]
) -> HttpResponse:
    template = f"sms/api_users/{dialog}.html"
    return show(request, template, api_user.account, {"api_user": api_user, **context})
