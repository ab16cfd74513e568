"""What was asked of an SMSC and is not answered yet, or was answered too late.

Sequence numbers go on over all binds of a process, and begin at random: an answer that comes on
another connection than its question, or after a new start, is never taken for that of another.
"""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import structlog

from sms_accounts.carriers.smpp.pdus import LAST_SEQUENCE, Command, Pdu

log = structlog.get_logger(__name__)

# Of how many questions that were given up the late answer is still understood.
_REMEMBERED = 20_000
_SUBMIT = Command.SUBMIT_SM


@dataclass(kw_only=True, eq=False)
class Request:
    """A question to the SMSC; `reference` is that of the part, where it submits one."""

    sequence: int
    command: int
    # Which link it went over, and only compared.
    link: object
    reference: str = ""
    answer: Pdu | None = None
    is_written: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        return self.done.is_set()


class Requests:
    """All open questions of a process, and those given up. Safe to share among threads."""

    def __init__(self) -> None:
        # Whoever waits for a place in the window waits for this.
        self.changed = threading.Condition()
        self._sequence = secrets.randbelow(LAST_SEQUENCE)
        self._open: dict[int, Request] = {}
        self._given_up: OrderedDict[int, str] = OrderedDict()

    def register(self, link: object, command: int, *, reference: str = "") -> Request:
        with self.changed:
            self._sequence = self._sequence % LAST_SEQUENCE + 1
            request = Request(
                sequence=self._sequence, command=command, link=link, reference=reference
            )
            self._open[request.sequence] = request
            return request

    def open_on(self, link: object) -> int:
        """Return how many parts wait for their answer on a link."""
        with self.changed:
            return sum(
                1 for request in self._open.values() if request.link is link and request.reference
            )

    def answered(self, pdu: Pdu) -> str:
        """Give an answer to whoever waits for it.

        Where nobody does any more, return the reference of the part that it is the answer for;
        otherwise an empty text.
        """
        with self.changed:
            request = self._open.get(pdu.sequence)
            if request is not None and pdu.answers(request.command):
                del self._open[pdu.sequence]
                request.answer = pdu
                request.done.set()
                self.changed.notify_all()
                return ""
            reference = self._given_up.pop(pdu.sequence, "") if pdu.answers(_SUBMIT) else ""
        if not reference:
            # Answered twice, or never asked.
            log.warning("smpp_answer_to_nothing", command=pdu.command, status=pdu.status)
        return reference

    def give_up(self, request: Request) -> None:
        """Wait no longer; where the answer came just now, it is there and nothing changes."""
        with self.changed:
            self._give_up(request)

    def lost(self, link: object) -> None:
        """Give up all that was asked on a link: its answers can come on another one only."""
        with self.changed:
            for request in [each for each in self._open.values() if each.link is link]:
                self._give_up(request)

    def _give_up(self, request: Request) -> None:
        if self._open.pop(request.sequence, None) is None:
            return
        if request.reference and request.is_written:
            self._given_up[request.sequence] = request.reference
            while len(self._given_up) > _REMEMBERED:
                self._given_up.popitem(last=False)
        request.done.set()
        self.changed.notify_all()
