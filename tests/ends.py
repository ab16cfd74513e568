"""Sends messages, and lets the carrier say what became of them."""

import uuid

from django.utils import timezone

from sms_accounts import settling, submission
from sms_accounts.models import ApiUser, Attempt, Message, State
from tests.factories import MSISDN, make_order

# A number of another country than MSISDN's.
ABROAD = "41791234567"


def send(user: ApiUser, count: int, *, receiver: str = MSISDN, state: State | None = None) -> None:
    """Send one order to so many numbers; with a state, all of them end in that."""
    first = int(receiver)
    receivers = [str(first + 1000 * place) for place in range(count)]
    receipt = submission.submit(make_order(user, receivers=receivers))
    if state is None:
        return
    for message in Message.objects.filter(pk__in=receipt.message_ids):
        end(message, state)


def end(message: Message, state: State) -> None:
    """Let the carrier report on a message, whatever its state is."""
    outcome = Attempt.Outcome.REJECTED if state == State.REJECTED else Attempt.Outcome.TAKEN
    now = timezone.now()
    Attempt.objects.create(
        message=message,
        part=1,
        carrier="simulator",
        reference=str(uuid.uuid4()),
        outcome=outcome,
        state=state,
        code="020",
        started_at=now,
    )
    settling.settle(settling.locked(message.pk), at=now)
