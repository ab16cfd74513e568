"""Hands the parts of due messages to a carrier and records its answers.

Nothing waits for the network inside a transaction: messages are claimed and their attempts
stored, then the carrier is spoken to, then what it answered is recorded.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import carriers, gsm, reports, settling
from sms_accounts.models import Attempt, Message, MessageEvent, State

log = structlog.get_logger(__name__)

# How many messages are under way to the carrier at once, and how long a worker may take for
# them before others may conclude that it is gone.
WINDOW = 16
CLAIM = timedelta(minutes=2)

# What a carrier that takes nothing just now is given, try by try; then the message is refused.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (2, 5, 15, 60, 300, 900, 3600, 7200, 14400, 28800, 43200)
)

Outcome = Attempt.Outcome


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What came of handing one part to the carrier."""

    attempt: Attempt
    outcome: Attempt.Outcome
    carrier_message_id: str = ""
    ptt: int | None = None
    code: str = ""
    wait: timedelta | None = None
    at: datetime


def deliver_due(*, most: int | None = None) -> int:
    """Hand all messages that are due to the carrier, or the first `most`; return how many.

    A message that the carrier keeps waiting holds one place of the window, not the others.
    """
    note_abandoned()
    queue_scheduled()
    carrier = carriers.get(settings.CARRIER)
    claimed = 0
    under_way: dict[Future[list[_Answer]], Message] = {}
    with ThreadPoolExecutor(WINDOW) as pool:
        while True:
            # Not for each place that falls free: one claim for several costs one transaction.
            free = WINDOW - len(under_way) if len(under_way) <= WINDOW // 2 else 0
            size = free if most is None else min(free, most - claimed)
            for message, attempts in _claim(carrier.name, size) if size else []:
                under_way[pool.submit(_hand_over, carrier, message, attempts)] = message
                claimed += 1
            if not under_way:
                return claimed
            ended, _others = wait(under_way, return_when=FIRST_COMPLETED)
            for job in ended:
                _record_job(under_way.pop(job), job)


def _record_job(message: Message, job: Future[list[_Answer]]) -> None:
    try:
        _record_answers(message.pk, job.result())
    except Exception:
        # Logged; what the carrier answered for others counts.
        log.exception("answers_not_recorded", message=message.pk)


def _claim(carrier_name: str, size: int) -> list[tuple[Message, list[Attempt]]]:
    """Take due messages for this worker, and store an attempt for each part still to hand over."""
    now = timezone.now()
    with transaction.atomic():
        messages = list(
            Message.objects.due(now)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("submission")[:size]
        )
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(
            state=State.SUBMITTING,
            state_since=now,
            claimed_until=now + CLAIM,
            carrier=carrier_name,
        )
        retried = [message.pk for message in messages if message.tries]
        # A part whose answer never came may be on air: it is not handed over again either.
        away = set(
            Attempt.objects.filter(
                message_id__in=retried, outcome__in=[Outcome.TAKEN, Outcome.UNANSWERED]
            ).values_list("message_id", "part")
        )
        claimed = [
            (
                message,
                [
                    Attempt(
                        message=message,
                        part=part,
                        carrier=carrier_name,
                        reference=uuid.uuid4().hex,
                        started_at=now,
                    )
                    for part in range(1, message.submission.parts + 1)
                    if (message.pk, part) not in away
                ],
            )
            for message in messages
        ]
        Attempt.objects.bulk_create(
            attempt for _message, attempts in claimed for attempt in attempts
        )
    return claimed


def _hand_over(
    carrier: carriers.Carrier, message: Message, attempts: Sequence[Attempt]
) -> list[_Answer]:
    """Submit the parts one after the other; after a refusal the rest stays here.

    Runs in a thread of its own and therefore never touches the database.
    """
    submission = message.submission
    texts = gsm.split(submission.text, coding=_coding(submission.coding))
    answers: list[_Answer] = []
    for attempt in attempts:
        if any(answer.outcome in (Outcome.REJECTED, Outcome.TRY_LATER) for answer in answers):
            answers.append(_Answer(attempt=attempt, outcome=Outcome.NOT_SENT, at=timezone.now()))
            continue
        submit = carriers.Submit(
            reference=attempt.reference,
            msisdn=message.msisdn,
            sender=submission.sender,
            text=texts[attempt.part - 1],
            coding=_coding(submission.coding),
            part=attempt.part,
            parts=submission.parts,
            concat_reference=message.pk % 256,
            message_class=submission.message_class,
        )
        answers.append(_submit(carrier, submit, attempt))
    return answers


