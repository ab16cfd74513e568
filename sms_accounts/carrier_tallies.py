"""Counts what carriers answer and report: in memory, and every few seconds in a row of a table.

A process that is killed takes some seconds of it along; that is health, and not books.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, log2

import structlog
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from sms_accounts.models import Attempt, CarrierTally

log = structlog.get_logger(__name__)

# How often a process that counted something stores it, and for how long that is kept.
STORED_EVERY = timedelta(seconds=5)
KEPT_FOR = timedelta(days=1)

# Times fall into classes, four for each doubling, from a millisecond on: what is told of them is
# right to a fifth.
_LEAST = 0.001
_CLASSES_IN_DOUBLING = 4

Outcome = Attempt.Outcome

_COLUMNS: Mapping[str, str] = {
    Outcome.TAKEN: "taken",
    Outcome.REJECTED: "refused",
    Outcome.TRY_LATER: "later",
    Outcome.UNANSWERED: "unanswered",
}


@dataclass
class _Counted:
    counts: Counter[str] = field(default_factory=Counter)
    submit_times: Counter[str] = field(default_factory=Counter)
    dlr_times: Counter[str] = field(default_factory=Counter)


_lock = threading.Lock()
_counted: dict[str, _Counted] = {}
_stored_at = 0.0


def answered(carrier: str, outcome: str, *, after: timedelta) -> None:
    """Count what a carrier made of a part that was handed to it, and how long that took."""
    column = _COLUMNS.get(outcome)
    if column is None:
        return
    with _lock:
        counted = _counted.setdefault(carrier, _Counted())
        counted.counts[column] += 1
        if column in ("taken", "refused"):
            counted.submit_times[_class_of(after)] += 1


def reported(carrier: str, *, is_delivered: bool, after: timedelta | None) -> None:
    """Count the last report on a part, and how long after its submission it came, if known."""
    with _lock:
        counted = _counted.setdefault(carrier, _Counted())
        counted.counts["delivered" if is_delivered else "failed"] += 1
        if after is not None:
            counted.dlr_times[_class_of(after)] += 1


def store(*, at_once: bool = False) -> None:
    """Store what was counted, unless that was done a moment ago; never fails."""
    global _stored_at, _counted
    with _lock:
        is_time = time.monotonic() >= _stored_at + STORED_EVERY.total_seconds()
        if not _counted or not (is_time or at_once):
            return
        _stored_at = time.monotonic()
        counted, _counted = _counted, {}
    now = timezone.now()
    try:
        CarrierTally.objects.bulk_create(
            CarrierTally(
                carrier=carrier,
                at=now,
                submit_times=dict(each.submit_times),
                dlr_times=dict(each.dlr_times),
                **each.counts,
            )
            for carrier, each in counted.items()
        )
    except (DatabaseError, InterfaceError) as away:
        log.warning("tallies_not_stored", problem=type(away).__name__)


def purge() -> int:
    """Remove what nobody looks at any more; return how many rows."""
    return CarrierTally.objects.filter(at__lt=timezone.now() - KEPT_FOR).delete()[0]


def forget() -> None:
    """Forget what this process counted (tests begin with that)."""
    global _stored_at
    with _lock:
        _counted.clear()
        _stored_at = 0.0


def quantile(times: Iterable[Mapping[str, int]], share: float) -> timedelta | None:
    """Return below which time so great a share of all lies, or None where there is none."""
    together: Counter[int] = Counter()
    for each in times:
        together.update({int(number): count for number, count in each.items()})
    left = ceil(sum(together.values()) * share)
    for number in sorted(together):
        left -= together[number]
        if left <= 0:
            return timedelta(seconds=_LEAST * 2 ** (number / _CLASSES_IN_DOUBLING))
    return None


def _class_of(span: timedelta) -> str:
    """Return the number of the first class whose upper end a time does not exceed."""
    return str(
        max(ceil(log2(max(span.total_seconds(), _LEAST) / _LEAST) * _CLASSES_IN_DOUBLING), 0)
    )
