"""All binds to one carrier: which of them a message goes over, and when."""

import threading
import time
from datetime import timedelta
from typing import Protocol

from sms_accounts.carriers.base import OutcomeUnknown, TryLater, turn_came
from sms_accounts.carriers.pacing import Pace
from sms_accounts.carriers.smpp import statuses
from sms_accounts.carriers.smpp.link import Link, Role, Timing
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.pdus import Command, Pdu
from sms_accounts.carriers.smpp.requests import Request, Requests
from sms_accounts.carriers.smpp.wire import Closed, NotWritten

# How long a message may wait for its turn. Well below the time for which it is claimed.
TURN_WITHIN = timedelta(seconds=20)


class Inbox(Protocol):
    """Takes what comes in, in the thread that reads: it must not keep it waiting."""

    def received(self, link: Link, pdu: Pdu) -> None:
        """A deliver_sm or data_sm came in, and waits for `link.answer`."""

    def late(self, reference: str, answer: Pdu) -> None:
        """The answer for a part came that was given up."""

    def changed(self, *, is_bound: bool, told: str) -> None:
        """A bind came about, or did not, or was lost."""


class Session:
    """The binds that the options ask for. Safe to share among threads."""

    def __init__(
        self,
        options: Options,
        inbox: Inbox,
        *,
        stopping: threading.Event | None = None,
        timing: Timing | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`stopping` may be set by anybody: nothing more is written then, and the binds end."""
        self.options = options
        self.pace = pace or Pace(options.rate)
        self._inbox = inbox
        self._requests = Requests()
        self._stopping = stopping or threading.Event()
        roles: tuple[Role, ...] = (
            ("transmitter", "receiver") if options.is_split else ("transceiver",)
        )
        self._links = [
            Link(
                options,
                role,
                requests=self._requests,
                owner=self,
                timing=timing or Timing(),
                stopping=self._stopping,
            )
            for _bind in range(options.binds)
            for role in roles
        ]

    def start(self) -> None:
        for link in self._links:
            link.start()

    def stop(self) -> None:
        """Write nothing more, wait a little for the answers under way, unbind and close."""
        self._stopping.set()
        self._wake()
        for link in self._links:
            link.join()

    @property
    def is_bound(self) -> bool:
        """Tell whether messages can be handed over now."""
        return any(link.takes_submits for link in self._links)

    @property
    def is_ready(self) -> bool:
        """Tell whether messages can be handed over, and would not have to wait for long."""
        return self.is_bound and not self.pace.is_paused

    @property
    def is_whole(self) -> bool:
        """Tell whether every bind is there."""
        return all(link.is_bound for link in self._links)

    @property
    def problem(self) -> str:
        """Return what is in the way of the binds, for staff."""
        return "; ".join(dict.fromkeys(link.problem for link in self._links if link.problem))

    def wait_until_bound(self, *, within: timedelta) -> bool:
        """Wait until every bind is there or one has failed; return which."""
        with self._requests.changed:
            self._requests.changed.wait_for(
                lambda: self.is_whole or bool(self.problem), within.total_seconds()
            )
        return self.is_whole

    def submit(self, body: bytes, *, reference: str) -> Pdu:
        """Hand a submit_sm over and return its answer; raises TryLater or OutcomeUnknown."""
        link, request = self._place(reference)
        try:
            self._wait_for_turn(request)
            request.is_written = True
            sent_at = time.monotonic()
            turn_came()
            link.write(Pdu(Command.SUBMIT_SM, statuses.OK, request.sequence, body))
        except NotWritten as broken:
            request.is_written = False
            self._requests.give_up(request)
            raise TryLater(f"the connection was lost: {broken}") from None
        except Closed:
            # What waits on this connection is given up by its reader, and this with it.
            pass
        if not request.done.wait(self.options.answer_within.total_seconds()):
            self._requests.give_up(request)
        if request.answer is None:
            raise OutcomeUnknown("no answer")
        if request.answer.status == statuses.OK:
            self.pace.speed_up(sent_at=sent_at)
        elif statuses.is_busy(request.answer.status, self.options):
            self.pace.slow_down(sent_at=sent_at)
        return request.answer

    def received(self, link: Link, pdu: Pdu) -> None:
        self._inbox.received(link, pdu)

    def late(self, reference: str, answer: Pdu) -> None:
        self._inbox.late(reference, answer)

    def changed(self, link: Link, told: str) -> None:
        self._wake()
        self._inbox.changed(is_bound=self.is_bound, told=told)

    def _wake(self) -> None:
        with self._requests.changed:
            self._requests.changed.notify_all()

    def _place(self, reference: str) -> tuple[Link, Request]:
        """Take a place in the window of the bind that has most room."""
        ends_at = time.monotonic() + TURN_WITHIN.total_seconds()
        with self._requests.changed:
            while True:
                bound = [link for link in self._links if link.takes_submits]
                if not bound or self._stopping.is_set():
                    raise TryLater(f"not bound: {self.problem or 'not yet'}")
                emptiest = min(bound, key=self._requests.open_on)
                if self._requests.open_on(emptiest) < self.options.window:
                    return emptiest, self._requests.register(
                        emptiest, Command.SUBMIT_SM, reference=reference
                    )
                if not self._requests.changed.wait(ends_at - time.monotonic()):
                    raise TryLater("the window is full")

    def _wait_for_turn(self, request: Request) -> None:
        """Wait as long as the pace demands; raises TryLater where that is too long, or the end."""
        ends_at = time.monotonic() + TURN_WITHIN.total_seconds()
        while (seconds := self.pace.take()) > 0:
            if time.monotonic() + seconds > ends_at or self._stopping.wait(seconds):
                self._requests.give_up(request)
                raise TryLater("its turn did not come")
        if request.is_over:
            raise NotWritten("it was lost meanwhile")
