"""Tells customers' URLs what became of their messages and who replied, and logs each attempt."""

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sms_accounts import (
    callback_replays,
    callback_requests,
    callback_secrets,
    outbound,
    outbound_urls,
)
from sms_accounts.callback_lines import PLACES, Lines, Standing
from sms_accounts.callback_results import Outcome, Results, fault_of
from sms_accounts.models import (
    Account,
    ApiUser,
    Callback,
    MessageEvent,
)
from sms_accounts.outbound_connections import Connections

log = structlog.get_logger(__name__)

# How long one call may take, and when a worker that has not come back from its calls, and
# from those that it took ahead, is given up.
TIMEOUT = timedelta(seconds=10)
CLAIM = timedelta(minutes=1)

# After so long a place begins no other call of those that it was given together.
LONGEST_RUN = timedelta(milliseconds=100)

# For how long a new secret, or the end of one, may go unnoticed.
KEYS_KEPT = timedelta(seconds=1)

# A receiver that asks for time (Retry-After) is given it, but no more than this.
LONGEST_PAUSE = timedelta(hours=1)
_BUSY = (429, 503)

_running = threading.Lock()
_rung = threading.Event()


@dataclass(frozen=True)
class _Order:
    """A call that may be made without asking the database for anything."""

    callback: Callback
    keys: Sequence[bytes] = ()
    events: Sequence[MessageEvent] = field(default=())


def call_due() -> int:
    """Call the URLs that are due, and go on while there are any; return how many were called.

    One thread of a process does so at a time, with places for many calls; whoever comes
    meanwhile leaves word that there is something new.
    """
    called = 0
    _rung.set()
    while _rung.is_set() and _running.acquire(blocking=False):
        try:
            called += _call_all()
        finally:
            _running.release()
    return called


def _call_all() -> int:
    called = 0
    lines, results, keys = Lines(), Results(), _Keys()
    under_way: dict[Future[list[Outcome]], Sequence[Callback]] = {}
    # In this order: the calls end before their connections.
    with closing(Connections()) as connections, ThreadPoolExecutor(PLACES) as pool:
        while True:
            _rung.clear()
            if lines.may_look():
                began = time.monotonic()
                callback_replays.step_all()
                _claim(lines)
                lines.looked(timedelta(seconds=time.monotonic() - began))
            for orders in _orders(_next_of_places(lines), keys):
                future = pool.submit(_call_one_after_the_other, orders, connections)
                future.add_done_callback(lambda _future: _rung.set())
                under_way[future] = [order.callback for order in orders]
            if lines.is_empty and results.are_stored:
                return called
            _rung.wait(min(lines.may_wait, results.may_wait).total_seconds())
            ended = [future for future in under_way if future.done()]
            for future in ended:
                callbacks, outcomes = under_way.pop(future), future.result()
                made = callbacks[: len(outcomes)]
                lines.came_back(made, callbacks[len(outcomes) :])
                for callback, outcome in zip(made, outcomes, strict=True):
                    results.add(callback, outcome, lines)
                called += len(outcomes)
            if results.is_time or not under_way:
                results.store()


class _Keys:
    """What signs calls, looked up once a second."""

    def __init__(self) -> None:
        self._known: dict[Account | ApiUser, Sequence[bytes]] = {}
        self._until = 0.0

    def of(
        self, listeners: Collection[Account | ApiUser]
    ) -> Mapping[Account | ApiUser, Sequence[bytes]]:
        if time.monotonic() > self._until:
            self._known.clear()
            self._until = time.monotonic() + KEYS_KEPT.total_seconds()
        if new := {each for each in listeners if each not in self._known}:
            found = callback_secrets.valid_keys(new, timezone.now())
            self._known |= {each: found.get(each, ()) for each in new}
        return self._known


def _claim(lines: Lines) -> None:
    """Take what is due and has room, in one transaction."""
    now = timezone.now()
    if lines.has_due(now):
        with transaction.atomic():
            lines.take(now, until=now + CLAIM)


def _next_of_places(lines: Lines) -> list[list[Callback]]:
    """Return what each free place is to call, one after the other."""
    # In this order: each place has its first call before any has more.
    firsts = lines.next_calls()
    return [[first, *lines.along_with(first)] for first in firsts]


