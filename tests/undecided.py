"""Accounts with a policy, and messages whose hand-over nobody answered."""

from datetime import timedelta

from sms_accounts import delivery, unresolved
from sms_accounts.carriers import OutcomeUnknown, Rejected, TryLater
from sms_accounts.models import Account, ApiUser, Message
from tests.factories import make_account, make_api_user, make_long_message

BUSY = TryLater("busy")
BARRED = Rejected(code="REJECTD err:023", ptt=23)
SILENT = OutcomeUnknown("no answer")
CALLBACK = "https://www.example.com/dlr"
HOLD, RESEND, GIVE_BACK = "hold", "resend", "give_back"


def make_sender(policy: str) -> ApiUser:
    account = make_account(credits=20)
    Account.objects.filter(pk=account.pk).update(unknown_outcome=policy)
    account.refresh_from_db()
    return make_api_user(account=account, quota=10, callback=CALLBACK)


def run(clock, after: timedelta = unresolved.WAIT) -> None:
    clock.shift(after)
    delivery.deliver_due()


def abandoned(user: ApiUser, clock, *, parts: int = 1) -> Message:
    """A message whose worker was killed between its claim and the carrier's answer."""
    message = make_long_message(parts=parts, user=user)
    delivery._claim("scripted", 1)
    clock.shift(delivery.CLAIM + timedelta(seconds=1))
    return message
