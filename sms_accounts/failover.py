"""Passes carriers over that are down, slow or deliver too little, and takes them back.

Alone writes whether a carrier is passed over, and since when it is away. That moves no message:
who serves a lane follows from it, and what may be on air at a carrier stays with it; see `lanes`
and `delivery`.
"""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from sms_accounts import carrier_health, lanes
from sms_accounts.carrier_health import REPORTED_WITHIN, Health
from sms_accounts.models import CarrierSwitch, CarrierWatch

log = structlog.get_logger(__name__)

# How long something must be wrong before others take over: a bind that is made anew is none.
GRACE = timedelta(seconds=10)

# Submits fail where none of the last few minutes was answered, or half of many in the last one.
FAILED_WITHIN, FEW = timedelta(minutes=5), 3
FAILED_LATELY, MANY = timedelta(minutes=1), 10

LATENCY_WITHIN = timedelta(minutes=5)
ENOUGH_REPORTS = 20

# On the way back more is demanded, so that nobody goes to and fro at the threshold.
SLOW_ON_THE_WAY_BACK = 0.5
MORE_DELIVERED_ON_THE_WAY_BACK = 5

# Each time more within this span, a carrier is watched for twice as long before it is trusted.
REMEMBERED_FOR = timedelta(hours=6)
LONGEST_WATCH = timedelta(hours=1)


def watch() -> int:
    """Look at all carriers; return how many were passed over or taken back."""
    now = timezone.now()
    seen = carrier_health.look(now)
    if new := [health.watch for health in seen if health.watch.pk is None]:
        CarrierWatch.objects.bulk_create(new, ignore_conflicts=True)
    switched = sum(_follow(health, now) for health in seen)
    if switched:
        lanes.forget()
    return switched


def trouble_of(health: Health) -> str:
    """Return what is wrong with a carrier, as staff read it, or an empty text."""
    if not health.carrier.is_enabled:
        # Switched off it serves nothing anyway.
        return ""
    if not health.has_life:
        return "its process is not running"
    if not health.is_bound:
        return f"not bound: {health.carrier.told or 'not yet'}"
    return _failing(health) or _slow(health) or _behind(health) or _undelivered(health)


def _failing(health: Health) -> str:
    lately = health.within(FAILED_LATELY)
    if lately.submits >= MANY and 2 * lately.without_answer >= lately.submits:
        return f"{lately.without_answer} of {lately.submits} submits failed within a minute"
    recent = health.within(FAILED_WITHIN)
    if recent.without_answer >= FEW and not recent.answered:
        return f"none of {recent.submits} submits was answered"
    return ""


def _slow(health: Health) -> str:
    demanded, median = health.watch.slow_seconds, health.within(LATENCY_WITHIN).submit_time(0.5)
    if demanded is None or median is None:
        return ""
    factor = SLOW_ON_THE_WAY_BACK if health.watch.is_passed_over else 1.0
    if median.total_seconds() <= demanded * factor:
        return ""
    return f"half of its answers take longer than {median.total_seconds():.1f} s"


def _behind(health: Health) -> str:
    demanded = health.watch.queue_seconds
    if demanded is None or health.longest_wait <= timedelta(seconds=demanded):
        return ""
    return f"a message has waited for {health.longest_wait.total_seconds():.0f} s"


def _undelivered(health: Health) -> str:
    demanded, recent = health.watch.least_delivered, health.within(REPORTED_WITHIN)
    percent = recent.percent_delivered
    if demanded is None or percent is None or recent.reports < ENOUGH_REPORTS:
        return ""
    if health.watch.is_passed_over:
        demanded = min(demanded + MORE_DELIVERED_ON_THE_WAY_BACK, 100)
    if percent >= demanded:
        return ""
    return f"{percent:.0f} % of {recent.reports} parts were delivered"


def _follow(health: Health, now: datetime) -> bool:
    """Let a carrier's row follow how it does; return whether it was passed over or taken back."""
    trouble = trouble_of(health)
    if not _changes(health.watch, health, now):
        return False
    with transaction.atomic():
        # Somebody else may have looked at the same moment.
        row = CarrierWatch.objects.select_for_update().get(name=health.name)
        changes = _changes(row, health, now)
        if not changes:
            return False
        CarrierWatch.objects.filter(pk=row.pk).update(**changes)
        if "is_passed_over" not in changes:
            return False
        is_passed_over = bool(changes["is_passed_over"])
        CarrierSwitch.objects.create(
            carrier=row.name,
            is_passed_over=is_passed_over,
            because=(trouble or "it has been well for long enough")[:200],
            at=now,
        )
    log.warning("carrier_switched", carrier=row.name, passed_over=is_passed_over, because=trouble)
    return True


def _changes(row: CarrierWatch, health: Health, now: datetime) -> dict[str, object]:
    """Return what changes in a carrier's row, if anything."""
    trouble = trouble_of(health)
    if row.is_passed_over and not health.carrier.is_enabled:
        # Nobody can tell how it does.
        changes: dict[str, object] = {"well_since": None} if row.well_since else {}
    else:
        changes = (_next_outside if row.is_passed_over else _next_inside)(row, trouble, now)
    if health.is_away != (row.away_since is not None):
        changes["away_since"] = now if health.is_away else None
    return changes


def _next_inside(row: CarrierWatch, trouble: str, now: datetime) -> dict[str, object]:
    if not trouble:
        return {"trouble_since": None} if row.trouble_since else {}
    if row.trouble_since is None:
        return {"trouble_since": now}
    if now - row.trouble_since < GRACE:
        return {}
    return {
        "is_passed_over": True,
        "since": now,
        "because": trouble[:200],
        "well_since": None,
    }


def _next_outside(row: CarrierWatch, trouble: str, now: datetime) -> dict[str, object]:
    if trouble:
        is_known = row.because == trouble[:200] and row.well_since is None
        return {} if is_known else {"because": trouble[:200], "well_since": None}
    if row.well_since is None:
        return {"well_since": now}
    if now - row.well_since < _watched_for(row, now):
        return {}
    return {
        "is_passed_over": False,
        "since": now,
        "because": "",
        "trouble_since": None,
        "well_since": None,
    }


def _watched_for(row: CarrierWatch, now: datetime) -> timedelta:
    times = CarrierSwitch.objects.filter(
        carrier=row.name, is_passed_over=True, at__gte=now - REMEMBERED_FOR
    ).count()
    return min(row.well_for * (1 << min(max(times - 1, 0), 6)), max(LONGEST_WATCH, row.well_for))
