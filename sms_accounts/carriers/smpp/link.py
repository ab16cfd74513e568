"""One bind that is kept: connected, bound, asked whether it is there, and bound anew when lost."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

import structlog

from sms_accounts.carriers.smpp import pdus, statuses
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.pdus import Command, MalformedPdu, Pdu
from sms_accounts.carriers.smpp.requests import Request, Requests
from sms_accounts.carriers.smpp.wire import Closed, NotWritten, Unreachable, Wire

log = structlog.get_logger(__name__)

Role = Literal["transceiver", "transmitter", "receiver"]

_BINDS: dict[Role, Command] = {
    "transceiver": Command.BIND_TRANSCEIVER,
    "transmitter": Command.BIND_TRANSMITTER,
    "receiver": Command.BIND_RECEIVER,
}


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Spans that only tests make shorter."""

    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(seconds=60)
    # A bind that held so long was a good one: the next wait is the shortest again.
    steady_after: timedelta = timedelta(seconds=30)
    # What answers may take at the end, before the connection is closed: together with the unbind
    # less than `serve` gives a process to end.
    patience: timedelta = timedelta(seconds=2)
    unbind_within: timedelta = timedelta(milliseconds=500)
    # How often a link that hears nothing looks up.
    tick: timedelta = timedelta(milliseconds=250)


class Owner(Protocol):
    """What a link reports to."""

    def received(self, link: "Link", pdu: Pdu) -> None:
        """A deliver_sm or data_sm came in, and waits for `link.answer`."""

    def late(self, reference: str, answer: Pdu) -> None:
        """The answer for a part came that nobody waits for any more."""

    def changed(self, link: "Link", told: str) -> None:
        """The link was bound or lost, or could not be bound; the text is for staff."""


class _Lost(Exception):
    """This life of the link is over; the text says why, for staff."""

    def __init__(self, why: str, *, is_hopeless: bool = False) -> None:
        super().__init__(why)
        self.is_hopeless = is_hopeless


