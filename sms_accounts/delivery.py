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
from django.db import OperationalError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from sms_accounts import carriers, gsm, reports, settling, unresolved
from sms_accounts.models import Attempt, Message, MessageEvent, State

log = structlog.get_logger(__name__)

# How many messages are under way to the carrier at once, and how long a worker may take for
# them, or for each part of a long one, before others may conclude that it is gone.
WINDOW = 16
CLAIM = timedelta(minutes=2)
CLAIM_OF_PART = timedelta(seconds=15)

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
    # Which exception of ours came in between, if one did.
    fault: str = ""
    at: datetime


def deliver_due(*, most: int | None = None) -> int:
    """Hand all messages that are due to the carrier, or the first `most`; return how many.

    A message that the carrier keeps waiting holds one place of the window, not the others.
    """
    unresolved.note_abandoned()
    unresolved.decide_due()
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
        _record_answers(message.pk, job.result(), claimed_until=message.claimed_until)
    except OperationalError:
        # The database is at fault: the message is found again when its claim ends.
        log.exception("answers_not_recorded", message=message.pk)
    except Exception as fault:
        # Logged; what the carrier answered for others counts.
        log.exception("answers_not_recorded", message=message.pk)
        unresolved.stumbled(
            message.pk, f"The carrier's answer could not be stored ({type(fault).__name__})"
        )


def _claim(carrier_name: str, size: int) -> list[tuple[Message, list[Attempt]]]:
    """Take due messages for this worker, and store an attempt for each part still to hand over."""
    now = timezone.now()
    with transaction.atomic():
        messages = list(
            Message.objects.due(now)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("submission")[:size]
        )
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
        earlier = Attempt.objects.filter(
            message_id__in=[message.pk for message in messages if message.tries]
        )
        # A part whose answer never came may be on air: it is not handed over again either.
        away = set(
            earlier.filter(
                outcome__in=[Outcome.TAKEN, Outcome.UNANSWERED, Outcome.REJECTED]
            ).values_list("message_id", "part")
        )
        repeated = _repeated(carrier_name, earlier)
        claimed = [
            (
                message,
                [
                    repeated.get((message.pk, part))
                    or Attempt(
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
            attempt for _message, attempts in claimed for attempt in attempts if not attempt.pk
        )
    return claimed


def _repeated(carrier_name: str, earlier: QuerySet[Attempt]) -> dict[tuple[int, int], Attempt]:
    """Return the attempts to be made once more, under their reference, by message and part.

    That is what the accounts' policy or staff decided for parts without an answer, where the
    carrier knows its references. In memory they keep that they may be on air already.
    """
    again = list(earlier.filter(outcome=Outcome.NO_ANSWER, carrier=carrier_name).order_by("id"))
    if not again or not carriers.get(carrier_name).knows_references:
        return {}
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in again]).update(
        outcome=Outcome.UNANSWERED
    )
    return {(attempt.message_id, attempt.part): attempt for attempt in again}


def _hand_over(
    carrier: carriers.Carrier, message: Message, attempts: Sequence[Attempt]
) -> list[_Answer]:
    """Submit the parts one after the other; after a refusal the rest stays here.

    Runs in a thread of its own and therefore never touches the database.
    """
    try:
        submits = _submits(message, attempts)
    except Exception as fault:
        # Logged and counted; nothing was sent.
        log.exception("not_handed_over", message=message.pk)
        return [_not_sent(attempt, fault=type(fault).__name__) for attempt in attempts]
    answers: list[_Answer] = []
    for submit, attempt in zip(submits, attempts, strict=True):
        if any(answer.outcome in (Outcome.REJECTED, Outcome.TRY_LATER) for answer in answers):
            answers.append(_not_sent(attempt))
            continue
        answers.append(_submit(carrier, submit, attempt))
    return answers


def _submits(message: Message, attempts: Sequence[Attempt]) -> list[carriers.Submit]:
    submission = message.submission
    texts = gsm.split(submission.text, coding=_coding(submission.coding))
    return [
        carriers.Submit(
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
        for attempt in attempts
    ]


def _not_sent(attempt: Attempt, *, fault: str = "") -> _Answer:
    return _Answer(attempt=attempt, outcome=Outcome.NOT_SENT, fault=fault, at=timezone.now())


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
    except Exception as fault:
        # Logged and counted; it may have come after the first byte was written.
        log.exception("submit_failed", attempt=attempt.pk)
        return _Answer(
            attempt=attempt,
            outcome=Outcome.UNANSWERED,
            fault=type(fault).__name__,
            at=timezone.now(),
        )
    return _Answer(
        attempt=attempt,
        outcome=Outcome.TAKEN,
        carrier_message_id=carrier_message_id,
        at=timezone.now(),
    )


@transaction.atomic
def _record_answers(
    message_id: int, answers: Sequence[_Answer], *, claimed_until: datetime | None = None
) -> None:
    """Store what the carrier answered, and what follows for the message.

    `claimed_until` tells this worker's claim from that of another one, to which the message
    was given when this one was taken for gone: then only what is known of the parts counts.
    """
    message = settling.locked(message_id)
    is_news = message.is_final and _without_word(answers)
    for answer in answers:
        _record_answer(answer)
    reports.match_early(
        message.carrier,
        {a.carrier_message_id: a.attempt for a in answers if a.carrier_message_id},
    )
    at = max((answer.at for answer in answers), default=timezone.now())
    if message.is_final:
        if is_news:
            settling.note(message, "The carrier's answer came too late", at)
        return
    if claimed_until and message.claimed_until not in (None, claimed_until):
        settling.settle(message, at=at)
        return
    fault = next((answer.fault for answer in answers if answer.fault), "")
    if fault and all(answer.outcome == Outcome.NOT_SENT for answer in answers):
        unresolved.put_off(message, f"The program failed before it was handed over ({fault})")
        return
    later = next((a for a in answers if a.outcome == Outcome.TRY_LATER), None)
    if later is not None and message.tries < len(WAITS):
        _put_back(message, later)
        return
    if later is not None:
        _give_up(answers)
    Message.objects.filter(pk=message.pk).update(claimed_until=None)
    settling.settle(message, at=at)
    if message.state == State.SUBMITTING and settling.without_answer(message):
        _leave_open(message, fault)


def _without_word(answers: Sequence[_Answer]) -> bool:
    """Tell whether neither answer nor report had come for one of the parts answered now."""
    answered = [a.attempt.pk for a in answers if a.outcome != Outcome.UNANSWERED]
    return Attempt.objects.filter(
        pk__in=answered, outcome__in=[Outcome.UNANSWERED, Outcome.NO_ANSWER]
    ).exists()


def _leave_open(message: Message, fault: str) -> None:
    if fault:
        why = f"The program failed while the carrier was spoken to ({fault})"
    else:
        why = "The carrier did not answer"
    unresolved.leave_open(message, why, is_fault=bool(fault))


def _record_answer(answer: _Answer) -> None:
    if answer.outcome == Outcome.UNANSWERED:
        return
    attempts = Attempt.objects.filter(pk=answer.attempt.pk)
    outcome = answer.outcome
    if outcome != Outcome.TAKEN:
        # A report that came first knows better: whoever reports on a part has taken it.
        attempts = attempts.filter(outcome=Outcome.UNANSWERED, state="")
    is_repeated = answer.attempt.outcome == Outcome.NO_ANSWER
    if is_repeated and outcome in (Outcome.NOT_SENT, Outcome.TRY_LATER):
        # The carrier may have it from before: its reference stays the same at the next try.
        outcome = Outcome.NO_ANSWER
    attempts.update(
        outcome=outcome,
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
