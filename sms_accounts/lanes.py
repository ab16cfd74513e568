"""Who serves which lane just now, and what waits in each: remembered for two seconds.

Messages wait in lanes; a lane is served by the first of its carriers that is not passed over. So
all that waits changes the carrier with one row of `CarrierWatch`, and no message is touched.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from sms_accounts import carrier_accounts
from sms_accounts.carrier_accounts import Known
from sms_accounts.models import CarrierWatch, Lane, Message
from sms_accounts.models.route import NO_ROUTE

REMEMBERED_FOR = timedelta(seconds=2)


@dataclass(frozen=True)
class Waiting:
    """What is due in a lane: how many, up to a limit, and since when the oldest."""

    lane: int
    count: int
    oldest: datetime | None


@dataclass(frozen=True)
class Serving:
    """The carriers and the lanes as they are, and which carrier serves each lane."""

    known: Sequence[Known]
    orders: Mapping[int, Sequence[str]]
    passed_over: Collection[str]

    def carrier_of(self, lane: int) -> str:
        """Return who serves a lane, or an empty text where none of its carriers is switched on.

        Where all are passed over the first one goes on: nobody else would try.
        """
        enabled = {each.name for each in self.known if each.is_enabled}
        names = [name for name in self.orders[lane] if name in enabled]
        return next((name for name in names if name not in self.passed_over), (names or [""])[0])

    def waited_for(self, lane: int) -> str:
        """Return who serves a lane, or would be the first to where nobody does."""
        return self.carrier_of(lane) or self.orders[lane][0]

    def lanes_of(self, carrier_name: str) -> tuple[int, ...]:
        return tuple(lane for lane in self.orders if self.carrier_of(lane) == carrier_name)


@dataclass(frozen=True)
class _Remembered:
    until: float
    lanes: Mapping[str, tuple[int, ...]]
    in_workers: tuple[str, ...]


_remembered: _Remembered | None = None


def served_by(carrier_name: str) -> tuple[int, ...]:
    """Return the lanes that a carrier is handed messages from."""
    return _present().lanes.get(carrier_name, ())


def in_workers() -> tuple[str, ...]:
    """Return the carriers without a process of their own, which workers hand messages to."""
    return _present().in_workers


def due(carrier_names: Iterable[str], now: datetime) -> list[str]:
    """Return those of these carriers that something is due for."""
    lanes = {each.lane for each in waiting(now, most=1) if each.count}
    return [name for name in carrier_names if lanes & set(served_by(name))]


def serving() -> Serving:
    """Read who serves what from the database, as it is now."""
    known = carrier_accounts.every()
    rows = Lane.objects.values_list("id", "carriers")
    orders = {lane: tuple(names.split(",")) for lane, names in rows}
    return Serving(
        known=known,
        orders={NO_ROUTE: (carrier_accounts.default_of(known),), **orders},
        passed_over=set(
            CarrierWatch.objects.filter(is_passed_over=True).values_list("name", flat=True)
        ),
    )


def forsaken(since: datetime) -> set[int]:
    """Return the lanes whose carriers have all been away since a moment, or are gone."""
    now = serving()
    away = CarrierWatch.objects.filter(away_since__lte=since).values_list("name", flat=True)
    here = {each.name for each in now.known} - set(away)
    return {lane for lane, order in now.orders.items() if not here & set(order)}


def forget() -> None:
    """Forget what this process remembers (tests begin with that)."""
    global _remembered
    _remembered = None


def _present() -> _Remembered:
    # Two who find it too old at once read it both, and either is right.
    global _remembered
    if _remembered is None or _remembered.until < time.monotonic():
        now = serving()
        _remembered = _Remembered(
            until=time.monotonic() + REMEMBERED_FOR.total_seconds(),
            lanes={each.name: now.lanes_of(each.name) for each in now.known},
            in_workers=tuple(
                each.name for each in now.known if each.is_enabled and not each.has_process
            ),
        )
    return _remembered


_MESSAGE, _LANE = Message._meta.db_table, Lane._meta.db_table
# Word for word as the index has it: SQLite takes a partial index only where it finds the same.
_DUE = "m.lane = l.id AND m.state = 'queued' AND m.parked_at IS NULL AND m.due_at <= %s"
# Also where they are but counted: without an order PostgreSQL would walk through a million messages
# of other lanes to find that this one is empty.
_ORDER = "ORDER BY m.due_at, m.id"
_ALL = (
    "SELECT l.id,"  # noqa: S608  # no outside text in it
    f" (SELECT COUNT(*) FROM (SELECT 1 FROM {_MESSAGE} m WHERE {_DUE} {_ORDER} LIMIT %s) AS found),"
    f" (SELECT m.due_at FROM {_MESSAGE} m WHERE {_DUE} {_ORDER} LIMIT 1)"
    f" FROM (SELECT {NO_ROUTE} AS id UNION ALL SELECT id FROM {_LANE}) l"
)


def statement(now: datetime, most: int) -> tuple[str, Sequence[Any]]:
    """Return what asks for all that waits, a look at the index for each lane, and its values."""
    moment = connection.ops.adapt_datetimefield_value(now)
    return _ALL, (moment, most, moment)


def waiting(now: datetime, *, most: int) -> list[Waiting]:
    """Return what is due in each lane, counted up to `most`."""
    with connection.cursor() as cursor:
        sql, values = statement(now, most)
        cursor.execute(sql, values)
        return [
            Waiting(lane=lane, count=count, oldest=_moment(oldest))
            for lane, count, oldest in cursor.fetchall()
        ]


def _moment(read: datetime | None) -> datetime | None:
    # SQLite has moments in UTC, and does not say so.
    return read and (read if read.tzinfo else read.replace(tzinfo=UTC))
