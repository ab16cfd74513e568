"""Which lane a message waits in, and what its carrier asks: the routes, as of two seconds ago."""

import time
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate

import structlog

from sms_accounts.models import Lane, Message, Route, RouteCarrier
from sms_accounts.models.route import NO_ROUTE

log = structlog.get_logger(__name__)

# A route that staff change counts everywhere after this time, for messages that come then.
REMEMBERED_FOR = timedelta(seconds=2)
_AHEAD = timedelta(seconds=1)

# API user, account and sender that a route is for; None and "" stand for any.
_Kind = tuple[int | None, int | None, str]


@dataclass(frozen=True)
class _Way:
    """The lanes of a route, and up to which place in a round each of them takes messages.

    `costs` has what its carriers ask for a part, where staff have told it.
    """

    lanes: Sequence[int]
    until: Sequence[int]
    costs: Mapping[str, Decimal]

    def lane_of(self, message_id: int) -> int:
        # Keys of messages count up: each round of them is shared out to the message.
        return self.lanes[bisect(self.until, message_id % self.until[-1])]


@dataclass(frozen=True)
class _Table:
    until: float
    by_kind: dict[_Kind, dict[str, _Way]] = field(default_factory=dict)


_remembered: _Table | None = None


def lanes_for(
    *, account_id: int, api_user_id: int | None, sender: str
) -> Callable[[str, int], int]:
    """Return what finds the lane of a message from its receiver's number and its own key."""
    fitting = _fitting(account_id, api_user_id, sender)
    if not fitting:
        return _no_route
    return lambda msisdn, message_id: _lane(fitting, msisdn, message_id)


def cost_of(message: Message, carrier_name: str) -> Decimal | None:
    """Return what a carrier asks for a part of a message, by the route that fits it, if known."""
    order = message.submission
    fitting = _fitting(message.account_id, order.api_user_id, order.sender)
    way = _way(fitting, message.msisdn)
    return way.costs.get(carrier_name) if way else None


def keep_fresh() -> None:
    """Read the routes anew before they are too old: for a thread that may wait for them."""
    if _remembered is None or _remembered.until < time.monotonic() + _AHEAD.total_seconds():
        _read()


def forget() -> None:
    """Forget the routes of this process (tests begin with that)."""
    global _remembered
    _remembered = None


def make_lanes() -> None:
    """Store the lanes that the routes need, in the transaction that changes these."""
    wanted = {
        Lane.written(order)
        for route in Route.objects.prefetch_related("carriers")
        for order, _share in orders(route.carriers.all())
    }
    Lane.objects.bulk_create(
        (Lane(carriers=carriers) for carriers in sorted(wanted)), ignore_conflicts=True
    )
    forget()


def orders(carriers: Iterable[RouteCarrier]) -> list[tuple[tuple[str, ...], int]]:
    """Return in which orders a route tries its carriers, and for which share of its messages.

    Each carrier of the first preference is the first for its share; where it is passed over the
    others follow, by preference, and of one preference the one with the largest share first.
    """
    ranked = sorted(carriers, key=lambda each: (each.preference, -each.share, each.carrier))
    firsts = [each for each in ranked if each.preference == ranked[0].preference]
    return [
        ((first.carrier, *(e.carrier for e in ranked if e is not first)), first.share)
        for first in firsts
    ]


def _no_route(_msisdn: str, _message_id: int) -> int:
    return NO_ROUTE


def _fitting(account_id: int, api_user_id: int | None, sender: str) -> list[dict[str, _Way]]:
    """Return the routes of each kind that is for such messages, the most specific kind first."""
    by_kind = _present().by_kind
    if not by_kind:
        return []
    kinds: list[_Kind] = [
        (user, account, name)
        for user, account in ((api_user_id, account_id), (None, account_id), (None, None))
        for name in (sender, "")
    ]
    # Without an API user the first two are the same as the next two, and found no sooner.
    return [by_kind[kind] for kind in kinds if kind in by_kind]


def _lane(fitting: Sequence[dict[str, _Way]], msisdn: str, message_id: int) -> int:
    way = _way(fitting, msisdn)
    return way.lane_of(message_id) if way else NO_ROUTE


def _way(fitting: Sequence[dict[str, _Way]], msisdn: str) -> _Way | None:
    for by_prefix in fitting:
        for length in range(len(msisdn), -1, -1):
            way = by_prefix.get(msisdn[:length])
            if way is not None:
                return way
    return None


def _present() -> _Table:
    table = _remembered
    if table is None or table.until < time.monotonic():
        return _read()
    return table


def _read() -> _Table:
    # Two who find them too old at once read them both, and either is right.
    global _remembered
    table = _Table(until=time.monotonic() + REMEMBERED_FOR.total_seconds())
    routes = list(Route.objects.filter(is_enabled=True).prefetch_related("carriers"))
    lanes = dict(Lane.objects.values_list("carriers", "id")) if routes else {}
    for route in routes:
        found = [
            (lanes.get(Lane.written(names)), share) for names, share in orders(route.carriers.all())
        ]
        known = [(lane, share) for lane, share in found if lane is not None]
        if not known or len(known) < len(found):
            # Messages then go as if there were no such route, instead of waiting for nobody.
            log.error("route_without_lanes", route=route.pk)
            continue
        way = _Way(
            lanes=[lane for lane, _share in known],
            until=list(accumulate(share for _lane, share in known)),
            costs={
                each.carrier: each.cost for each in route.carriers.all() if each.cost is not None
            },
        )
        kind = (route.api_user_id, route.account_id, route.sender)
        table.by_kind.setdefault(kind, {})[route.prefix] = way
    _remembered = table
    return table
