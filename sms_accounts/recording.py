"""Stores what carriers answered, for many messages at once, and what follows for each."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from django.db import OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from sms_accounts import bulk, reports, settling, unresolved
from sms_accounts.handover import Answer, Errand, answer_of, may_be_on_air
from sms_accounts.models import Attempt, Message, State

log = structlog.get_logger(__name__)

Outcome = Attempt.Outcome

# What a carrier that takes nothing just now is given, try by try; then the message is refused.
# One that comes back within some two minutes has not left anybody waiting for longer than that.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (2, 5, 15, 30, 30, 30, 60, 300, 900, 3600, 7200, 14400, 28800, 43200)
)

# For how long after their claim answers are kept that the database does not take.
KEPT = timedelta(minutes=10)

_NOT_TAKEN = (Outcome.NOT_SENT, Outcome.TRY_LATER)
_NO_WORD = (Outcome.UNANSWERED, Outcome.NO_ANSWER)

_ATTEMPTS = bulk.Changes(
    Attempt,
    "outcome",
    "carrier_message_id",
    "answered_at",
    "state",
    "ptt",
    "code",
    still=("outcome", "state"),
)

# What waits for the database to come back. Nobody but this process knows of it.
_kept: deque[Errand] = deque()


def record(new: Sequence[Errand] = ()) -> None:
    """Store what the carrier answered; what cannot be stored leaves the others alone.

    Together where the carrier took or refused each part, which is nearly always; what is anything
    else, one message after the other. While the database is away, answers are kept for the next
    time.
    """
    errands = [*_no_longer_kept(), *new]
    ordinary = [errand for errand in errands if _is_ordinary(errand)]
    alone = [errand for errand in errands if not _is_ordinary(errand)]
    try:
        alone += record_together(ordinary)
    except Exception:
        # Logged; each stands for itself now.
        log.exception("answers_not_recorded", messages=len(ordinary))
        alone += ordinary
    for number, errand in enumerate(alone, start=1):
        try:
            _record_alone(errand)
        except OperationalError:
            log.exception("answers_kept", messages=len(alone) - number + 1)
            # It comes last the next time: it may be at fault itself.
            _keep([*alone[number:], errand])
            return


def _no_longer_kept() -> list[Errand]:
    found = []
    with suppress(IndexError):
        while True:
            found.append(_kept.popleft())
    return found


def _keep(errands: Sequence[Errand]) -> None:
    too_old = timezone.now() - KEPT
    _kept.extend(each for each in errands if (each.message.claimed_until or too_old) > too_old)


def _is_ordinary(errand: Errand) -> bool:
    return bool(errand.answers) and all(
        answer.outcome in (Outcome.TAKEN, Outcome.REJECTED) for answer in errand.answers
    )


def _record_alone(errand: Errand) -> None:
    """Store one message's answers; raises OperationalError where the database is at fault."""
    message = errand.message
    try:
        record_answers(message.pk, errand.answers, claimed_until=message.claimed_until)
    except OperationalError:
        raise
    except Exception as fault:
        # Logged; what the carrier answered for others counts.
        log.exception("answers_not_recorded", message=message.pk)
        unresolved.stumbled(
            message.pk, f"The carrier's answer could not be stored ({type(fault).__name__})"
        )


@transaction.atomic
def record_together(errands: Sequence[Errand]) -> list[Errand]:
    """Store what the carrier took or refused; return those that need a closer look.

    Those are messages that this worker no longer has, that ended without a word on one of the
    parts, that a report came for before the carrier's id was known, or that stay where they are
    for an older part that was never answered.
    """
    if not errands:
        return []
    by_key = {errand.message.pk: errand for errand in errands}
    messages = settling.locked_all(by_key)
    attempts = settling.attempts_of(messages)
    changes, open_ones, done = [], [], set()
    for message in messages:
        errand = by_key[message.pk]
        parts = {part.pk: part for part in attempts[message.pk]}
        answered = [(parts[answer.attempt.pk], answer) for answer in errand.answers]
        if message.is_final and all(part.outcome not in _NO_WORD for part, _ in answered):
            done.add(message.pk)
        elif not message.is_final and message.claimed_until == errand.message.claimed_until:
            open_ones.append((message, errand.answers[-1].at))
            message.claimed_until = None
        else:
            continue
        changes += [change for each in answered if (change := _change(*each))]
    _ATTEMPTS.store(changes)
    early = _reported_before(attempts)
    moved = settling.settle_all([each for each in open_ones if each[0].pk not in early], attempts)
    # Reports came first and moved it as far: only the claim is left to be ended.
    stay = {message.pk for message, _at in open_ones if message.state == State.ENROUTE} - moved
    Message.objects.filter(pk__in=stay - early).update(claimed_until=None)
    done |= moved | (stay - early)
    return [errand for key, errand in by_key.items() if key not in done]


