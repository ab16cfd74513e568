"""Hands the parts of due messages to a carrier and records its answers.

Nothing waits for the network inside a transaction: messages are claimed and the attempt of a part
stored, then the carrier is spoken to, then what it answered is recorded, and the next part begun.
"""

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from sms_accounts import (
    bulk,
    carrier_accounts,
    carrier_tallies,
    due_messages,
    lanes,
    recording,
    unmade,
    unresolved,
)
from sms_accounts.carriers import Carrier
from sms_accounts.earlier_attempts import Earlier
from sms_accounts.handover import Errand, Window
from sms_accounts.models import Attempt, Message, MessageEvent, State

log = structlog.get_logger(__name__)

# How many parts are begun with one commit where the carrier promises nothing: between that and
# the write to the carrier, a worker that dies leaves attempts of which nobody knows that they were
# never made. Where repeating them is safe, as many as there are.
GROUP = 4

# How long a worker may take for a message, or for each part of a long one, before others may
# conclude that it is gone.
CLAIM = timedelta(minutes=1)
CLAIM_OF_PART = timedelta(seconds=15)

# How many carriers a worker hands messages to at the same time.
MOST_AT_ONCE = 32

# How often a worker that has something under way looks for what is due and after the rest.
LOOK_EVERY = timedelta(seconds=1)

# What comes back from a carrier waits for more for as long as storing the last took, until it is
# half of what is under way, and no longer than this: many together cost hardly more than one.
LONGEST_GATHERING = timedelta(milliseconds=100)

Outcome = Attempt.Outcome

_COLUMNS = ("id", "message_id", "part", "carrier", "reference", "outcome", "cost", "started_at")
_NEW = bulk.Table(Attempt, *_COLUMNS)
_BEGUN = bulk.Changes(Attempt, "outcome", "started_at", still=("outcome", "state"))


class _Desk:
    """Where what is due for one carrier is worked on in this process, by one thread at a time."""

    def __init__(self) -> None:
        self.is_taken = threading.Lock()
        # There may be something new.
        self.rung = threading.Event()


_desks: defaultdict[str, _Desk] = defaultdict(_Desk)


def _tell_nobody() -> None:
    """Take it that what was recorded is found by whoever looks next."""


def deliver_due(
    *, most: int | None = None, on_recorded: Callable[[], object] = _tell_nobody
) -> int:
    """Hand all messages that are due to carriers without a process of their own; return how many.

    `most` says how many at most, for each; `on_recorded` is called whenever answers were stored,
    and so there may be callbacks to make. With several carriers each has a thread, for as long as
    something is due for it: one that is slow keeps this call, and not the others.
    """
    names = lanes.in_workers()
    if len(names) == 1:
        return _deliver_to(names[0], most, on_recorded)
    _look_after_the_rest()
    delivered = 0
    at_it: dict[Future[int | None], str] = {}
    resting: dict[str, float] = {}
    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="deliver") as pool:
        while True:
            free = set(lanes.in_workers()) - set(at_it.values())
            rested = [name for name in free if resting.get(name, 0.0) <= time.monotonic()]
            for name in lanes.due(rested, timezone.now()):
                at_it[pool.submit(_deliver_in_thread, name, most, on_recorded)] = name
            if not at_it:
                return delivered
            ended, _going_on = wait(at_it, LOOK_EVERY.total_seconds(), FIRST_COMPLETED)
            for future in ended:
                name, done = at_it.pop(future), future.result()
                delivered += done or 0
                # Another thread is at it, or what is due cannot be had: no hurry to ask again. One
                # that failed is asked again when somebody rings.
                again_in = math.inf if done is None else LOOK_EVERY.total_seconds()
                resting[name] = time.monotonic() + again_in


def _deliver_in_thread(
    name: str, most: int | None, on_recorded: Callable[[], object]
) -> int | None:
    """Return how many were handed over, or None where that failed."""
    try:
        return _deliver_to(name, most, on_recorded)
    except Exception:
        # Logged; what is due stays due, and the other carriers go on.
        log.exception("not_delivered", carrier=name)
        return None
    finally:
        connection.close()


