"""Fills quotas up again at the start of each day, week or month, once each.

Who has spent less gets less, and who has more than the figure keeps it: a quota is filled up,
never cut. Where the account cannot pay the whole, it gives what it has; the rest follows as
soon as it can be paid, so that nobody gets more in a period than the figure.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from sms_accounts import activity, ledger, notices
from sms_accounts.models import Account, ApiUser, Notice, QuotaRenewal, User

log = structlog.get_logger(__name__)

Period = QuotaRenewal.Period

# Those that begin at the same moment take a while, and one mail tells of all.
TOLD_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How often a quota is filled up, and to which figure."""

    period: QuotaRenewal.Period
    credits: Decimal


def plan_of(user: ApiUser) -> Plan | None:
    stored = QuotaRenewal.objects.filter(api_user=user).first()
    return _plan(stored) if stored else None


def _plan(stored: QuotaRenewal) -> Plan:
    return Plan(period=Period(stored.period), credits=stored.credits)


def next_start(period: QuotaRenewal.Period, *, after: datetime, zone: ZoneInfo) -> datetime:
    """Return when the next period begins: at midnight where the account is."""
    today = after.astimezone(zone).date()
    return datetime.combine(_first_day(period, today), time(), tzinfo=zone)


def _first_day(period: QuotaRenewal.Period, today: date) -> date:
    match period:
        case Period.DAY:
            return today + timedelta(days=1)
        case Period.WEEK:
            return today + timedelta(days=7 - today.weekday())
        case _:
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def store(user: ApiUser, plan: Plan | None, *, by: User | None) -> bool:
    """Let a quota renew from the next period on, or (None) no longer.

    To be called in a transaction that holds the lock of the user.
    """
    before = plan_of(user)
    if before == plan:
        return False
    if plan is None:
        QuotaRenewal.objects.filter(api_user=user).delete()
    else:
        zone = ZoneInfo(user.account.time_zone)
        QuotaRenewal.objects.update_or_create(
            api_user=user,
            defaults={
                "period": plan.period,
                "credits": plan.credits,
                "missing": 0,
                "renews_at": next_start(plan.period, after=timezone.now(), zone=zone),
            },
        )
    activity.record(by, "renewal of quota changed", user, before=_told(before), after=_told(plan))
    return True


def _told(plan: Plan | None) -> dict[str, object]:
    if plan is None:
        return {"renews": None, "filled up to": None}
    return {"renews": str(plan.period), "filled up to": str(plan.credits)}


def forget_rest(user: ApiUser) -> None:
    """Let nothing follow of what was missing: somebody has said what the quota is now."""
    QuotaRenewal.objects.filter(api_user=user, missing__gt=0).update(missing=0)


def renew_due() -> int:
    """Fill up each quota whose period begins, and what was missing; return how many got credits."""
    now = timezone.now()
    due = QuotaRenewal.objects.filter(renews_at__lte=now).order_by("renews_at", "id")
    payable = QuotaRenewal.objects.filter(
        missing__gt=0,
        api_user__account__wallet__credits__gt=F("api_user__account__wallet__reserve"),
    ).order_by("id")
    filled = 0
    for fill, renewals in ((_renew, due), (_give_rest, payable)):
        for pk in list(renewals.values_list("pk", flat=True)):
            try:
                filled += fill(pk, now)
            except Exception:
                # What is wrong with one must not keep the others from their credits.
                log.exception("quota_not_renewed", renewal=pk)
    return filled


def _renew(pk: int, now: datetime) -> bool:
    """Begin the next period of a quota; return whether it got credits."""
    with transaction.atomic():
        found = _locked(pk)
        if found is None or found.renews_at > now:
            return False
        user = found.api_user
        held = user.wallet.credits
        wanted = max(found.credits - held, Decimal(0))
        given = ledger.give_more(user, wanted, reason=gettext_noop("Quota renewed"))
        zone = ZoneInfo(user.account.time_zone)
        begun_at = found.renews_at
        found.renews_at = next_start(Period(found.period), after=now, zone=zone)
        found.missing = wanted - given
        found.save(update_fields=["renews_at", "missing"])
        if found.missing:
            _tell_later(user.account, begun_at=begun_at, now=now)
        if wanted:
            _record(found, held=held, given=given)
    return given > 0


def _tell_later(account: Account, *, begun_at: datetime, now: datetime) -> None:
    """Have the holders told of all that begins with this period: once, when all had their turn."""
    matter = begun_at.isoformat()
    notices.tell_later(account, Notice.Kind.NOT_RENEWED, matter, at=now + TOLD_AFTER)


def _give_rest(pk: int, now: datetime) -> bool:
    """Give what was missing at the start of this period, as far as the account has it now."""
    with transaction.atomic():
        found = _locked(pk)
        if found is None or not found.missing or found.renews_at <= now:
            return False
        held = found.api_user.wallet.credits
        reason = gettext_noop("Rest of a renewed quota")
        given = ledger.give_more(found.api_user, found.missing, reason=reason)
        if not given:
            return False
        found.missing -= given
        found.save(update_fields=["missing"])
        _record(found, held=held, given=given)
    return True


def _locked(pk: int) -> QuotaRenewal | None:
    """Return a renewal as it is now, with its user locked; None where it has ended meanwhile.

    The user comes first, as for all who change a quota; while its row is locked nobody pays
    from its purse, and nobody else renews it.
    """
    locked = ApiUser.objects.select_for_update(of=("self",), no_key=True)
    if locked.filter(renewal=pk, deleted_at=None).values_list("pk").first() is None:
        return None
    users = QuotaRenewal.objects.select_related("api_user__account", "api_user__wallet")
    found = users.filter(pk=pk).first()
    return found if found and found.api_user.has_quota else None


def _record(renewal: QuotaRenewal, *, held: Decimal, given: Decimal) -> None:
    told = {"quota": str(held + given)}
    if renewal.missing:
        told["missing"] = str(renewal.missing)
    activity.record(
        None, "quota renewed", renewal.api_user, before={"quota": str(held)}, after=told
    )
