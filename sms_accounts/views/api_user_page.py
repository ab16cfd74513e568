"""The page of one API user: how it stands, what its settings mean now, what it sent lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sms_accounts import outcomes, spending
from sms_accounts.models import Activity, AddressUse, ApiUser, Incident
from sms_accounts.spending import Outlook
from sms_accounts.views import activity_words
from sms_accounts.views.account_page import (
    and_back,
    header,
    may_change,
    show,
    visible_account,
    visible_api_user,
)
from sms_accounts.views.api_user_words import Paused, paused_words, settings_of

LOOKED_BACK = timedelta(days=30)
MOST_REFUSED = 10
MOST_CHANGES = 5


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An address from which calls with the right password were refused, or would have been."""

    address: str
    at: datetime
    times: int | None
    cause: str


@require_safe
def api_user(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    account = visible_account(request, name)
    found = visible_api_user(request, account, pk)
    now = timezone.now()
    last_use = AddressUse.objects.accepted_of(found).first()
    purses = (account.wallet, found.wallet)
    outlooks = spending.outlooks({purse.pk: purse.spendable for purse in purses})
    context = {
        **header(account, current="api-users", outlooks=outlooks),
        "api_user": found,
        "may_change": may_change(request, account),
        "and_back": and_back(request),
        **_quota(found, outlooks),
        "paused": None if found.is_enabled else _paused(found),
        "stopped": None if found.is_enabled else _stopped(found),
        "last_use": last_use,
        "settings": settings_of(found, now=now),
        "refused": _refused(found, since=now - LOOKED_BACK),
        "outcomes": outcomes.of_user(found, since=now - LOOKED_BACK),
        "changes": _changes(found),
    }
    return show(request, "sms/api_users/page.html", account, context)


def _quota(api_user: ApiUser, outlooks: Mapping[int, Outlook]) -> dict[str, object]:
    """Return what is left of a quota and what was used of it, for a bar; nothing without one."""
    if not api_user.has_quota:
        return {"quota": None}
    left = api_user.wallet.credits
    given = api_user.quota_given or left
    return {
        "quota": left,
        "used": max(given - left, Decimal(0)),
        "given": given,
        "quota_outlook": outlooks.get(api_user.wallet_id),
    }


def _paused(api_user: ApiUser) -> Paused | None:
    """Return which rule has stopped the user and why, where one has."""
    pausing = Incident.objects.pausing().filter(api_user=api_user).select_related("api_user")
    incident = pausing.order_by("-pk").first()
    return paused_words(incident, api_user.account) if incident else None


def _stopped(api_user: ApiUser) -> activity_words.Change | None:
    """Return when, by whom and why the user was stopped, where the change log knows it."""
    stops = Activity.objects.filter(api_user=api_user, action="disabled")
    stop = stops.select_related("by", "api_user").order_by("-pk").first()
    return activity_words.told(stop) if stop else None


def _changes(api_user: ApiUser) -> Sequence[activity_words.Change]:
    latest = Activity.objects.filter(api_user=api_user).select_related("by", "api_user")
    return [activity_words.told(each) for each in latest.order_by("-pk")[:MOST_CHANGES]]


def _refused(api_user: ApiUser, *, since: datetime) -> list[Refused]:
    """Return from where the user's calls were refused lately, and why; the latest first."""
    in_url = Q(method=AddressUse.Method.URL, accepted_at__gt=since)
    uses = AddressUse.objects.filter(
        Q(refused_at__gt=since)
        | Q(observed_at__gt=since)
        | (in_url if api_user.refuses_url_passwords else Q(pk=None)),
        api_user=api_user,
    ).order_by(F("refused_at").desc(nulls_last=True), "-pk")
    told = [_told(use, since=since) for use in uses[:MOST_REFUSED]]
    return sorted(told, key=lambda each: each.at, reverse=True)


def _told(use: AddressUse, *, since: datetime) -> Refused:
    if use.refused_at and use.refused_at > since:
        cause, at, times = _("Not among the restrictions"), use.refused_at, use.refusals
    elif use.observed_at and use.observed_at > since:
        cause = _("Accepted, but not among the restrictions, which only observe")
        at, times = use.observed_at, use.observations
    else:
        cause, at = _("The password was in the URL"), use.accepted_at or since
        return Refused(address=use.address, at=at, times=None, cause=cause)
    return Refused(address=use.address, at=at, times=times, cause=cause)