def _orders(of_places: Sequence[Sequence[Callback]], signing: _Keys) -> list[list[_Order]]:
    """Return the calls to make, with all that they tell and are signed with."""
    callbacks = [callback for each in of_places for callback in each]
    if not callbacks:
        return []
    keys = signing.of({_listener(callback) for callback in callbacks})
    events = _events_of([callback for callback in callbacks if _is_posted(callback)])
    return [
        [
            _Order(
                callback,
                keys=keys[_listener(callback)],
                events=events.get(callback.message_id or 0, ()),
            )
            for callback in each
        ]
        for each in of_places
    ]


def _is_posted(callback: Callback) -> bool:
    return _method(callback) == callback_requests.POST


def _method(callback: Callback) -> str:
    return _listener(callback).callback_method


def _listener(callback: Callback) -> ApiUser | Account:
    """Return whose URL is called; both were loaded with the callback."""
    return callback.api_user or callback.account


def _events_of(callbacks: Sequence[Callback]) -> Mapping[int, list[MessageEvent]]:
    events: dict[int, list[MessageEvent]] = {}
    messages = {callback.message_id for callback in callbacks if callback.message_id}
    if messages:
        for event in MessageEvent.objects.filter(message__in=messages).order_by("id"):
            events.setdefault(event.message_id, []).append(event)
    return events


def _call_one_after_the_other(orders: Sequence[_Order], connections: Connections) -> list[Outcome]:
    """Make calls to one URL, the first in any case; return what came of those that were made.

    The others wait for one that has trouble as long as that takes, `TIMEOUT` at most, and are then
    left for other places. Runs in a thread of its own and never touches the database.
    """
    until = time.monotonic() + LONGEST_RUN.total_seconds()
    outcomes = []
    for order in orders:
        outcomes.append(_outcome(order, connections))
        if outcomes[-1].standing is not Standing.GOOD or time.monotonic() > until:
            break
    return outcomes


def _outcome(order: _Order, connections: Connections) -> Outcome:
    try:
        return _call(order, connections)
    except Exception as fault:
        # Logged and counted as a try; the other calls go on.
        log.exception("callback_failed")
        return fault_of(f"The panel could not make this call ({type(fault).__name__}).")


def _call(order: _Order, connections: Connections) -> Outcome:
    """Call a URL once."""
    at = timezone.now()
    request = callback_requests.request_of(
        order.callback.url,
        callback_requests.change_of(order.callback, order.events),
        method=_method(order.callback),
        keys=order.keys,
        at=at,
    )
    try:
        answer = send(request, connections=connections)
    except outbound_urls.NotAllowed as refused:
        return Outcome(at=at, problem=refused.refusal.value, is_final=True)
    except outbound.CallFailed as failed:
        return Outcome(at=at, duration=timezone.now() - at, problem=failed.reason.value)
    return Outcome(
        at=at,
        duration=answer.duration,
        status=answer.status,
        answer=shown(answer),
        pause=_pause(answer, at),
    )


def send(
    request: callback_requests.Request,
    *,
    timeout: timedelta | None = None,
    connections: Connections | None = None,
) -> outbound.Answer:
    """Make one call, under the rules of `outbound`; raises its exceptions."""
    trusted, timeout = settings.CALLBACK_TRUSTED_NETWORKS, timeout or TIMEOUT
    if request.body is None:
        return outbound.get(
            request.url,
            headers=request.headers,
            trusted=trusted,
            timeout=timeout,
            connections=connections,
        )
    return outbound.post(
        request.url,
        request.body,
        headers=request.headers,
        trusted=trusted,
        timeout=timeout,
        connections=connections,
    )


def shown(answer: outbound.Answer) -> str:
    """Return the first bytes of an answer, as text that any database takes."""
    return answer.body_start.decode("utf-8", "replace").replace("\0", "�")[:500]


def _pause(answer: outbound.Answer, now: datetime) -> timedelta | None:
    """Return for how long a receiver asks to be left alone, as far as that is granted."""
    asked = answer.header("Retry-After").strip()
    if answer.status not in _BUSY or not asked:
        return None
    if asked.isdecimal() and len(asked) <= 9:
        pause = timedelta(seconds=int(asked))
    else:
        try:
            pause = parsedate_to_datetime(asked) - now
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(pause, timedelta()), LONGEST_PAUSE)