def _deliver_to(name: str, most: int | None, on_recorded: Callable[[], object]) -> int:
    """Hand over what is due for a carrier, with a window for many.

    Whoever comes meanwhile leaves word that there is something new.
    """
    desk = _desks[name]
    delivered = 0
    desk.rung.set()
    while desk.rung.is_set() and desk.is_taken.acquire(blocking=False):
        try:
            carrier = carrier_accounts.get(name)
            delivered += deliver_all(
                carrier, most=most, goes_on=_while_as_set(carrier, desk), on_recorded=on_recorded
            )
        finally:
            desk.is_taken.release()
    return delivered


def _while_as_set(carrier: Carrier, desk: _Desk) -> Callable[[], bool]:
    """Return what tells whether a carrier is still as staff have set it; if not, it rings."""
    is_so, look_at = True, time.monotonic() + LOOK_EVERY.total_seconds()

    def goes_on() -> bool:
        nonlocal is_so, look_at
        if is_so and time.monotonic() >= look_at:
            look_at = time.monotonic() + LOOK_EVERY.total_seconds()
            # What is under way goes on while nobody can be asked.
            with suppress(OperationalError, InterfaceError):
                is_so = carrier_accounts.get(carrier.name) is carrier
        if not is_so:
            # What is left is for the same as it is set now.
            desk.rung.set()
        return is_so

    return goes_on


def deliver_all(
    carrier: Carrier,
    *,
    most: int | None = None,
    goes_on: Callable[[], bool] = lambda: True,
    on_recorded: Callable[[], object] = _tell_nobody,
) -> int:
    """Go on until nothing is due or under way.

    While `goes_on` says no, nothing more is claimed, and what is under way comes to its end.
    A message that the carrier keeps waiting holds one place of the window, not the others. What
    comes back while something is stored is stored together after that.
    """
    claimed = 0
    look_at = took = 0.0
    rung = _desks[carrier.name].rung
    rung.clear()
    with Window(carrier, wake=rung.set) as window:
        while True:
            room = window.room if most is None else min(window.room, most - claimed)
            if not goes_on():
                room = 0
            try:
                if time.monotonic() >= look_at:
                    _look_after_the_rest()
                    look_at = time.monotonic() + LOOK_EVERY.total_seconds()
                if room >= min(GROUP, carrier.window) or (room and not window.under_way):
                    claimed += _take(window, carrier, room)
            except Exception:
                if not window.under_way:
                    raise
                # Logged; what is under way is stored first.
                log.exception("nothing_taken", under_way=window.under_way)
            if not window.under_way:
                return claimed
            rung.wait(LOOK_EVERY.total_seconds())
            gather(window, rung, longest=took)
            began = time.monotonic()
            # In this order: whoever rings from here on is heard by the next look.
            rung.clear()
            ended = window.ended()
            going_on = [errand for errand in ended if errand.goes_on]
            left = _begin(window, carrier, going_on)
            unmade.take_back()
            recording.record([errand for errand in ended if not errand.goes_on] + left)
            took = time.monotonic() - began
            if ended:
                on_recorded()


def gather(window: Window, rung: threading.Event, *, longest: float) -> None:
    """Wait until half of what is under way is back, but no longer than so many seconds."""
    until = time.monotonic() + min(longest, LONGEST_GATHERING.total_seconds())
    while not window.is_half_back and (left := until - time.monotonic()) > 0:
        rung.clear()
        rung.wait(left)


def _take(window: Window, carrier: Carrier, most: int) -> int:
    """Claim messages and hand over the first part of each; return how many."""
    group = _group(carrier)
    errands = [
        Errand(message=message, attempts=attempts)
        for message, attempts in _claim(carrier.name, most, begun=group)
    ]
    window.send(errands[:group])
    recording.record(_begin(window, carrier, errands[group:]))
    return len(errands)


def _group(carrier: Carrier) -> int:
    return carrier.window if carrier.repeats_are_safe else GROUP


def _begin(window: Window, carrier: Carrier, errands: Sequence[Errand]) -> list[Errand]:
    """Store that the next part of each is being handed over, and hand it over.

    Return those of which it could not be stored, or whose claim ends too soon. What was answered
    so far is recorded with the last part: if this worker dies, reports tell of it.
    """
    left: list[Errand] = []
    group = _group(carrier)
    for first in range(0, len(errands), group):
        some = errands[first : first + group]
        begun = _begun(some)
        window.send(errand for errand in some if errand.message.pk in begun)
        left += [errand for errand in some if errand.message.pk not in begun]
    return left