class Link:
    """A bind in one role, with a thread of its own that reads and reconnects."""

    def __init__(
        self,
        options: Options,
        role: Role,
        *,
        requests: Requests,
        owner: Owner,
        timing: Timing,
        stopping: threading.Event,
    ) -> None:
        self.role: Role = role
        self.problem = ""
        self.is_bound = False
        self._options = options
        self._requests = requests
        self._owner = owner
        self._timing = timing
        self._wire: Wire | None = None
        # Once it is set the link takes no more, waits for what was asked, unbinds and closes.
        self._stopping = stopping
        self._failures = 0
        self._heard_at = 0.0
        self._enquired_at: float | None = None
        self._is_leaving = False
        self._waits_since: float | None = None
        self._splitter = pdus.Splitter()
        self._thread = threading.Thread(target=self._run, name=f"smpp-{role}", daemon=True)

    @property
    def takes_submits(self) -> bool:
        return self.is_bound and not self._is_leaving and self.role != "receiver"

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Wait for its end, which comes after `stopping` is set."""
        self._thread.join()

    def write(self, pdu: Pdu) -> None:
        """Write a PDU whole; raises NotWritten if nothing went out, Closed if perhaps some did."""
        wire = self._wire
        if wire is None:
            raise NotWritten("not connected")
        try:
            wire.send(pdu.encode())
        except Closed:
            # The rest of it would be taken for the beginning of the next.
            wire.close()
            raise

    def answer(self, pdu: Pdu, *, status: int = statuses.OK) -> None:
        """Answer a request of the SMSC; one that is gone will ask again."""
        try:
            self.write(pdus.response(pdu, status=status))
        except (NotWritten, Closed):
            log.info("smpp_answer_not_written", carrier=self._options.name)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._live()
                lost = _Lost("the carrier unbound")
            except _Lost as over:
                lost = over
            except Exception as fault:
                # Logged; the bind is tried again like any other that was lost.
                log.exception("smpp_link_failed", carrier=self._options.name)
                lost = _Lost(f"the program failed ({type(fault).__name__})")
            finally:
                self._end_life()
            if self._stopping.is_set():
                return
            is_steady = time.monotonic() - began >= self._timing.steady_after.total_seconds()
            self._failures = 1 if is_steady else self._failures + 1
            self._tell(str(lost), is_bound=False)
            self._stopping.wait(self._wait(is_hopeless=lost.is_hopeless).total_seconds())

    def _wait(self, *, is_hopeless: bool) -> timedelta:
        if is_hopeless:
            # Carriers lock those out who try a wrong password again and again.
            return self._timing.longest_wait
        wait = self._timing.first_wait * (1 << min(self._failures - 1, 10))
        return min(wait, self._timing.longest_wait)

    def _live(self) -> None:
        """Connect, bind, and attend to the connection until it ends or is no longer wanted."""
        try:
            self._wire = Wire(self._options)
        except Unreachable as unreachable:
            raise _Lost(f"cannot be reached: {unreachable}") from None
        self._splitter = pdus.Splitter()
        self._enquired_at = self._waits_since = None
        self._is_leaving = False
        self._heard_at = time.monotonic()
        self._bind()
        self._pump(until=self._is_over)
        if self._stopping.is_set() and not self._is_leaving:
            self._unbind()

    def _bind(self) -> None:
        options = self._options
        body = pdus.bind(
            system_id=options.system_id, password=options.password, system_type=options.system_type
        )
        asked = self._ask(_BINDS[self.role], body)
        self._pump(until=lambda: asked.is_over, within=options.answer_within)
        answer = asked.answer
        if answer is None:
            raise _Lost("no answer to the bind")
        if answer.status != statuses.OK:
            name = statuses.name_of(answer.status)
            is_hopeless = answer.status in statuses.BIND_REFUSALS
            raise _Lost(f"the bind was refused: {name}", is_hopeless=is_hopeless)
        security = self._wire.security if self._wire else ""
        told = f"bound as {self.role} to {pdus.system_id(answer.body) or 'a nameless SMSC'}"
        self._tell(told + (f" over {security}" if security else ""), is_bound=True)

    def _unbind(self) -> None:
        asked = self._ask(Command.UNBIND, b"")
        self._pump(until=lambda: asked.is_over, within=self._timing.unbind_within)

    def _ask(self, command: Command, body: bytes) -> Request:
        request = self._requests.register(self, command)
        try:
            self.write(Pdu(command, 0, request.sequence, body))
        except (NotWritten, Closed) as broken:
            raise _Lost(str(broken)) from None
        return request

    def _pump(self, *, until: Callable[[], bool], within: timedelta | None = None) -> None:
        """Take what comes in until something has come true, or for so long."""
        ends_at = time.monotonic() + within.total_seconds() if within else float("inf")
        while not until() and (now := time.monotonic()) < ends_at:
            self._keep_alive(now)
            try:
                octets = self._wire.receive(within=self._timing.tick) if self._wire else b""
                for pdu in self._splitter.feed(octets):
                    self._heard_at, self._enquired_at = time.monotonic(), None
                    self._take(pdu)
            except Closed as closed:
                raise _Lost(str(closed)) from None
            except MalformedPdu as malformed:
                raise _Lost(f"the carrier sent what is no SMPP: {malformed}") from None

    def _keep_alive(self, now: float) -> None:
        if self._enquired_at is not None:
            if now - self._enquired_at > self._options.answer_within.total_seconds():
                raise _Lost("the carrier is silent")
        elif now - self._heard_at > self._options.enquire_every.total_seconds():
            self._ask(Command.ENQUIRE_LINK, b"")
            self._enquired_at = now

    def _is_over(self) -> bool:
        """Tell whether nothing more is to be waited for, after a stop or the carrier's unbind."""
        if self._is_leaving:
            return self._has_waited(self._options.answer_within)
        return self._stopping.is_set() and self._has_waited(self._timing.patience)

    def _has_waited(self, longest: timedelta) -> bool:
        if not self._requests.open_on(self):
            return True
        now = time.monotonic()
        self._waits_since = self._waits_since or now
        return now - self._waits_since > longest.total_seconds()

    def _take(self, pdu: Pdu) -> None:
        if pdu.is_response:
            if pdu.answers(Command.SUBMIT_SM) and pdu.status == statuses.OK:
                # Whoever waits is not told an id that is none: this connection cannot be read.
                pdus.message_id(pdu.body)
            if reference := self._requests.answered(pdu):
                self._owner.late(reference, pdu)
        elif pdu.command == Command.ENQUIRE_LINK:
            self.answer(pdu)
        elif pdu.command in pdus.FROM_CARRIER:
            self._owner.received(self, pdu)
        elif pdu.command == Command.UNBIND:
            log.info("smpp_unbound_by_carrier", carrier=self._options.name)
            self._is_leaving = True
            self.answer(pdu)
        elif pdu.command != Command.ALERT_NOTIFICATION:
            log.warning("smpp_unknown_command", carrier=self._options.name, command=pdu.command)
            self._nack(pdu)

    def _nack(self, pdu: Pdu) -> None:
        try:
            self.write(pdus.nack(pdu, status=statuses.INVALID_COMMAND))
        except (NotWritten, Closed) as broken:
            raise _Lost(str(broken)) from None

    def _end_life(self) -> None:
        self.is_bound = False
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        self._requests.lost(self)

    def _tell(self, told: str, *, is_bound: bool) -> None:
        self.is_bound = is_bound
        self.problem = "" if is_bound else told
        event = "smpp_bound" if is_bound else "smpp_not_bound"
        log.info(event, carrier=self._options.name, role=self.role, told=told)
        self._owner.changed(self, told)
