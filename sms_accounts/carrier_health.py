"""How each carrier does: its bind, its speed, what it delivers, and what waits for it.

The number of questions to the database is the same for any number of carriers, lanes and messages;
each is answered by an index or by what was added up.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Q

from sms_accounts import carrier_tallies, checking, heartbeats, lanes
from sms_accounts.carrier_accounts import Known
from sms_accounts.models import CarrierTally, CarrierWatch, Heartbeat, Message, State

# How far back is looked: for what is shown of speed, and for the share that is delivered.
HOUR = timedelta(hours=1)
REPORTED_WITHIN = timedelta(minutes=30)

_COUNTS = ("taken", "refused", "later", "unanswered", "delivered", "failed")


@dataclass(frozen=True)
class Counted:
    """What was counted of a carrier in a span of time up to now."""

    counts: Mapping[str, int]
    submit_times: Sequence[Mapping[str, int]]
    dlr_times: Sequence[Mapping[str, int]]

    @property
    def submits(self) -> int:
        return self.answered + self.without_answer

    @property
    def answered(self) -> int:
        return self.counts["taken"] + self.counts["refused"]

    @property
    def without_answer(self) -> int:
        return self.counts["later"] + self.counts["unanswered"]

    @property
    def reports(self) -> int:
        return self.counts["delivered"] + self.counts["failed"]

    @property
    def percent_delivered(self) -> float | None:
        return 100 * self.counts["delivered"] / self.reports if self.reports else None

    def submit_time(self, share: float) -> timedelta | None:
        return carrier_tallies.quantile(self.submit_times, share)

    def dlr_time(self, share: float) -> timedelta | None:
        return carrier_tallies.quantile(self.dlr_times, share)


@dataclass(frozen=True, kw_only=True)
class Health:
    """One carrier at a moment; `waiting` is counted up to a limit."""

    carrier: Known
    watch: CarrierWatch
    has_life: bool
    tallies: Sequence[CarrierTally]
    at: datetime
    waiting: int = 0
    oldest: datetime | None = None
    under_way: int = 0
    held: int = 0
    orders: Collection[Sequence[str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.carrier.name

    @property
    def is_bound(self) -> bool:
        return self.carrier.is_bound and self.has_life

    @property
    def is_away(self) -> bool:
        """Tell whether nobody hands anything to it: it is switched off, or not bound."""
        return not (self.carrier.is_enabled and self.is_bound)

    @property
    def longest_wait(self) -> timedelta:
        return max(self.at - self.oldest, timedelta(0)) if self.oldest else timedelta(0)

    def within(self, span: timedelta) -> Counted:
        """Return what was counted in a span of an hour at most."""
        rows = [row for row in self.tallies if row.at >= self.at - span]
        return Counted(
            counts={name: sum(getattr(row, name) for row in rows) for name in _COUNTS},
            submit_times=[row.submit_times for row in rows],
            dlr_times=[row.dlr_times for row in rows],
        )


def look(now: datetime) -> list[Health]:
    """Return how all carriers do, by name."""
    serving = lanes.serving()
    alive = _alive()
    watches = {watch.name: watch for watch in CarrierWatch.objects.all()}
    tallies = _by_carrier(CarrierTally.objects.filter(at__gte=now - HOUR).order_by("at"))
    under_way, held = _submitting()
    waiting: defaultdict[str, list[lanes.Waiting]] = defaultdict(list)
    for each in lanes.waiting(now, most=checking.MOST_COUNTED):
        waiting[serving.waited_for(each.lane)].append(each)
    return [
        Health(
            carrier=known,
            watch=watches.get(known.name) or CarrierWatch(name=known.name),
            has_life=known.name in alive or not known.has_process,
            tallies=tallies[known.name],
            at=now,
            waiting=sum(each.count for each in waiting[known.name]),
            oldest=min((each.oldest for each in waiting[known.name] if each.oldest), default=None),
            under_way=under_way.get(known.name, 0),
            held=held.get(known.name, 0),
            orders=[order for order in serving.orders.values() if known.name in order],
        )
        for known in serving.known
    ]


def _alive() -> set[str]:
    """Return the carriers whose process showed a sign of life."""
    return {
        each.name.rpartition("@")[0]
        for each, silence in checking.heard(Heartbeat.Kind.SMPP)
        if silence <= heartbeats.SILENT_AFTER
    }


def _by_carrier(rows: Iterable[CarrierTally]) -> defaultdict[str, list[CarrierTally]]:
    found: defaultdict[str, list[CarrierTally]] = defaultdict(list)
    for row in rows:
        found[row.carrier].append(row)
    return found


def _submitting() -> tuple[dict[str, int], dict[str, int]]:
    """Return by carrier how many messages are under way to it, and how many it never answered."""
    rows = (
        Message.objects.filter(state=State.SUBMITTING)
        .values_list("carrier")
        .annotate(all=Count("pk"), held=Count("pk", filter=Q(claimed_until=None)))
    )
    found = list(rows)
    return (
        {carrier: every - held for carrier, every, held in found},
        {carrier: held for carrier, _every, held in found},
    )
