"""What a CSV file of messages has in each line."""

from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from sms_accounts import codes
from sms_accounts.csv_lines import written
from sms_accounts.models import Message, State

DELIMITER = ";"
COLUMNS = (
    "id",
    "date",
    "sender",
    "receiver",
    "ptt",
    "operatorCode",
    "descriptionDlr",
    "tag",
    "message",
    "sentAt",
    "deliveredAt",
    "user",
    "credits",
)


def rows(messages: Iterable[Message], zone: ZoneInfo) -> Iterator[Sequence[object]]:
    """Yield the cells of each message; they come with their orders and API users."""
    for message in messages:
        submission = message.submission
        yield (
            message.pk,
            written(submission.created_at, zone),
            submission.sender,
            message.msisdn,
            message.ptt,
            message.carrier_code,
            codes.DLR_TEXTS[codes.dlr_id(message.state, message.ptt)],
            submission.tag,
            submission.text,
            written(message.submitted_at, zone),
            written(message.final_at, zone) if message.state == State.DELIVERED else "",
            submission.api_user.login if submission.api_user else "",
            message.credits,
        )
