"""Hands the parts of messages to a carrier, in threads that never touch the database."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

import structlog
from django.utils import timezone

from sms_accounts import carrier_tallies, carriers, gsm
from sms_accounts.models import Attempt, Message

log = structlog.get_logger(__name__)

Outcome = Attempt.Outcome


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of handing one part to the carrier."""

    attempt: Attempt
    outcome: Attempt.Outcome
    carrier_message_id: str = ""
    ptt: int | None = None
    code: str = ""
    wait: timedelta | None = None
    # Which exception of ours came in between, if one did.
    fault: str = ""
    at: datetime


@dataclass(kw_only=True)
class Errand:
    """A claimed message, and the attempts still to be made; the first is stored as begun."""

    message: Message
    attempts: list[Attempt]
    answers: list[Answer] = field(default_factory=list)
    # What its parts say, once the first of them was handed over.
    texts: list[str] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        """Tell whether a part is left to hand over; after a refusal the rest stays here."""
        outcomes = (Outcome.TAKEN, Outcome.UNANSWERED)
        return bool(self.attempts and self.answers) and self.answers[-1].outcome in outcomes


def may_be_on_air(attempt: Attempt) -> bool:
    """Tell whether a carrier may have a part that is to be handed over once more."""
    return attempt.outcome == Outcome.NO_ANSWER


class Window:
    """What is under way to a carrier: so many messages at once, a part of each.

    To be used in a `with`, by one thread, which is told by `wake` that something came back, and
    that half of it did.
    """

    def __init__(self, carrier: carriers.Carrier, *, wake: Callable[[], object]) -> None:
        self.under_way = 0
        self._wake = wake
        self._carrier = carrier
        self._pool = ThreadPoolExecutor(carrier.window)
        self._ended: SimpleQueue[Errand] = SimpleQueue()
        # Somebody was woken, and has not looked at what is back since then.
        self._has_woken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    @property
    def room(self) -> int:
        return self._carrier.window - self.under_way

    @property
    def is_half_back(self) -> bool:
        return 2 * self._ended.qsize() >= self.under_way

    def send(self, errands: Iterable[Errand]) -> None:
        """Have the next part of each handed over, which is stored as begun."""
        for errand in errands:
            # In this order: in a process that is ending there are no more threads, and what none
            # has is not waited for.
            self._pool.submit(self._run, errand)
            self.under_way += 1

    def ended(self) -> list[Errand]:
        """Return all that are back."""
        errands = []
        # In this order: whoever comes back from here on wakes again.
        self._has_woken = False
        with suppress(Empty):
            while True:
                errands.append(self._ended.get_nowait())
        self.under_way -= len(errands)
        return errands

    def _run(self, errand: Errand) -> None:
        try:
            answer = hand_over(self._carrier, errand)
            if answer is not None:
                errand.answers.append(answer)
                errand.attempts = errand.attempts[1:]
        finally:
            self._ended.put(errand)
            # The first, and the one with which it is worth while; others would but disturb.
            if not self._has_woken or self.is_half_back:
                self._has_woken = True
                self._wake()


def hand_over(carrier: carriers.Carrier, errand: Errand) -> Answer | None:
    """Submit the next part of a message, or return None where all are away already."""
    if not errand.attempts:
        return None
    attempt = errand.attempts[0]
    try:
        submit = _submit_of(errand, attempt)
    except Exception as fault:
        # Logged and counted; nothing was sent.
        log.exception("not_handed_over", message=errand.message.pk)
        return Answer(
            attempt=attempt,
            outcome=Outcome.NOT_SENT,
            fault=type(fault).__name__,
            at=timezone.now(),
        )
    began = time.monotonic()
    answer = answer_of(attempt, partial(carrier.submit, submit))
    took = timedelta(seconds=time.monotonic() - carriers.asked_at(began))
    carrier_tallies.answered(attempt.carrier, answer.outcome, after=took)
    return answer


def _submit_of(errand: Errand, attempt: Attempt) -> carriers.Submit:
    message, submission = errand.message, errand.message.submission
    coding = _coding(submission.coding)
    if not errand.texts:
        texts = gsm.split(submission.text, coding=coding)
        # Where the carrier makes the parts itself, it is given a single piece.
        errand.texts = texts if len(texts) == submission.parts else [submission.text]
    return carriers.Submit(
        reference=attempt.reference,
        msisdn=message.msisdn,
        sender=submission.sender,
        text=errand.texts[attempt.part - 1],
        coding=coding,
        part=attempt.part,
        parts=submission.parts,
        concat_reference=message.pk % 256,
        message_class=submission.message_class,
    )


def _coding(stored: str) -> gsm.Coding:
    return "ucs2" if stored == "ucs2" else "gsm7"


def answer_of(attempt: Attempt, ask: Callable[[], str]) -> Answer:
    """Return what a carrier says to a part: an id, or one of the failures of `Carrier.submit`."""
    try:
        carrier_message_id = ask()
    except carriers.Rejected as refused:
        return Answer(
            attempt=attempt,
            outcome=Outcome.REJECTED,
            ptt=refused.ptt,
            code=refused.code,
            at=timezone.now(),
        )
    except carriers.TryLater as later:
        return Answer(
            attempt=attempt, outcome=Outcome.TRY_LATER, wait=later.wait, at=timezone.now()
        )
    except carriers.OutcomeUnknown:
        return Answer(attempt=attempt, outcome=Outcome.UNANSWERED, at=timezone.now())
    except Exception as fault:
        # Logged and counted; it may have come after the first byte was written.
        log.exception("submit_failed", attempt=attempt.pk)
        return Answer(
            attempt=attempt,
            outcome=Outcome.UNANSWERED,
            fault=type(fault).__name__,
            at=timezone.now(),
        )
    return Answer(
        attempt=attempt,
        outcome=Outcome.TAKEN,
        carrier_message_id=carrier_message_id,
        at=timezone.now(),
    )
