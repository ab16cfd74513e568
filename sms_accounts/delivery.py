"""Hands the parts of due messages to a carrier and records its answers.

Nothing waits for the network inside a transaction: messages are claimed and the attempt of a part
stored, then the carrier is spoken to, then what it answered is recorded, and the next part begun.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from sms_accounts import carriers, reports, settling, unresolved
from sms_accounts.handover import Answer, Errand, hand_over
from sms_accounts.models import Attempt, Message, MessageEvent, State

log = structlog.get_logger(__name__)

# How many messages are under way to the carrier at once, and how many of them are claimed with
# one commit: between that and the write to the carrier, a worker that dies leaves attempts of
# which nobody knows that they were never made.
WINDOW = 16
GROUP = 4

# How long a worker may take for them, or for each part of a long one, before others may conclude
# that it is gone.
CLAIM = timedelta(minutes=1)
CLAIM_OF_PART = timedelta(seconds=15)

# What a carrier that takes nothing just now is given, try by try; then the message is refused.
# One that comes back within some two minutes has not left anybody waiting for longer than that.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (2, 5, 15, 30, 30, 30, 60, 300, 900, 3600, 7200, 14400, 28800, 43200)
)

Outcome = Attempt.Outcome


def deliver_due(*, most: int | None = None) -> int:
    """Hand all messages that are due to the carrier, or the first `most`; return how many.

    A message that the carrier keeps waiting holds one place of the window, not the others.
    """
    unresolved.note_abandoned()
    unresolved.decide_due()
    queue_scheduled()
    carrier = carriers.get(settings.CARRIER)
    claimed = 0
    under_way: dict[Future[Answer | None], Errand] = {}
    with ThreadPoolExecutor(WINDOW) as pool:
        while True:
            while len(under_way) <= WINDOW - GROUP:
                size = GROUP if most is None else min(GROUP, most - claimed)
                group = _claim(carrier.name, size) if size else []
                for message, attempts in group:
                    errand = Errand(message=message, attempts=attempts)
                    under_way[pool.submit(hand_over, carrier, errand)] = errand
                claimed += len(group)
                if len(group) < GROUP:
                    break
            if not under_way:
                return claimed
            ended, _others = wait(under_way, return_when=FIRST_COMPLETED)
            for job in ended:
                errand = under_way.pop(job)
                if _goes_on(errand, job):
                    under_way[pool.submit(hand_over, carrier, errand)] = errand


def _goes_on(errand: Errand, job: Future[Answer | None]) -> bool:
    """Begin the next part of a message, or record how handing it over ended; return which."""
    message = errand.message
    try:
        answer = job.result()
        if answer is not None:
            errand.answers.append(answer)
            errand.attempts = errand.attempts[1:]
            # After a refusal the rest stays here.
            if answer.outcome in (Outcome.TAKEN, Outcome.UNANSWERED) and _begin_next(errand):
                return True
        _record_answers(message.pk, errand.answers, claimed_until=message.claimed_until)
    except OperationalError:
        # The database is at fault: the message is found again when its claim ends.
        log.exception("answers_not_recorded", message=message.pk)
    except Exception as fault:
        # Logged; what the carrier answered for others counts.
        log.exception("answers_not_recorded", message=message.pk)
        unresolved.stumbled(
            message.pk, f"The carrier's answer could not be stored ({type(fault).__name__})"
        )
    return False


def _begin_next(errand: Errand) -> bool:
    """Store that the next part is being handed over, unless there is none or the claim ends.

    Nobody else touches the message for as long as the claim lasts. What was answered so far is
    recorded with the last part: if this worker dies, reports tell of it.
    """
    now, claimed_until = timezone.now(), errand.message.claimed_until
    if not errand.attempts or claimed_until is None or claimed_until < now + CLAIM_OF_PART:
        return False
    begun = Attempt.objects.filter(
        pk=errand.attempts[0].pk, outcome__in=[Outcome.NOT_SENT, Outcome.NO_ANSWER], state=""
    ).update(outcome=Outcome.UNANSWERED, started_at=now)
    return bool(begun)


def _claim(carrier_name: str, size: int) -> list[tuple[Message, list[Attempt]]]:
    """Take due messages for this worker, and begin the first of the parts still to hand over.

    An attempt is stored as unanswered right before its part is written, and no sooner: the others
    of a message are stored as not sent, so that they are simply due again if this worker dies.
    """
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
        earlier = _Earlier(carrier_name, [message for message in messages if message.carrier])
        claimed = [(message, earlier.still_to_make(message, now)) for message in messages]
        Attempt.objects.bulk_create(
            attempt for _message, attempts in claimed for attempt in attempts if not attempt.pk
        )
        firsts = [attempts[0] for _message, attempts in claimed if attempts]
        if again := [each.pk for each in firsts if each.outcome != Outcome.UNANSWERED]:
            Attempt.objects.filter(pk__in=again).update(outcome=Outcome.UNANSWERED, started_at=now)
    return claimed


class _Earlier:
    """What became of the parts of messages that were tried before."""

    def __init__(self, carrier_name: str, messages: Sequence[Message]) -> None:
        self._carrier_name = carrier_name
        attempts = list(Attempt.objects.filter(message__in=messages).order_by("id"))
        # A part whose answer never came may be on air: it is not handed over again either.
        self._away = {
            (attempt.message_id, attempt.part)
            for attempt in attempts
            if attempt.outcome in (Outcome.TAKEN, Outcome.UNANSWERED, Outcome.REJECTED)
        }
        self._refused = {
            attempt.message_id for attempt in attempts if attempt.outcome == Outcome.REJECTED
        }
        again = {Outcome.NOT_SENT}
        if attempts and carriers.get(carrier_name).knows_references:
            again.add(Outcome.NO_ANSWER)
        # To be made under the reference that they have: they never were made, or there was no
        # answer and the account's policy, staff or the carrier's promise decided so. In memory
        # the latter keep that they may be on air already.
        self._again = {
            (attempt.message_id, attempt.part): attempt
            for attempt in attempts
            if attempt.outcome in again and attempt.carrier == carrier_name
        }

    def still_to_make(self, message: Message, now: datetime) -> list[Attempt]:
        """Return the attempts for the parts still to hand over; the new ones are not stored yet."""
        found: list[Attempt] = []
        for part in range(1, message.submission.parts + 1):
            key = (message.pk, part)
            if key in self._away:
                continue
            known = self._again.get(key)
            if message.pk in self._refused and not (known and _may_be_on_air(known)):
                continue
            found.append(known or self._new(message, part, now, is_begun=not found))
        return found

    def _new(self, message: Message, part: int, now: datetime, *, is_begun: bool) -> Attempt:
        return Attempt(
            message=message,
            part=part,
            carrier=self._carrier_name,
            reference=uuid.uuid4().hex,
            outcome=Outcome.UNANSWERED if is_begun else Outcome.NOT_SENT,
            started_at=now,
        )


def _may_be_on_air(attempt: Attempt) -> bool:
    return attempt.outcome == Outcome.NO_ANSWER


@transaction.atomic
def _record_answers(
    message_id: int, answers: Sequence[Answer], *, claimed_until: datetime | None = None
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
        _give_up(message, later)
    Message.objects.filter(pk=message.pk).update(claimed_until=None)
    message.claimed_until = None
    settling.settle(message, at=at)
    if message.state == State.SUBMITTING and settling.without_answer(message):
        _leave_open(message, fault)


def _without_word(answers: Sequence[Answer]) -> bool:
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


def _record_answer(answer: Answer) -> None:
    if answer.outcome == Outcome.UNANSWERED:
        return
    attempts = Attempt.objects.filter(pk=answer.attempt.pk)
    outcome = answer.outcome
    if outcome != Outcome.TAKEN:
        # A report that came first knows better: whoever reports on a part has taken it.
        attempts = attempts.filter(outcome__in=[Outcome.UNANSWERED, Outcome.NOT_SENT], state="")
    if _may_be_on_air(answer.attempt) and outcome in (Outcome.NOT_SENT, Outcome.TRY_LATER):
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


def _put_back(message: Message, later: Answer) -> None:
    wait = max(later.wait or timedelta(0), WAITS[message.tries])
    if message.advance(State.QUEUED, since=later.at, cause="The carrier asked to try later"):
        Message.objects.filter(pk=message.pk).update(
            tries=F("tries") + 1, due_at=later.at + wait, claimed_until=None
        )


def _give_up(message: Message, later: Answer) -> None:
    """Treat what the carrier would not take, after the last try, as refused by it."""
    Attempt.objects.filter(
        Q(pk=later.attempt.pk, outcome=Outcome.TRY_LATER) | Q(outcome=Outcome.NOT_SENT),
        message=message,
        state="",
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