def _coding(stored: str) -> gsm.Coding:
    return "ucs2" if stored == "ucs2" else "gsm7"


def _submit(carrier: carriers.Carrier, submit: carriers.Submit, attempt: Attempt) -> _Answer:
    try:
        carrier_message_id = carrier.submit(submit)
    except carriers.Rejected as refused:
        return _Answer(
            attempt=attempt,
            outcome=Outcome.REJECTED,
            ptt=refused.ptt,
            code=refused.code,
            at=timezone.now(),
        )
    except carriers.TryLater as later:
        return _Answer(
            attempt=attempt, outcome=Outcome.TRY_LATER, wait=later.wait, at=timezone.now()
        )
    except carriers.OutcomeUnknown:
        return _Answer(attempt=attempt, outcome=Outcome.UNANSWERED, at=timezone.now())
    return _Answer(
        attempt=attempt,
        outcome=Outcome.TAKEN,
        carrier_message_id=carrier_message_id,
        at=timezone.now(),
    )


@transaction.atomic
def _record_answers(message_id: int, answers: Sequence[_Answer]) -> None:
    """Store what the carrier answered, and what follows for the message."""
    message = settling.locked(message_id)
    for answer in answers:
        _record_answer(answer)
    reports.match_early(
        message.carrier,
        {a.carrier_message_id: a.attempt for a in answers if a.carrier_message_id},
    )
    at = max((answer.at for answer in answers), default=timezone.now())
    later = next((a for a in answers if a.outcome == Outcome.TRY_LATER), None)
    if later is not None and message.tries < len(WAITS):
        _put_back(message, later)
        return
    if later is not None:
        _give_up(answers)
    if any(answer.outcome == Outcome.UNANSWERED for answer in answers):
        settling.note(message, "The carrier did not answer; its report will tell", at)
    Message.objects.filter(pk=message.pk).update(claimed_until=None)
    settling.settle(message, at=at)


def _record_answer(answer: _Answer) -> None:
    if answer.outcome == Outcome.UNANSWERED:
        return
    attempts = Attempt.objects.filter(pk=answer.attempt.pk)
    if answer.outcome != Outcome.TAKEN:
        # A report that came first knows better: whoever reports on a part has taken it.
        attempts = attempts.filter(outcome=Outcome.UNANSWERED)
    attempts.update(
        outcome=answer.outcome,
        carrier_message_id=answer.carrier_message_id,
        answered_at=answer.at,
    )
    if answer.outcome == Outcome.REJECTED:
        attempts.model.objects.filter(pk=answer.attempt.pk, outcome=Outcome.REJECTED).update(
            state=State.REJECTED, ptt=answer.ptt, code=answer.code[:40]
        )


def _put_back(message: Message, later: _Answer) -> None:
    wait = max(later.wait or timedelta(0), WAITS[message.tries])
    if message.advance(State.QUEUED, since=later.at, cause="The carrier asked to try later"):
        Message.objects.filter(pk=message.pk).update(
            tries=F("tries") + 1, due_at=later.at + wait, claimed_until=None
        )


def _give_up(answers: Sequence[_Answer]) -> None:
    """Treat what the carrier would not take, after the last try, as refused by it."""
    Attempt.objects.filter(
        pk__in=[answer.attempt.pk for answer in answers],
        outcome__in=[Outcome.TRY_LATER, Outcome.NOT_SENT],
    ).update(
        outcome=Outcome.REJECTED,
        state=State.REJECTED,
        ptt=settling.NOT_DELIVERABLE,
        code="not taken in time",
    )


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


def note_abandoned() -> int:
    """Note messages whose worker vanished after their attempt was stored; return how many.

    Whether the carrier took them is not known. They are neither sent again nor refunded by
    guesswork: a report tells, or the account's policy decides.
    """
    now = timezone.now()
    with transaction.atomic():
        abandoned = list(
            Message.objects.abandoned(now).select_for_update(skip_locked=True, no_key=True)[:500]
        )
        Message.objects.filter(pk__in=[message.pk for message in abandoned]).update(
            claimed_until=None
        )
        MessageEvent.objects.bulk_create(
            MessageEvent(
                message=message,
                cause="The program stopped while the carrier was spoken to; its report will tell",
                at=now,
            )
            for message in abandoned
        )
    return len(abandoned)
