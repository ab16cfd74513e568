"""Stores what came of calls: attempts, how receivers are, and when the next call follows."""

import random
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import bulk, callback_endpoints
from sms_accounts.callback_lines import LOOK_EVERY, SLOW, Lines, Standing
from sms_accounts.models import Callback, CallbackAttempt, CallbackEndpoint

log = structlog.get_logger(__name__)

# How many calls are stored together, and how long the first of them waits for the others.
STORED_AT_ONCE = 128
STORED_WITHIN = timedelta(milliseconds=50)

# After a call that failed, the next one follows in so long, or a tenth less or more, so that
# what failed together does not come back together; after the last, it is given up.
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 21600, 43200, 86400, 86400)
)
JITTER = 0.1

_GONE = 410

# A call over which the program itself stumbles is parked after so many tries in all.
MOST_FAULTS = 3

_ATTEMPTS = bulk.Table(
    CallbackAttempt, "callback_id", "at", "duration", "status", "problem", "answer"
)

_dice = random.SystemRandom()


@dataclass(frozen=True, kw_only=True)
class Outcome:
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


class Results:
    """What came of calls and is not stored yet: a transaction for many costs as much as for one.

    A worker that dies meanwhile has them made again.
    """

    def __init__(self) -> None:
        self._outcomes: list[tuple[Callback, Outcome]] = []
        self._endpoints: dict[int, CallbackEndpoint] = {}
        self._put_back: list[Callback] = []
        self._first_at = 0.0

    @property
    def are_stored(self) -> bool:
        return not self._outcomes

    @property
    def may_wait(self) -> timedelta:
        return STORED_WITHIN if self._outcomes else LOOK_EVERY

    @property
    def is_time(self) -> bool:
        waited = time.monotonic() - self._first_at
        return len(self._outcomes) >= STORED_AT_ONCE or waited >= STORED_WITHIN.total_seconds()

    def add(self, callback: Callback, outcome: Outcome, lines: Lines) -> None:
        """Keep what came of a call; the next one of its endpoint may begin."""
        if not self._outcomes:
            self._first_at = time.monotonic()
        self._endpoints[callback.pk] = lines.line_of(callback).endpoint
        self._put_back += lines.ended(callback, outcome.standing)
        self._outcomes.append((callback, outcome))

    def store(self) -> None:
        """Store all of it; what cannot be stored leaves the others alone."""
        outcomes, endpoints, put_back = self._outcomes, self._endpoints, self._put_back
        self._outcomes, self._endpoints, self._put_back = [], {}, []
        _put_back(put_back)
        _record_all(outcomes, endpoints)


def fault_of(problem: str) -> Outcome:
    return Outcome(at=timezone.now(), problem=problem, is_fault=True)


def _record_all(
    outcomes: Sequence[tuple[Callback, Outcome]], endpoints: Mapping[int, CallbackEndpoint]
) -> None:
    """Store what came of calls: all together, or each alone where one cannot be stored."""
    if not outcomes:
        return
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
    call: tuple[Callback, Outcome], endpoints: Mapping[int, CallbackEndpoint]
) -> None:
    """Store what came of one call; where that cannot be, it counts as a fault of the program."""
    callback, _outcome = call
    try:
        _record([call], endpoints)
    except Exception as fault:
        # Logged and counted as a try; the other calls go on.
        log.exception("callback_not_recorded", callback=callback.pk)
        stored = fault_of(f"The panel could not store it ({type(fault).__name__}).")
        _record([(callback, stored)], endpoints)


def _put_back(callbacks: Sequence[Callback]) -> None:
    """Let go what was taken ahead for an endpoint that takes no more for now."""
    if callbacks:
        taken = Callback.objects.open().filter(pk__in=[callback.pk for callback in callbacks])
        taken.update(claimed_until=None)


@transaction.atomic
def _record(
    outcomes: Sequence[tuple[Callback, Outcome]], endpoints: Mapping[int, CallbackEndpoint]
) -> None:
    # Endpoints first, in the order of their keys, as whoever claims locks them.
    for callback, outcome in sorted(outcomes, key=lambda each: endpoints[each[0].pk].pk):
        _note(endpoints[callback.pk], outcome)
    _ATTEMPTS.insert(
        (
            callback.pk,
            outcome.at,
            outcome.duration,
            outcome.status,
            outcome.problem[:200],
            outcome.answer,
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


def _note(endpoint: CallbackEndpoint, outcome: Outcome) -> None:
    if outcome.is_success:
        callback_endpoints.note_success(endpoint)
    elif outcome.status == _GONE:
        callback_endpoints.note_gone(endpoint, at=outcome.at)
    elif not outcome.is_fault:
        callback_endpoints.note_failure(endpoint, at=outcome.at, pause=outcome.pause)


def _after_failure(callback: Callback, outcome: Outcome, now: datetime) -> Callback:
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
