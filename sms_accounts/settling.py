"""What its parts make of a message: the one place where a message changes its state."""

from datetime import datetime
from functools import partial

from sms_accounts import ledger
from sms_accounts.models import FINAL, ApiUser, Attempt, Callback, Message, MessageEvent, State

# ptt codes that follow from a state; the others come from the carrier.
ACCEPTED, DELIVERED, NEVER_TOLD, NOT_DELIVERABLE = 3, 4, 6, 20
RETRIED = (1, 2)

Outcome = Attempt.Outcome

# Answers that leave a part open, and those after which the carrier may have it.
_OPEN = (Outcome.UNANSWERED, Outcome.TRY_LATER, Outcome.NO_ANSWER)
_NO_ANSWER = (Outcome.UNANSWERED, Outcome.NO_ANSWER)


def locked(message_id: int) -> Message:
    return (
        Message.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account", "submission__api_user")
        .get(pk=message_id)
    )


def settle(message: Message, *, at: datetime, cause: str = "") -> None:
    """Move a locked message to where its parts are.

    It is delivered when all parts are, and failed when one is and the rest are final. While
    the carrier's answer to a part is not known, or a worker is still at its parts, or one is to
    be tried again, it stays; with parts left that nobody is at, it is due again.
    """
    if message.is_final:
        return
    parts = _latest_of_each_part(message)
    if any(part.outcome in _OPEN and part.state not in FINAL for part in parts):
        return
    if message.claimed_until is not None and any(
        part.outcome == Outcome.NOT_SENT and part.state not in FINAL for part in parts
    ):
        return
    advance = partial(_advance, message, at=at, cause=cause)
    taken = [part for part in parts if part.outcome == Outcome.TAKEN]
    failed = [part for part in parts if part.state in FINAL and part.state != State.DELIVERED]
    waiting = [part for part in taken if part.state not in FINAL]
    if not failed and len(taken) < len(parts):
        if message.state == State.SUBMITTING and message.claimed_until is None:
            message.advance(State.QUEUED, since=at, cause="Its other parts are still here")
        return
    if waiting:
        # Trouble that is being retried is news; that a part is on its way is the ordinary case.
        ptt = max((part.ptt for part in waiting if part.ptt in RETRIED), default=ACCEPTED)
        advance(State.ENROUTE, ptt=ptt, code=waiting[-1].code, is_taken=True)
    elif not failed:
        advance(State.DELIVERED, ptt=DELIVERED, code=parts[-1].code, is_taken=True)
    elif all(part.state == State.REJECTED or part.outcome == Outcome.NOT_SENT for part in parts):
        if advance(State.REJECTED, ptt=failed[0].ptt, code=failed[0].code):
            reason = cause or f"Refused by the carrier: {failed[0].code}"
            ledger.refund(message, reason=reason)
    else:
        state = State(failed[0].state)
        if state == State.REJECTED:
            # Other parts went on air, and the carrier charges for them.
            state = State.UNDELIVERABLE
        advance(state, ptt=failed[0].ptt, code=failed[0].code, is_taken=bool(taken))


def end(message: Message, *, at: datetime, cause: str) -> None:
    """End a locked message of which nothing more is to be expected.

    A part that the carrier may have becomes unknown; one that it never got counts as refused.
    Credits go back only where the carrier got no part at all.
    """
    for part in _latest_of_each_part(message):
        if part.state in FINAL:
            continue
        if part.outcome == Outcome.TAKEN or part.outcome in _NO_ANSWER:
            part.state, part.ptt = State.UNKNOWN, NEVER_TOLD
        else:
            part.outcome, part.code = Outcome.REJECTED, "not handed over"
            part.state, part.ptt = State.REJECTED, NOT_DELIVERABLE
        part.save(update_fields=["outcome", "state", "ptt", "code"])
    settle(message, at=at, cause=cause)


def give_back(message: Message, *, at: datetime, reason: str) -> None:
    """End a locked message whose outcome is not known, and return its credits.

    Its parts become unknown, so that whatever is heard of them later is a note.
    """
    open_parts = [part.pk for part in _latest_of_each_part(message) if part.state not in FINAL]
    Attempt.objects.filter(pk__in=open_parts).update(state=State.UNKNOWN, ptt=NEVER_TOLD)
    if _advance(message, State.REJECTED, at=at, ptt=NEVER_TOLD, cause=reason):
        ledger.refund(message, reason=reason)


def cancel(message: Message, *, at: datetime, reason: str) -> bool:
    """End a locked message before its time has come, and return its credits.

    Return False where it is no longer scheduled; nothing has changed then.
    """
    if not _advance(message, State.CANCELLED, at=at, ptt=None, cause=reason):
        return False
    ledger.refund(message, reason=reason)
    return True


def without_answer(message: Message) -> list[Attempt]:
    """Return the parts of which nobody knows whether the carrier took them."""
    return [
        part
        for part in _latest_of_each_part(message)
        if part.outcome in _NO_ANSWER and part.state not in FINAL
    ]


def is_on_air(message: Message) -> bool:
    """Tell whether the carrier is known to have taken a part."""
    return any(
        part.outcome == Outcome.TAKEN and part.state != State.REJECTED
        for part in _latest_of_each_part(message)
    )


def has_failed(message: Message) -> bool:
    """Tell whether a part is known to have failed, and with it the message."""
    return any(
        part.state in FINAL and part.state != State.DELIVERED
        for part in _latest_of_each_part(message)
    )


def _latest_of_each_part(message: Message) -> list[Attempt]:
    latest: dict[int, Attempt] = {}
    for attempt in message.attempts.order_by("id"):
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


def _advance(
    message: Message,
    to: State,
    *,
    at: datetime,
    ptt: int | None,
    code: str = "",
    cause: str = "",
    is_taken: bool = False,
) -> bool:
    """Move a message on and, in the same transaction, leave word for whoever wants to know."""
    if not message.advance(to, since=at, ptt=ptt, code=code, cause=cause, is_taken=is_taken):
        return False
    _leave_word(message, at)
    return True


def _leave_word(message: Message, at: datetime) -> None:
    """Store a callback for the user's URL, and for the account's where it is another one."""
    user, account = message.submission.api_user, message.account
    listeners: dict[str, ApiUser | None] = {}
    if user is not None and user.callback_url and user.deleted_at is None:
        listeners[user.callback_url] = user
    if account.callback_url:
        listeners.setdefault(account.callback_url, None)
    if not listeners:
        return
    sequence = Callback.objects.filter(message=message).values("sequence").distinct().count() + 1
    Callback.objects.bulk_create(
        Callback(
            message=message,
            account=account,
            api_user=listener,
            url=url,
            sequence=sequence,
            state=message.state,
            ptt=message.ptt,
            changed_at=at,
            due_at=at,
        )
        for url, listener in listeners.items()
    )


def note(message: Message, cause: str, at: datetime) -> None:
    MessageEvent.objects.create(message=message, cause=cause[:200], at=at)
