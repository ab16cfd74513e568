"""What its parts make of a message: the one place where a message changes its state."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Count

from sms_accounts import bulk, ledger, moves
from sms_accounts.models import FINAL, ApiUser, Attempt, Callback, Message, State
from sms_accounts.moves import Move

# ptt codes that follow from a state; the others come from the carrier.
ACCEPTED, DELIVERED, NEVER_TOLD, NOT_DELIVERABLE = 3, 4, 6, 20
RETRIED = (1, 2)

Outcome = Attempt.Outcome

# What stands where a carrier's code would, for what none was handed.
_NOT_HANDED_OVER = "not handed over"

# Answers that leave a part open, and those after which the carrier may have it.
_OPEN = (Outcome.UNANSWERED, Outcome.TRY_LATER, Outcome.NO_ANSWER)
_NO_ANSWER = (Outcome.UNANSWERED, Outcome.NO_ANSWER)

# A message that is in one of these has not been in another one since it was accepted.
_UNTOLD = (State.SCHEDULED, State.QUEUED, State.SUBMITTING)

_CALLBACKS = bulk.Table(
    Callback,
    "message_id",
    "account_id",
    "api_user_id",
    "url",
    "sequence",
    "state",
    "ptt",
    "changed_at",
    "due_at",
)


def locked(message_id: int) -> Message:
    return (
        Message.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account", "submission__api_user")
        .get(pk=message_id)
    )


def locked_all(message_ids: Iterable[int]) -> list[Message]:
    """Return messages locked in the order of their keys, so that nobody waits in a circle."""
    return list(
        Message.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=list(message_ids))
        .select_related("submission")
        .prefetch_related("account", "submission__api_user")
        .order_by("pk")
    )


def attempts_of(messages: Sequence[Message]) -> dict[int, list[Attempt]]:
    """Return all attempts of messages, by the keys of these, in their order."""
    found: dict[int, list[Attempt]] = {message.pk: [] for message in messages}
    for attempt in Attempt.objects.filter(message__in=found).order_by("id"):
        found[attempt.message_id].append(attempt)
    return found


def settle(message: Message, *, at: datetime, cause: str = "") -> None:
    """Move a locked message to where its parts are; see `settle_all`."""
    settle_all([(message, at)], attempts_of([message]), cause=cause)


def settle_all(
    messages: Iterable[tuple[Message, datetime]],
    attempts: Mapping[int, Sequence[Attempt]],
    *,
    cause: str = "",
) -> set[int]:
    """Move locked messages, each at its moment, to where their attempts are.

    Return the keys of those that moved.
    A message is delivered when all parts are, and failed when one is and the rest are final.
    While the carrier's answer to a part is not known, or a worker is still at its parts, or one
    is to be tried again, it stays; with parts left that nobody is at, it is due again.
    """
    found = (
        next_move(message, _latest_of_each_part(attempts[message.pk]), at=at, cause=cause)
        for message, at in messages
    )
    return {move.message.pk for move in _make(move for move in found if move is not None)}


def next_move(
    message: Message, parts: Sequence[Attempt], *, at: datetime, cause: str = ""
) -> Move | None:
    """Return where its parts move a message, or None where it stays."""
    if message.is_final:
        return None
    if any(part.outcome in _OPEN and part.state not in FINAL for part in parts):
        return None
    if message.claimed_until is not None and any(
        part.outcome == Outcome.NOT_SENT and part.state not in FINAL for part in parts
    ):
        return None
    taken = [part for part in parts if part.outcome == Outcome.TAKEN]
    failed = [part for part in parts if part.state in FINAL and part.state != State.DELIVERED]
    waiting = [part for part in taken if part.state not in FINAL]
    if not failed and len(taken) < len(parts):
        if message.state == State.SUBMITTING and message.claimed_until is None:
            why = "Its other parts are still here"
            return Move(message=message, to=State.QUEUED, since=at, cause=why)
        return None
    to: State
    ptt: int | None
    if waiting:
        # Trouble that is being retried is news; that a part is on its way is the ordinary case.
        ptt = max((part.ptt for part in waiting if part.ptt in RETRIED), default=ACCEPTED)
        to, code = State.ENROUTE, waiting[-1].code
    elif not failed:
        to, ptt, code = State.DELIVERED, DELIVERED, parts[-1].code
    elif all(part.state == State.REJECTED or part.outcome == Outcome.NOT_SENT for part in parts):
        return _rejection(message, failed[0], at=at, cause=cause)
    else:
        to, ptt, code = State(failed[0].state), failed[0].ptt, failed[0].code
        if to == State.REJECTED:
            # Other parts went on air, and the carrier charges for them.
            to = State.UNDELIVERABLE
    return Move(
        message=message, to=to, since=at, ptt=ptt, code=code, cause=cause, is_taken=bool(taken)
    )


def _rejection(message: Message, part: Attempt, *, at: datetime, cause: str) -> Move:
    return Move(
        message=message,
        to=State.REJECTED,
        since=at,
        ptt=part.ptt,
        code=part.code,
        cause=cause,
        refund_because=cause or f"Refused by the carrier: {part.code}",
    )


def end(message: Message, *, at: datetime, cause: str) -> None:
    """End a locked message of which nothing more is to be expected.

    A part that the carrier may have becomes unknown; one that it never got counts as refused.
    Credits go back only where the carrier got no part at all.
    """
    parts = _parts_of(message)
    if not parts:
        _make([_refusal(message, at=at, cause=cause)])
        return
    for part in parts:
        if part.state in FINAL:
            continue
        if part.outcome == Outcome.TAKEN or part.outcome in _NO_ANSWER:
            part.state, part.ptt = State.UNKNOWN, NEVER_TOLD
        else:
            part.outcome, part.code = Outcome.REJECTED, _NOT_HANDED_OVER
            part.state, part.ptt = State.REJECTED, NOT_DELIVERABLE
        part.save(update_fields=["outcome", "state", "ptt", "code"])
    settle(message, at=at, cause=cause)


def _refusal(message: Message, *, at: datetime, cause: str) -> Move:
    """Return the move that ends a message which no carrier was ever offered."""
    return Move(
        message=message,
        to=State.REJECTED,
        since=at,
        ptt=NOT_DELIVERABLE,
        code=_NOT_HANDED_OVER,
        cause=cause,
        refund_because=cause,
    )


def give_back(message: Message, *, at: datetime, reason: str) -> None:
    """End a locked message whose outcome is not known, and return its credits.

    Its parts become unknown, so that whatever is heard of them later is a note.
    """
    open_parts = [part.pk for part in _parts_of(message) if part.state not in FINAL]
    Attempt.objects.filter(pk__in=open_parts).update(state=State.UNKNOWN, ptt=NEVER_TOLD)
    _make(
        [
            Move(
                message=message,
                to=State.REJECTED,
                since=at,
                ptt=NEVER_TOLD,
                cause=reason,
                refund_because=reason,
            )
        ]
    )


def cancel(message: Message, *, at: datetime, reason: str) -> bool:
    """End a locked message before its time has come, and return its credits.

    Return False where it is no longer scheduled; nothing has changed then.
    """
    return bool(cancel_all([message], at=at, reason=reason))


def cancel_all(messages: Iterable[Message], *, at: datetime, reason: str) -> list[Message]:
    """Do so with locked messages; return those that were still scheduled."""
    wanted = (
        Move(message=message, to=State.CANCELLED, since=at, cause=reason, refund_because=reason)
        for message in messages
    )
    return [move.message for move in _make(wanted)]


def without_answer(message: Message) -> list[Attempt]:
    """Return the parts of which nobody knows whether the carrier took them."""
    return [
        part
        for part in _parts_of(message)
        if part.outcome in _NO_ANSWER and part.state not in FINAL
    ]


def is_on_air(message: Message) -> bool:
    """Tell whether the carrier is known to have taken a part."""
    return any(
        part.outcome == Outcome.TAKEN and part.state != State.REJECTED
        for part in _parts_of(message)
    )


def has_failed(message: Message) -> bool:
    """Tell whether a part is known to have failed, and with it the message."""
    return any(part.state in FINAL and part.state != State.DELIVERED for part in _parts_of(message))


def _parts_of(message: Message) -> list[Attempt]:
    return _latest_of_each_part(attempts_of([message])[message.pk])


def _latest_of_each_part(attempts: Iterable[Attempt]) -> list[Attempt]:
    latest: dict[int, Attempt] = {}
    for attempt in attempts:
        known = latest.get(attempt.part)
        if known is None or _replaces(attempt, known):
            latest[attempt.part] = attempt
    return [latest[part] for part in sorted(latest)]


def _replaces(later: Attempt, known: Attempt) -> bool:
    """Tell whether a later attempt says more of its part than the one known so far.

    What was delivered is delivered, whatever became of another attempt, and one on its way
    may still be. The carrier may have a part that it never answered, also where it refused it
    later. Of those that were not taken the last one counts, of those that were the first.
    """
    if known.outcome == Outcome.TAKEN:
        return _weight(later) > _weight(known)
    return _weight(later) >= _weight(known)


def _weight(attempt: Attempt) -> int:
    if attempt.outcome != Outcome.TAKEN:
        return 1 if attempt.outcome in _NO_ANSWER else 0
    if attempt.state == State.DELIVERED:
        return 4
    return 2 if attempt.state in FINAL else 3


def _make(wanted: Iterable[Move]) -> list[Move]:
    """Move messages on and, in the same transaction, pay back and leave word; return what was."""
    wanted = list(wanted)
    untold = {move.message.pk for move in wanted if move.message.state in _UNTOLD}
    made = moves.make(wanted)
    ledger.refund({move.message: move.refund_because for move in made if move.refund_because})
    _leave_word([move for move in made if move.to != State.QUEUED], untold)
    return made


def _leave_word(made: Sequence[Move], untold: Collection[int]) -> None:
    """Store callbacks for each user's URL, and for the account's where it is another one.

    `untold` has the keys of messages of which nothing was told so far.
    """
    listeners = {move: found for move in made if (found := _listeners(move.message))}
    if not listeners:
        return
    told = _counts_of_callbacks({move.message.pk for move in listeners}.difference(untold))
    _CALLBACKS.insert(
        (
            move.message.pk,
            move.message.account_id,
            listener and listener.pk,
            url,
            told.get(move.message.pk, 0) + 1,
            move.to,
            move.ptt,
            move.since,
            move.since,
        )
        for move, found in listeners.items()
        for url, listener in found.items()
    )


def _counts_of_callbacks(message_ids: Collection[int]) -> dict[int, int]:
    """Return how many changes of messages were told, by the keys of these."""
    if not message_ids:
        return {}
    return dict(
        Callback.objects.filter(message__in=message_ids)
        .values_list("message")
        .annotate(Count("sequence", distinct=True))
    )


def _listeners(message: Message) -> dict[str, ApiUser | None]:
    user, account = message.submission.api_user, message.account
    listeners: dict[str, ApiUser | None] = {}
    if user is not None and user.callback_url and user.deleted_at is None:
        listeners[user.callback_url] = user
    if account.callback_url:
        listeners.setdefault(account.callback_url, None)
    return listeners


def note(message: Message, cause: str, at: datetime) -> None:
    moves.note([(message.pk, cause, at)])
