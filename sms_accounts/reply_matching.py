"""Finds whose a message from a phone is: by what was sent to it, or by whose the number is."""

from dataclasses import dataclass
from datetime import timedelta

from sms_accounts import msisdn
from sms_accounts.models import Account, ApiUser, Message, Received, Sender, State, Submission

# For how long a message may be answered, and how many of the latest to a phone are looked at.
ANSWERED_WITHIN = timedelta(days=7)
LOOKED_AT = 100

# Those that cannot have reached a phone, and so cannot be answered.
_NEVER_OUT = (State.SCHEDULED, State.QUEUED, State.CANCELLED, State.REJECTED)
# A phone that answers our answer, or an alert, means what came before.
_NEVER_MEANT = (Submission.Channel.ANSWER, Submission.Channel.ALERT)

# A number without its country is a short one, and stands for itself.
LONGEST_SHORT = 6


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose a reply is, and what it answers as far as anybody can tell."""

    account: Account | None = None
    api_user: ApiUser | None = None
    message: Message | None = None


def normal(given: str) -> str:
    """Return a number as senders and receivers are stored, or a name as it is."""
    plain = given.strip().removeprefix("+")
    if not plain.isdecimal() or len(plain) <= LONGEST_SHORT:
        return plain
    digits = plain.removeprefix("00")
    try:
        return msisdn.parse(f"+{digits}")
    except msisdn.NotANumber:
        return digits


def is_subscriber(number: str) -> bool:
    """Tell whether a number is somebody's, and neither a short one nor a name."""
    try:
        return len(number) > LONGEST_SHORT and msisdn.parse(f"+{number}") == number
    except msisdn.NotANumber:
        return False


def owner_of(received: Received) -> Owner:
    """Return who sent last to this phone under this number, or else whose that number is."""
    if message := _answered(received):
        user = message.submission.api_user
        return Owner(account=message.account, api_user=user, message=message)
    accounts = Account.objects.filter(
        senders__name=received.number,
        senders__takes_replies=True,
        senders__status=Sender.Status.ENABLED,
    )
    # Where several share a number, nobody can tell.
    found = list(accounts.order_by("pk")[:2])
    return Owner(account=found[0]) if len(found) == 1 else Owner()


def _answered(received: Received) -> Message | None:
    latest = Message.objects.filter(msisdn=received.msisdn).order_by("-id")
    latest = latest.select_related("account", "submission__api_user")
    since = received.received_at - ANSWERED_WITHIN
    for message in latest[:LOOKED_AT]:
        submission = message.submission
        if (
            submission.sender == received.number
            and submission.channel not in _NEVER_MEANT
            and message.state not in _NEVER_OUT
            and since <= (message.submitted_at or submission.created_at) <= received.received_at
        ):
            return message
    return None
