"""The page of one API user: how it stands, what its settings mean now, what it sent lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sms_accounts import figures, outcomes, spending
from sms_accounts.figures import Totals
from sms_accounts.models import Activity, AddressUse, ApiUser, Incident
from sms_accounts.overview import DAYS, WEEK
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
    now, zone = timezone.now(), ZoneInfo(account.time_zone)
    days = figures.Days(now.astimezone(zone).date(), DAYS, zone)
    purses = (account.wallet, found.wallet)
    latest = _latest(found)
    held = getattr(found, "held", None) or Decimal(0)
    outlooks = spending.outlooks({purse.pk: purse.spendable for purse in purses})
    context = {
        **header(account, current="api-users", held=held, outlooks=outlooks),
        "api_user": found,
        "may_change": may_change(request, account),
        "and_back": and_back(request),
        **_quota(found, outlooks),
        **_use(found, latest),
        "settings": settings_of(found, now=now),
        "refused": _refused(found, since=days.since),
        "outcomes": outcomes.of_user(found, since=days.since),
        **_spending(found, days),
        "changes": [activity_words.told(each) for each in latest],
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


def _spending(api_user: ApiUser, days: figures.Days) -> dict[str, object]:
    """Return what a user spent by days, for a drawing, and in all."""
    found = figures.of_user(api_user, days)
    by_day = [found.get(day, Totals()) for day in days.days]
    return {
        # A quota that moved is in the figures too.
        "is_spent": any(totals.debited or totals.refunded for totals in by_day),
        "days": list(zip(days.days, by_day, strict=True)),
        "drawn_days": [
            (day, [("hue-account", totals.spent)])
            for day, totals in zip(days.days, by_day, strict=True)
        ],
        "spans": [
            (_("Today"), by_day[-1]),
            (_("7 days"), sum(by_day[-WEEK:], Totals())),
            (_("30 days"), sum(by_day, Totals())),
        ],
    }


def _use(api_user: ApiUser, latest: Sequence[Activity]) -> dict[str, object]:
    """Return when a user was used last, or what has stopped it."""
    if api_user.is_enabled:
        return {"last_use": AddressUse.objects.accepted_of(api_user).first()}
    paused = _paused(api_user)
    return {"paused": paused, "stopped": None if paused else _stopped(api_user, latest)}


def _paused(api_user: ApiUser) -> Paused | None:
    """Return which rule has stopped the user and why, where one has."""
    pausing = Incident.objects.pausing().filter(api_user=api_user).select_related("api_user")
    incident = pausing.order_by("-pk").first()
    return paused_words(incident, api_user.account) if incident else None


def _stopped(api_user: ApiUser, latest: Sequence[Activity]) -> activity_words.Change | None:
    """Return when, by whom and why the user was stopped, where the change log knows it."""
    stop = next((each for each in latest if each.action == "disabled"), None)
    if stop is None:
        stop = _changes(api_user).filter(action="disabled").first()
    return activity_words.told(stop) if stop else None


def _latest(api_user: ApiUser) -> list[Activity]:
    return list(_changes(api_user)[:MOST_CHANGES])


def _changes(api_user: ApiUser) -> QuerySet[Activity]:
    changes = Activity.objects.filter(api_user=api_user)
    return changes.select_related("by", "api_user").order_by("-pk")


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
