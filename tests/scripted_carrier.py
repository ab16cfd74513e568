"""A carrier that answers as a test tells it, and writes down what it was handed."""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping

import pytest
from django.conf import settings
from django.utils import timezone

from sms_accounts import carriers, handover, recording, reports
from sms_accounts.carriers import Dlr, MalformedDlr, Submit
from sms_accounts.models import Attempt, Message

# An id, a failure to raise, or what finds either when it sees the part.
Step = str | Exception | Callable[[Submit], "str | Exception"]

PTT = {
    "enroute": 3,
    "delivered": 4,
    "expired": 8,
    "undeliverable": 5,
    "rejected": 20,
    "unknown": 6,
}


class ScriptedCarrier:
    """Answers step by step as told, then takes everything."""

    name = "scripted"
    knows_references = True
    repeats_are_safe = False
    window = 16
    takes_long_texts = False
    dlr_answer = "OK"

    def __init__(self, *steps: Step):
        self.steps = deque(steps)
        self.submits: list[Submit] = []
        self._lock = threading.Lock()

    def submit(self, submit):
        with self._lock:
            self.submits.append(submit)
            step = self.steps.popleft() if self.steps else id_of(submit)
        answer = step(submit) if callable(step) else step
        if isinstance(answer, Exception):
            raise answer
        return answer

    def parse_dlrs(self, body: bytes, headers: Mapping[str, str], query: str = "") -> list[Dlr]:
        try:
            given = json.loads(body)
        except ValueError:
            raise MalformedDlr("the body is not JSON") from None
        return [Dlr(at=None, **each) for each in given]

    def authorised(self, headers: Mapping[str, str], secret: str = "") -> bool:
        return True

    @property
    def parts(self) -> list[int]:
        """The numbers of the parts it was handed, in their order."""
        return [submit.part for submit in self.submits]


def id_of(submit: Submit) -> str:
    return f"id-{submit.reference}"


def installed(monkeypatch: pytest.MonkeyPatch, *steps: Step) -> ScriptedCarrier:
    """Put a scripted carrier in the place of all others."""
    carrier = ScriptedCarrier(*steps)
    monkeypatch.setattr(carriers, "get", lambda name: carrier)
    monkeypatch.setattr(settings, "CARRIER", carrier.name)
    return carrier


def post(*dlrs: Mapping[str, object], carrier: str = ScriptedCarrier.name) -> None:
    """Store what the carrier sends in one call; nobody has read it yet."""
    reports.store_post(carrier, json.dumps(dlrs).encode(), "application/json")


def dlr(
    state: str = "delivered",
    *,
    reference: str | None = None,
    carrier_message_id: str | None = None,
    ptt: int | None = None,
    code: str = "",
) -> dict[str, object]:
    return {
        "reference": reference,
        "carrier_message_id": carrier_message_id,
        "state": state,
        "ptt": PTT[state] if ptt is None else ptt,
        "code": code or f"{state} err:000",
    }


def reported(message: Message, state: str = "delivered", *, part: int = 1, **given) -> None:
    """Let the carrier report on a part by our reference, and the panel read it."""
    attempt = Attempt.objects.filter(message=message, part=part).latest("id")
    post(dlr(state, reference=attempt.reference, **given))
    reports.record_dlrs()


def taken(attempt: Attempt, *, carrier_id: str = "A1") -> handover.Answer:
    return handover.Answer(
        attempt=attempt,
        outcome=Attempt.Outcome.TAKEN,
        carrier_message_id=carrier_id,
        at=timezone.now(),
    )


def refused(attempt: Attempt) -> handover.Answer:
    return handover.Answer(
        attempt=attempt,
        outcome=Attempt.Outcome.REJECTED,
        ptt=20,
        code="rejected err:000",
        at=timezone.now(),
    )


def answer(message: Message, attempts: list[Attempt]) -> None:
    """Store that the carrier took all parts; its ids are our references."""
    answers = [taken(attempt, carrier_id=attempt.reference) for attempt in attempts]
    recording.record_answers(message.pk, answers)
