"""Messages that became final some time ago, of accounts that keep texts for a time only."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from sms_accounts.models import FINAL, Account, ApiUser, Message, State, Submission
from tests.factories import MSISDN, make_account, make_message

DAYS = 30
LONG_AGO = timedelta(days=DAYS, hours=1)
LATELY = timedelta(days=DAYS, hours=-1)


def kept_for(days: int | None, *, credits: int = 200) -> Account:
    account = make_account(credits=credits)
    Account.objects.filter(pk=account.pk).update(retention_days=days)
    account.refresh_from_db()
    return account


def make_ended(
    user: ApiUser, *, ago: timedelta = LONG_AGO, state: State = State.DELIVERED, **given: Any
) -> Message:
    """A message that became final some time ago."""
    message = make_message(user=user, **given)
    age(message, ago=ago, state=state)
    return message


def age(message: Message, *, ago: timedelta = LONG_AGO, state: State = State.DELIVERED) -> None:
    at = timezone.now() - ago
    Submission.objects.filter(pk=message.submission_id).update(created_at=at)
    final_at = at if state in FINAL else None
    Message.objects.filter(pk=message.pk).update(state=state, state_since=at, final_at=final_at)


def left_of(message: Message) -> tuple[str, str]:
    """What is left of a message: its text, its number."""
    row = Message.objects.select_related("submission").get(pk=message.pk)
    return row.submission.text, row.msisdn


WHOLE, GONE = ("Hello", MSISDN), ("", MSISDN[-3:])