def _change(attempt: Attempt, answer: Answer) -> tuple[object, ...] | None:
    """Set what was answered to an attempt; return what is to be stored of it, if anything."""
    before = (attempt.outcome, attempt.state)
    if answer.outcome == Outcome.REJECTED:
        if attempt.state or attempt.outcome not in (Outcome.UNANSWERED, Outcome.NOT_SENT):
            # A report that came first knows better: whoever reports on a part has taken it.
            return None
        attempt.state, attempt.ptt, attempt.code = State.REJECTED, answer.ptt, answer.code[:40]
    attempt.outcome = answer.outcome
    attempt.carrier_message_id = answer.carrier_message_id
    attempt.answered_at = answer.at
    return (
        attempt.pk,
        *before,
        attempt.outcome,
        attempt.carrier_message_id,
        attempt.answered_at,
        attempt.state,
        attempt.ptt,
        attempt.code,
    )


def _reported_before(attempts: dict[int, list[Attempt]]) -> set[int]:
    """Return the messages that reports came for by the carrier's id before that was known.

    Who names our reference as well was found by it: whoever has read that report applies it.
    """
    found: set[int] = set()
    by_id = {
        (part.carrier, part.carrier_message_id): part
        for each in attempts.values()
        for part in each
        if part.carrier_message_id
    }
    for carrier in {carrier for carrier, _id in by_id}:
        early = reports.waiting_for(carrier, [known for of, known in by_id if of == carrier])
        for known, reference in early.values_list("carrier_message_id", "reference"):
            part = by_id[carrier, known]
            if reference != part.reference:
                found.add(part.message_id)
    return found


@transaction.atomic
def record_answers(
    message_id: int, answers: Sequence[Answer], *, claimed_until: datetime | None = None
) -> None:
    """Store what the carrier answered, and what follows for the message.

    `claimed_until` tells this worker's claim from that of another one, to which the message
    was given when this one was taken for gone: then only what is known of the parts counts.
    """
    message = settling.locked(message_id)
    if answers and not (answers := _of_the_last_try(answers)):
        return
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


def _of_the_last_try(answers: Sequence[Answer]) -> Sequence[Answer]:
    """Leave out that a part was not taken where somebody else has begun it again since then.

    The carrier may have it from that one.
    """
    not_taken = [a.attempt for a in answers if a.outcome in _NOT_TAKEN]
    if not not_taken:
        return answers
    begun = dict(
        Attempt.objects.filter(pk__in=[part.pk for part in not_taken]).values_list(
            "pk", "started_at"
        )
    )
    others = {part.pk for part in not_taken if begun.get(part.pk) != part.started_at}
    return [a for a in answers if a.outcome not in _NOT_TAKEN or a.attempt.pk not in others]


def record_late_answer(reference: str, read: Callable[[], str]) -> None:
    """Record the carrier's answer for a part, which nobody waited for any more.

    `read` gives the carrier's id, or raises what `Carrier.submit` does.
    """
    attempt = Attempt.objects.filter(reference=reference).first()
    if attempt is None:
        log.warning("late_answer_unmatched")
        return
    answer = answer_of(attempt, read)
    with transaction.atomic():
        _record_late_answer(settling.locked(attempt.message_id), answer)


def _record_late_answer(message: Message, answer: Answer) -> None:
    is_later = answer.outcome == Outcome.TRY_LATER
    if is_later and (message.state != State.SUBMITTING or message.claimed_until is not None):
        # Somebody is at it, or what becomes of it is decided.
        settling.note(message, "The carrier asked too late to try later", answer.at)
        return
    is_news = message.is_final and _without_word([answer])
    _record_answer(answer)
    if answer.carrier_message_id:
        reports.match_early(message.carrier, {answer.carrier_message_id: answer.attempt})
    if is_news:
        settling.note(message, "The carrier's answer came too late", answer.at)
    if is_later and message.tries < len(WAITS):
        _put_back(message, answer)
        return
    settling.settle(message, at=answer.at)


def _without_word(answers: Sequence[Answer]) -> bool:
    """Tell whether neither answer nor report had come for one of the parts answered now."""
    answered = [a.attempt.pk for a in answers if a.outcome != Outcome.UNANSWERED]
    return Attempt.objects.filter(pk__in=answered, outcome__in=_NO_WORD).exists()


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
    if may_be_on_air(answer.attempt) and outcome in _NOT_TAKEN:
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