def _begun(errands: Sequence[Errand]) -> set[int]:
    """Begin the next parts of messages with one commit; return the messages of which it was.

    Nobody else touches a message for as long as the claim lasts, but for a report that comes.
    """
    now = timezone.now()
    nexts = {
        errand.attempts[0].pk: errand.attempts[0]
        for errand in errands
        if errand.attempts and (errand.message.claimed_until or now) >= now + CLAIM_OF_PART
    }
    try:
        with unmade.unless_stored(nexts.values(), begun_at=now):
            begun = _BEGUN.store(
                (pk, attempt.outcome, "", Outcome.UNANSWERED, now) for pk, attempt in nexts.items()
            )
    except Exception:
        # Logged; whatever is known of them is recorded.
        log.exception("parts_not_begun", messages=len(errands))
        return set()
    for pk in begun:
        nexts[pk].started_at = now
    return {nexts[pk].message_id for pk in begun}


def _look_after_the_rest() -> None:
    carrier_tallies.store()
    unmade.take_back()
    recording.record()
    unresolved.note_abandoned()
    unresolved.decide_due()
    queue_scheduled()


def _claim(
    carrier_name: str, size: int, *, begun: int | None = None
) -> list[tuple[Message, list[Attempt]]]:
    """Take due messages for this worker, and begin the first of the parts still to hand over.

    An attempt is stored as unanswered right before its part is written, and no sooner: the others
    of a message, and all but the `begun` first messages, are stored as not sent, so that they are
    simply due again if this worker dies.
    """
    now = timezone.now()
    firsts: list[Attempt] = []
    with unmade.unless_stored(firsts, begun_at=now), transaction.atomic():
        messages = due_messages.locked(carrier_name, size, now)
        most_parts = max((message.submission.parts for message in messages), default=0)
        claimed_until = now + max(CLAIM, most_parts * CLAIM_OF_PART)
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(
            state=State.SUBMITTING,
            state_since=now,
            claimed_until=claimed_until,
            carrier=carrier_name,
        )
        for message in messages:
            message.claimed_until = claimed_until
        earlier = Earlier(carrier_name, [message for message in messages if message.carrier])
        claimed = [(message, earlier.still_to_make(message, now)) for message in messages]
        firsts += [attempts[0] for _message, attempts in claimed[:begun] if attempts]
        for attempt in firsts:
            if not attempt.pk:
                attempt.outcome = Outcome.UNANSWERED
        _store([each for _message, attempts in claimed for each in attempts if not each.pk])
        if again := [each.pk for each in firsts if each.outcome != Outcome.UNANSWERED]:
            Attempt.objects.filter(pk__in=again).update(outcome=Outcome.UNANSWERED, started_at=now)
        for attempt in firsts:
            attempt.started_at = now
    return claimed


def _store(attempts: Sequence[Attempt]) -> None:
    if not attempts:
        return
    for attempt, key in zip(attempts, _NEW.next_ids(len(attempts))(), strict=True):
        attempt.pk = key
    _NEW.insert([getattr(attempt, name) for name in _COLUMNS] for attempt in attempts)


def queue_scheduled() -> int:
    """Queue the scheduled messages whose time has come; return how many."""
    queued = 0
    while pks := _queue_some(timezone.now()):
        queued += len(pks)
    return queued


@transaction.atomic
def _queue_some(now: datetime) -> list[int]:
    come = Message.objects.come(now).select_for_update(skip_locked=True, no_key=True)
    pks = list(come.values_list("pk", flat=True)[:500])
    # Who changed the row owns it: a cancellation that came first has taken it out of this state.
    Message.objects.filter(pk__in=pks, state=State.SCHEDULED).update(
        state=State.QUEUED, state_since=now
    )
    MessageEvent.objects.bulk_create(
        MessageEvent(message_id=pk, state=State.QUEUED, cause="Its time has come", at=now)
        for pk in pks
    )
    return pks
