"""What the tables get of a priced order: the row of its submission, and those of its messages."""

from collections.abc import Sequence

from sms_accounts import bulk, routes
from sms_accounts.models import Message, State, Submission
from sms_accounts.orders import Order, Priced

SUBMISSIONS = bulk.Table(
    Submission,
    "id",
    "account_id",
    "api_user_id",
    "wallet_id",
    "channel",
    "sender",
    "text",
    "coding",
    "parts",
    "message_class",
    "tag",
    "credits",
    "address",
    "scheduled_at",
    "created_at",
)
MESSAGES = bulk.Table(
    Message,
    "id",
    "account_id",
    "submission_id",
    "msisdn",
    "credits",
    "state",
    "due_at",
    "state_since",
    "lane",
)


def submission(submission_id: int, one: Priced, wallet_id: int) -> tuple[object, ...]:
    """Return the row of a submission, paid by a purse."""
    order, quote = one.order, one.quote
    return (
        submission_id,
        *_named(order),
        wallet_id,
        order.channel.value,
        one.sender,
        quote.text,
        quote.length.coding,
        quote.length.parts,
        order.message_class,
        order.tag,
        quote.total,
        order.address,
        order.scheduled_at,
        one.at,
    )


def messages(ids: Sequence[int], submission_id: int, one: Priced) -> list[tuple[object, ...]]:
    """Return the rows of its messages, with these keys in the order of the receivers."""
    order = one.order
    account_id, api_user_id = _named(order)
    state = (State.SCHEDULED if order.scheduled_at else State.QUEUED).value
    due_at = order.scheduled_at or one.at
    lane_of = routes.lanes_for(
        account_id=account_id,
        api_user_id=api_user_id,
        sender=one.sender,
    )
    return [
        (
            pk,
            account_id,
            submission_id,
            number,
            credits,
            state,
            due_at,
            one.at,
            lane_of(number, pk),
        )
        for pk, (number, credits) in zip(ids, one.quote.credits.items(), strict=True)
    ]


def _named(order: Order) -> tuple[int, int | None]:
    """Return the keys of account and API user; `pk` looks for the name of its column each time."""
    return order.account.id, order.api_user.id if order.api_user else None
