"""What its parts make of a message: the one place where a message changes its state."""

from datetime import datetime

from sms_accounts import ledger
from sms_accounts.models import FINAL, ApiUser, Attempt, Callback, Message, MessageEvent, State

# ptt codes that follow from a state; the others come from the carrier.
ACCEPTED, DELIVERED, NOT_DELIVERABLE = 3, 4, 20
RETRIED = (1, 2)

Outcome = Attempt.Outcome


def locked(message_id: int) -> Message:
    return (
        Message.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account", "submission__api_user")
        .get(pk=message_id)
    )


def settle(message: Message, *, at: datetime) -> None:
    """Move a locked message to where its parts are.

    It is delivered when all parts are, and failed when one is and the rest are final. While
    the carrier's answer to a part is not known, or a part is to be tried again, it stays.
    """
    if message.is_final:
        return
    parts = _latest_of_each_part(message)
    if any(part.outcome in (Outcome.UNANSWERED, Outcome.TRY_LATER) for part in parts):
        return
    taken = [part for part in parts if part.outcome == Outcome.TAKEN]
    failed = [part for part in parts if part.state in FINAL and part.state != State.DELIVERED]
    waiting = [part for part in taken if part.state not in FINAL]
    if waiting:
        # Trouble that is being retried is news; that a part is on its way is the ordinary case.
        ptt = max((part.ptt for part in waiting if part.ptt in RETRIED), default=ACCEPTED)
        _advance(message, State.ENROUTE, at=at, ptt=ptt, code=waiting[-1].code)
    elif not failed and len(taken) < len(parts):
        # A part that is still here goes out with the next try.
        return
    elif not failed:
        _advance(message, State.DELIVERED, at=at, ptt=DELIVERED, code=parts[-1].code)
    elif all(part.state == State.REJECTED or part.outcome == Outcome.NOT_SENT for part in parts):
        _refuse(message, at=at, ptt=failed[0].ptt, code=failed[0].code)
    else:
        state = State(failed[0].state)
        if state == State.REJECTED:
            # Other parts went on air, and the carrier charges for them.
            state = State.UNDELIVERABLE
        _advance(message, state, at=at, ptt=failed[0].ptt, code=failed[0].code)


def _latest_of_each_part(message: Message) -> list[Attempt]:
    latest: dict[int, Attempt] = {}
    for attempt in message.attempts.order_by("id"):
        # A part that was taken is not replaced by a later attempt that was not.
        known = latest.get(attempt.part)
        if known is None or known.outcome != Outcome.TAKEN:
            latest[attempt.part] = attempt
    return [latest[part] for part in sorted(latest)]


def _refuse(message: Message, *, at: datetime, ptt: int | None, code: str) -> None:
    """End a message that no carrier charges for, and give its credits back."""
    if _advance(message, State.REJECTED, at=at, ptt=ptt, code=code):
        ledger.refund(message, reason=f"Refused by the carrier: {code}")


def _advance(
    message: Message,
    to: State,
    *,
    at: datetime,
    ptt: int | None,
    code: str = "",
) -> bool:
    """Move a message on and, in the same transaction, leave word for whoever wants to know."""
    if not message.advance(to, since=at, ptt=ptt, code=code):
        return False
    if message.submitted_at is None and to != State.REJECTED:
        Message.objects.filter(pk=message.pk, submitted_at=None).update(submitted_at=at)
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
