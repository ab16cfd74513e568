"""Adds up what carriers ask of us and what was taken for it, by days: alone writes these sums.

A message counts once, at its end: only then is it known which parts a carrier took, and whether
its credits went back. So the last days still grow. What a carrier says of a message after that is
not counted any more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import timezone

from sms_accounts.models import Attempt, CarrierDay, State

_SUMS = ("messages", "without_cost", "cost", "credits")


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a carrier took in some days; `without_cost` of its messages have no known cost."""

    messages: int = 0
    without_cost: int = 0
    cost: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal | None:
        """What is left of the credits, or None where that is not known of all messages."""
        return None if self.without_cost else self.credits - self.cost


@dataclass
class _Taken:
    """A message of which a carrier took parts."""

    carrier: str
    day: date
    cost: Decimal | None
    credits: Decimal


def add_up(ended: Collection[int]) -> None:
    """Add messages that have just come to their end; `counting` tells of each once."""
    days: dict[tuple[date, str], CarrierDay] = {}
    for taken in _taken_of(ended):
        key = (taken.day, taken.carrier)
        row = days.setdefault(key, CarrierDay(day=taken.day, carrier=taken.carrier))
        row.messages += 1
        row.without_cost += taken.cost is None
        row.cost += taken.cost or 0
        row.credits += taken.credits
    if not days:
        return
    for before in CarrierDay.objects.filter(day__in={day for day, _carrier in days}):
        if (before.day, before.carrier) in days:
            row = days[before.day, before.carrier]
            for name in _SUMS:
                setattr(row, name, getattr(row, name) + getattr(before, name))
    CarrierDay.objects.bulk_create(
        days.values(),
        update_conflicts=True,
        unique_fields=["day", "carrier"],
        update_fields=_SUMS,
    )


def since(day: date) -> dict[str, list[CarrierDay]]:
    """Return the days of each carrier from one on."""
    found: defaultdict[str, list[CarrierDay]] = defaultdict(list)
    for row in CarrierDay.objects.filter(day__gte=day).order_by("day"):
        found[row.carrier].append(row)
    return found


def together(days: Iterable[CarrierDay]) -> Costs:
    rows = list(days)
    return Costs(
        messages=sum(row.messages for row in rows),
        without_cost=sum(row.without_cost for row in rows),
        cost=sum((row.cost for row in rows), Decimal(0)),
        credits=sum((row.credits for row in rows), Decimal(0)),
    )


def _taken_of(ended: Collection[int]) -> Iterable[_Taken]:
    parts = (
        Attempt.objects.filter(message__in=ended, outcome=Attempt.Outcome.TAKEN)
        # What it took first and refused later it did not put on air.
        .exclude(state=State.REJECTED)
        .order_by("id")
        .values_list(
            "message", "carrier", "started_at", "cost", "message__state", "message__credits"
        )
    )
    found: dict[int, _Taken] = {}
    for message, carrier, started_at, cost, state, credits in parts:
        if (taken := found.get(message)) is not None:
            # The parts of one text go one way.
            taken.cost = None if taken.cost is None or cost is None else taken.cost + cost
            continue
        found[message] = _Taken(
            carrier=carrier,
            day=timezone.localdate(started_at),
            cost=cost,
            # Of a rejected message whoever paid has the credits back.
            credits=Decimal(0) if state == State.REJECTED else credits,
        )
    return found.values()
