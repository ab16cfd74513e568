"""Tells customers' URLs what became of their messages, and logs each attempt."""

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import (
    callback_endpoints,
    callback_replays,
    callback_requests,
    callback_secrets,
    outbound,
    outbound_urls,
)
from sms_accounts.callback_lines import PLACES, SLOW, Lines, Standing
from sms_accounts.models import (
    Account,
    ApiUser,
    Callback,
    CallbackAttempt,
    CallbackEndpoint,
    MessageEvent,
)

log = structlog.get_logger(__name__)

# How long one call may take, and when a worker that has not come back from its calls, and
# from those that it took ahead, is given up.
TIMEOUT = timedelta(seconds=10)
CLAIM = timedelta(minutes=1)

# After a call that failed, the next one follows in so long, or a tenth less or more, so that
# what failed together does not come back together; after the last, it is given up.
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 21600, 43200, 86400, 86400)
)
JITTER = 0.1

# A receiver that asks for time (Retry-After) is given it, but no more than this.
LONGEST_PAUSE = timedelta(hours=1)
_BUSY = (429, 503)
_GONE = 410

# A call over which the program itself stumbles is parked after so many tries in all.
MOST_FAULTS = 3

_dice = random.SystemRandom()
_running = threading.Lock()
_rung = threading.Event()


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What came of one call."""

    at: datetime
    duration: timedelta | None = None
    status: int | None = None
    answer: str = ""
    problem: str = ""
    pause: timedelta | None = None
    is_final: bool = False
    is_fault: bool = False

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def standing(self) -> Standing | None:
        """Return what it shows of the endpoint; nothing where the program is at fault."""
        if self.is_fault:
            return None
        if not self.is_success:
            return Standing.FAILING
        return Standing.SLOW if self.duration and self.duration > SLOW else Standing.GOOD


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
    lines = Lines()
    under_way: dict[Future[_Outcome], Callback] = {}
    with ThreadPoolExecutor(PLACES) as pool:
        while True:
            _rung.clear()
            callback_replays.step_all()
            _claim(lines)
            for order in _orders(lines.next_calls()):
                future = pool.submit(_call, order)
                future.add_done_callback(lambda _future: _rung.set())
                under_way[future] = order.callback
            if lines.is_empty:
                return called
            _rung.wait(lines.may_wait.total_seconds())
            ended = [future for future in under_way if future.done()]
            outcomes = [(under_way.pop(future), _outcome(future)) for future in ended]
            _record_all(outcomes, lines)
            called += len(outcomes)


def _claim(lines: Lines) -> None:
    """Take what is due and has room, in one transaction."""
    now = timezone.now()
    if lines.has_due(now):
        with transaction.atomic():
            lines.take(now, until=now + CLAIM)


def _orders(callbacks: Sequence[Callback]) -> list[_Order]:
    """Return the calls to make, with all that they tell and are signed with."""
    if not callbacks:
        return []
    listeners = {_listener(callback) for callback in callbacks}
    keys = callback_secrets.valid_keys(listeners, timezone.now())
    events = _events_of([callback for callback in callbacks if _is_posted(callback)])
    return [
        _Order(
            callback,
            keys=keys.get(_listener(callback), ()),
            events=events.get(callback.message_id, ()),
        )
        for callback in callbacks
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
    if callbacks:
        messages = {callback.message_id for callback in callbacks}
        for event in MessageEvent.objects.filter(message__in=messages).order_by("id"):
            events.setdefault(event.message_id, []).append(event)
    return events


def _call(order: _Order) -> _Outcome:
    """Call a URL once. Runs in a thread of its own and never touches the database."""
    at = timezone.now()
    request = callback_requests.request_of(
        order.callback.url,
        callback_requests.change_of(order.callback, order.events),
        method=_method(order.callback),
        keys=order.keys,
        at=at,
    )
    try:
        answer = send(request)
    except outbound_urls.NotAllowed as refused:
        return _Outcome(at=at, problem=refused.refusal.value, is_final=True)
    except outbound.CallFailed as failed:
        return _Outcome(at=at, duration=timezone.now() - at, problem=failed.reason.value)
    return _Outcome(
        at=at,
        duration=answer.duration,
        status=answer.status,
        answer=shown(answer),
        pause=_pause(answer, at),
    )


def send(
    request: callback_requests.Request, *, timeout: timedelta | None = None
) -> outbound.Answer:
    """Make one call, under the rules of `outbound`; raises its exceptions."""
    trusted, timeout = settings.CALLBACK_TRUSTED_NETWORKS, timeout or TIMEOUT
    if request.body is None:
        return outbound.get(request.url, headers=request.headers, trusted=trusted, timeout=timeout)
    return outbound.post(
        request.url, request.body, headers=request.headers, trusted=trusted, timeout=timeout
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


def _outcome(call: Future[_Outcome]) -> _Outcome:
    try:
        return call.result()
    except Exception as fault:
        # Logged and counted as a try; the other calls go on.
        log.exception("callback_failed")
        return _fault(f"The panel could not make this call ({type(fault).__name__}).")


def _fault(problem: str) -> _Outcome:
    return _Outcome(at=timezone.now(), problem=problem, is_fault=True)


def _record_all(outcomes: Sequence[tuple[Callback, _Outcome]], lines: Lines) -> None:
    """Store what came of calls: all together, or each alone where one cannot be stored."""
    if not outcomes:
        return
    endpoints = {each.pk: lines.line_of(each).endpoint for each, _outcome in outcomes}
    put_back = []
    for callback, outcome in outcomes:
        put_back += lines.ended(callback, outcome.standing)
    _put_back(put_back)
    try:
        _record(outcomes, endpoints)
    except OperationalError:
        # The database is at fault: the calls are made again when their claims end.
        log.exception("callbacks_not_recorded", callbacks=len(outcomes))
    except Exception:
        # Logged; each call stands for itself now.
        log.exception("callbacks_not_recorded", callbacks=len(outcomes))
        for each in outcomes:
            _record_alone(each, endpoints)


def _record_alone(
    call: tuple[Callback, _Outcome], endpoints: Mapping[int, CallbackEndpoint]
) -> None:
    """Store what came of one call; where that cannot be, it counts as a fault of the program."""
    callback, _outcome = call
    try:
        _record([call], endpoints)
    except Exception as fault:
        # Logged and counted as a try; the other calls go on.
        log.exception("callback_not_recorded", callback=callback.pk)
        stored = _fault(f"The panel could not store it ({type(fault).__name__}).")
        _record([(callback, stored)], endpoints)


def _put_back(callbacks: Sequence[Callback]) -> None:
    """Let go what was taken ahead for an endpoint that takes no more for now."""
    if callbacks:
        taken = Callback.objects.open().filter(pk__in=[callback.pk for callback in callbacks])
        taken.update(claimed_until=None)


@transaction.atomic
def _record(
    outcomes: Sequence[tuple[Callback, _Outcome]], endpoints: Mapping[int, CallbackEndpoint]
) -> None:
    # Endpoints first, in the order of their keys, as whoever claims locks them.
    for callback, outcome in sorted(outcomes, key=lambda each: endpoints[each[0].pk].pk):
        _note(endpoints[callback.pk], outcome)
    CallbackAttempt.objects.bulk_create(
        CallbackAttempt(
            callback=callback,
            at=outcome.at,
            duration=outcome.duration,
            status=outcome.status,
            problem=outcome.problem[:200],
            answer=outcome.answer,
        )
        for callback, outcome in outcomes
    )
    now = timezone.now()
    done = [callback.pk for callback, outcome in outcomes if outcome.is_success]
    Callback.objects.filter(pk__in=done, done_at=None).update(
        claimed_until=None, tries=F("tries") + 1, done_at=now, given_up_at=None
    )
    failed = [_after_failure(*each, now) for each in outcomes if not each[1].is_success]
    Callback.objects.filter(done_at=None).bulk_update(
        failed, ["claimed_until", "tries", "due_at", "given_up_at"]
    )


def _note(endpoint: CallbackEndpoint, outcome: _Outcome) -> None:
    if outcome.is_success:
        callback_endpoints.note_success(endpoint)
    elif outcome.status == _GONE:
        callback_endpoints.note_gone(endpoint, at=outcome.at)
    elif not outcome.is_fault:
        callback_endpoints.note_failure(endpoint, at=outcome.at, pause=outcome.pause)


def _after_failure(callback: Callback, outcome: _Outcome, now: datetime) -> Callback:
    """Say in a row when the next call follows, or that none does."""
    most_tries = MOST_FAULTS if outcome.is_fault else len(WAITS) + 1
    is_last = outcome.is_final or outcome.status == _GONE or callback.tries + 1 >= most_tries
    # Another row than the one given: where this cannot be stored, it is decided again.
    row = copy(callback)
    if is_last:
        row.given_up_at = now
    else:
        jitter = 1 + _dice.uniform(-JITTER, JITTER)
        row.due_at = now + max(WAITS[callback.tries] * jitter, outcome.pause or timedelta())
    row.tries += 1
    row.claimed_until = None
    return row
