"""Runs the binds of one carrier: hands over what is due, and keeps what the carrier sends.

A receipt, and a message from a phone, is answered once it is stored, and not before: what the
database did not take, the carrier sends again.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from sms_accounts import (
    carrier_accounts,
    carrier_tallies,
    delivery,
    heartbeats,
    lanes,
    received_posts,
    recording,
    reports,
    sealing,
)
from sms_accounts.carriers.smpp import receipts, statuses
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.carriers.smpp.link import Link
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.pdus import MalformedPdu, Pdu
from sms_accounts.carriers.smpp.session import Session
from sms_accounts.models import Heartbeat, SmppCarrier

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/smpp"

# How often due messages are looked for, and what staff have set.
BETWEEN_LOOKS = timedelta(milliseconds=500)
BETWEEN_READINGS = timedelta(seconds=3)
# How many receipts are stored with one commit at most.
_MOST_AT_ONCE = 500

_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True)
class _Came:
    """A receipt or a message from a phone, which waits for its answer."""

    link: Link
    pdu: Pdu


@dataclass(frozen=True)
class _Late:
    reference: str
    answer: Pdu


@dataclass(frozen=True)
class _Told:
    is_bound: bool
    told: str


class Desk:
    """What comes in from the binds, on its way into the database: an Inbox of a session.

    The threads that read put it down here, and one thread works on it.
    """

    def __init__(
        self,
        carrier: Smpp,
        *,
        on_stored: Callable[[], None] = lambda: None,
        on_reply: Callable[[], None] = lambda: None,
    ) -> None:
        self._carrier = carrier
        self._on_stored = on_stored
        self._on_reply = on_reply
        self._waiting: queue.SimpleQueue[_Came | _Late | _Told | None] = queue.SimpleQueue()

    def received(self, link: Link, pdu: Pdu) -> None:
        self._waiting.put(_Came(link, pdu))

    def late(self, reference: str, answer: Pdu) -> None:
        self._waiting.put(_Late(reference, answer))

    def changed(self, *, is_bound: bool, told: str) -> None:
        self._waiting.put(_Told(is_bound, told))

    def close(self) -> None:
        """Let `work` end once everything before this is done."""
        self._waiting.put(None)

    def work(self) -> None:
        """Store what comes in until the desk is closed."""
        try:
            while self.work_once():
                pass
        finally:
            connection.close()

    def work_once(self) -> bool:
        """Wait for something, and store it with all that waits behind it; False at the end."""
        waiting = [self._waiting.get()]
        while len(waiting) < _MOST_AT_ONCE and not self._waiting.empty():
            waiting.append(self._waiting.get())
        if came := [each for each in waiting if isinstance(each, _Came)]:
            self._store(came)
        for each in waiting:
            if isinstance(each, _Late):
                self._record(each)
            elif isinstance(each, _Told):
                _tell(self._carrier.name, is_bound=each.is_bound, told=each.told)
        return None not in waiting

    def _store(self, came: Sequence[_Came]) -> None:
        told, replied, status = 0, 0, statuses.OK
        try:
            told, replied = keep(self._carrier.name, [each.pdu for each in came])
        except Exception:
            # Logged; whatever the reason, the carrier has them still.
            log.exception("receipts_not_stored", count=len(came))
            status = statuses.TRY_AGAIN
            connection.close()
        for each in came:
            each.link.answer(each.pdu, status=status)
        if told:
            self._on_stored()
        if replied:
            self._on_reply()

    def _record(self, late: _Late) -> None:
        try:
            read = partial(self._carrier.understand, late.answer)
            recording.record_late_answer(late.reference, read)
        except Exception:
            # Logged; its report will tell, or its account's policy decides.
            log.exception("late_answer_not_recorded")
            connection.close()


@transaction.atomic
def keep(carrier_name: str, came: Iterable[Pdu]) -> tuple[int, int]:
    """Store receipts and messages from phones as they came, all of them or none.

    Return how many there were of either.
    """
    told: list[bytes] = []
    replied: list[bytes] = []
    for pdu in came:
        (replied if _is_reply(pdu) else told).append(pdu.encode())
    reports.store_posts(carrier_name, told, CONTENT_TYPE)
    received_posts.store(carrier_name, replied, CONTENT_TYPE)
    return len(told), len(replied)


def _is_reply(pdu: Pdu) -> bool:
    try:
        return not receipts.is_receipt(receipts.message_in(pdu))
    except MalformedPdu:
        # Kept among the receipts, with what is wrong with it.
        return False


def _tell(name: str, *, is_bound: bool, told: str) -> None:
    """Leave word for staff; never fails, since it is but word."""
    try:
        SmppCarrier.objects.filter(name=name).update(
            is_bound=is_bound, bind_told=told[:200], bind_told_at=timezone.now()
        )
    except _AWAY as away:
        log.warning("bind_not_told", problem=type(away).__name__)
        connection.close()


class Process:
    """The binds of one carrier for as long as they are wanted; follows what staff set."""

    def __init__(
        self,
        name: str,
        *,
        on_stored: Callable[[], None],
        on_reply: Callable[[], None],
        on_delivered: Callable[[], None],
        on_recorded: Callable[[], None],
    ) -> None:
        self._name = name
        self._on_stored = on_stored
        self._on_reply = on_reply
        self._on_delivered = on_delivered
        self._on_recorded = on_recorded
        self._stopping = threading.Event()
        # Of the binds that there are now.
        self._unbinding = threading.Event()
        self._beats_at = 0.0
        self._said = ""

    def stop(self) -> None:
        """End soon, from a signal's handler: after the answers under way, and an unbind."""
        self._stopping.set()
        self._unbinding.set()

    def run(self) -> None:
        """Bind while staff want it, until somebody stops it."""
        try:
            while not self._stopping.is_set():
                self._beat()
                if (options := self._wanted()) is not None:
                    self._serve(options)
                else:
                    self._stopping.wait(BETWEEN_READINGS.total_seconds())
        finally:
            heartbeats.end(Heartbeat.Kind.SMPP, self._heartbeat)

    @property
    def _heartbeat(self) -> str:
        return f"{self._name}@{socket.gethostname()}"

    def _beat(self) -> None:
        if time.monotonic() >= self._beats_at:
            self._beats_at = time.monotonic() + heartbeats.BETWEEN.total_seconds()
            heartbeats.note(Heartbeat.Kind.SMPP, self._heartbeat)

    def _wanted(self) -> Options | None:
        """Return what staff have set, or None where it is switched off or cannot be."""
        try:
            row = SmppCarrier.objects.get(name=self._name)
            if row.is_enabled:
                return carrier_accounts.binding_options_of(row)
            self._idle("switched off")
        except sealing.Unreadable:
            self._idle("the password cannot be read: type it in again")
        except _AWAY as away:
            log.warning("carrier_not_read", carrier=self._name, problem=type(away).__name__)
            connection.close()
        return None

    def _idle(self, why: str) -> None:
        if self._said != why:
            self._said = why
            log.info("smpp_idle", carrier=self._name, told=why)
            _tell(self._name, is_bound=False, told=why)

    def _serve(self, options: Options) -> None:
        """Hold the binds of these options until others are wanted."""
        self._said = ""
        desk = Desk(Smpp(options), on_stored=self._on_stored, on_reply=self._on_reply)
        self._unbinding = threading.Event()
        session = Session(options, desk, stopping=self._unbinding)
        clerk = threading.Thread(target=desk.work, name="desk")
        clerk.start()
        session.start()
        try:
            while not self._stopping.is_set():
                self._deliver(Smpp(options, session), session)
                self._beat()
                if self._is_changed(options):
                    log.info("smpp_options_changed", carrier=self._name)
                    return
        finally:
            session.stop()
            desk.changed(is_bound=False, told="unbound")
            desk.close()
            clerk.join()

    def _is_changed(self, options: Options) -> bool:
        try:
            row = SmppCarrier.objects.get(name=self._name)
            return not row.is_enabled or carrier_accounts.binding_options_of(row) != options
        except sealing.Unreadable:
            return True
        except _AWAY:
            # What is bound stays bound.
            connection.close()
            return False

    def _deliver(self, carrier: Smpp, session: Session) -> None:
        """Hand over what is due, for as long as settings may stay unread."""
        ends_at = time.monotonic() + BETWEEN_READINGS.total_seconds()

        def goes_on() -> bool:
            is_time = time.monotonic() < ends_at
            return is_time and session.is_ready and not self._stopping.is_set()

        while goes_on():
            if not self._deliver_due(carrier, goes_on):
                self._stopping.wait(BETWEEN_LOOKS.total_seconds())
        if not session.is_ready:
            self._stopping.wait(BETWEEN_LOOKS.total_seconds())

    def _deliver_due(self, carrier: Smpp, goes_on: Callable[[], bool]) -> bool:
        try:
            carrier_tallies.store()
            if not lanes.due([carrier.name], timezone.now()):
                return False
            done = delivery.deliver_all(carrier, goes_on=goes_on, on_recorded=self._on_recorded)
        except Exception:
            # Logged; what is due stays due.
            log.exception("not_delivered", carrier=carrier.name)
            connection.close()
            return False
        if done:
            self._on_delivered()
        return bool(done)
