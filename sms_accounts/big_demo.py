"""Fills a demo installation with an account of many users and messages, as after a busy month.

What is sent is accepted and paid as ever, in portions of one transaction each; its outcomes are
written with it instead of waiting for a carrier, so that nothing of it is ever due.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import uuid4

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import accounts, bulk, credentials, demo, ledger, orders, submission
from sms_accounts.models import (
    Account,
    ApiUser,
    Attempt,
    Message,
    MessageEvent,
    State,
    Submission,
    User,
    Wallet,
)

ACCOUNT = "sms-ab12345-9"

# The messages lie in so many days until now, the earliest first.
DAYS = 30

# Orders of a transaction, and receivers of an order.
ORDERS, RECEIVERS = 100, 10

# Each tenth user has a quota of its own, the others spend the account's credits, which somebody
# buys as soon as there are too few of them.
ONE_QUOTA_IN, QUOTA = 10, Decimal(500)
BOUGHT = Decimal(20_000)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What becomes of so many in a thousand messages, and how long that takes."""

    in_a_thousand: int
    state: State
    ptt: int
    code: str
    after: timedelta


OUTCOMES = (
    Outcome(
        in_a_thousand=938,
        state=State.DELIVERED,
        ptt=4,
        code="DELIVRD err:000",
        after=timedelta(seconds=7),
    ),
    Outcome(
        in_a_thousand=22,
        state=State.UNDELIVERABLE,
        ptt=24,
        code="UNDELIV err:024",
        after=timedelta(minutes=3),
    ),
    Outcome(
        in_a_thousand=16,
        state=State.EXPIRED,
        ptt=8,
        code="EXPIRED err:000",
        after=timedelta(hours=2),
    ),
    Outcome(
        in_a_thousand=16,
        state=State.UNDELIVERABLE,
        ptt=23,
        code="UNDELIV err:023",
        after=timedelta(seconds=20),
    ),
    Outcome(
        in_a_thousand=6,
        state=State.REJECTED,
        ptt=20,
        code="REJECTD err:000",
        after=timedelta(seconds=1),
    ),
    Outcome(
        in_a_thousand=2,
        state=State.UNKNOWN,
        ptt=6,
        code="UNKNOWN err:000",
        after=timedelta(hours=4),
    ),
)

TEXTS = (
    "Your code is 482913. It is valid for ten minutes.",
    "Disk /var on db2 is 91 % full.",
    "Your parcel arrives today between 10 and 12. Track it in our app.",
    "Reminder: your appointment is tomorrow at 9:30. Please call us if you cannot come, so that "
    "somebody else can take your place. We look forward to seeing you at the surgery in Mill Lane.",
    "Der Zug fällt heute aus. Bitte nehmen Sie den nächsten.",
    "Votre commande est prête à être retirée 🎉",
)
# How mobile numbers of some countries begin, and how many digits follow.
NUMBERS = (
    ("3361", 7),
    ("3362", 7),
    ("3378", 7),
    ("49151", 8),
    ("447400", 6),
    ("32470", 6),
    ("3161", 7),
)
TAGS = ("", "", "login", "parcel", "reminder")

_EVENTS = bulk.Table(MessageEvent, "message_id", "state", "ptt", "code", "at")
_ATTEMPTS = bulk.Table(
    Attempt,
    "message_id",
    "part",
    "carrier",
    "reference",
    "carrier_message_id",
    "outcome",
    "state",
    "ptt",
    "code",
    "started_at",
    "answered_at",
)


class NoDemo(Exception):
    """The database holds something else than the demo data; nothing was changed."""


@dataclass(frozen=True)
class Made:
    """How much there is by now, in the account."""

    users: int
    messages: int


def fill(*, users: int, messages: int, seed: int) -> Iterator[Made]:
    """Bring the big account to so many users and messages; yield after each portion.

    What is there already counts: after an interruption, it goes on. Raises NoDemo.
    """
    account = _account()
    yield from _add_users(account, users)
    yield from _add_messages(account, messages, Random(seed))  # noqa: S311  # nothing is secret


def _account() -> Account:
    made = demo.ensure()
    if made is None:
        raise NoDemo
    account = Account.objects.filter(name=ACCOUNT).first()
    return account or accounts.open_account(
        ACCOUNT,
        owner=User.objects.get(email=made.holder_email),
        by=None,
        credits=Decimal(1000),
        senders=(demo.SENDER,),
        description="A busy account",
    )


def _add_users(account: Account, count: int) -> Iterator[Made]:
    messages = Message.objects.filter(account=account).count()
    there = ApiUser.objects.filter(account=account).count()
    # One password for all, and its slow hash once.
    hashed = credentials.hashed(credentials.generate())
    while there < count:
        numbers = range(there, min(there + 500, count))
        with transaction.atomic():
            _add_some_users(account, numbers, hashed)
        there += len(numbers)
        yield Made(there, messages)


def _add_some_users(account: Account, numbers: Sequence[int], hashed: str) -> None:
    purses = Wallet.objects.bulk_create(Wallet() for _number in numbers)
    added = ApiUser.objects.bulk_create(
        ApiUser(
            account=account,
            login=f"script-{number:05}",
            password=hashed,
            password_changed_at=timezone.now(),
            wallet_id=account.wallet_id,
            quota_wallet=purse,
        )
        for number, purse in zip(numbers, purses, strict=True)
    )
    with_quota = [
        user for number, user in zip(numbers, added, strict=True) if number % ONE_QUOTA_IN == 9
    ]
    _buy(account, at_least=QUOTA * len(with_quota))
    for user in with_quota:
        ledger.set_quota(user, QUOTA, by=None)


def _add_messages(account: Account, count: int, random: Random) -> Iterator[Made]:
    users = list(ApiUser.objects.present().filter(account=account).order_by("pk"))
    there = Message.objects.filter(account=account).count()
    # All of it has ended by now.
    ends = timezone.now() - max(outcome.after for outcome in OUTCOMES)
    began = ends - timedelta(days=DAYS)
    while there < count:
        missing = min(count - there, ORDERS * RECEIVERS)
        first, last = (
            began + (ends - began) * (number / count) for number in (there, there + missing)
        )
        orders_now = math.ceil(missing / RECEIVERS)
        moments = sorted(first + (last - first) * random.random() for _ in range(orders_now))
        with transaction.atomic():
            there += _send_some(account, users, moments, missing, random)
        yield Made(len(users), there)


def _send_some(
    account: Account,
    users: Sequence[ApiUser],
    moments: Sequence[datetime],
    most: int,
    random: Random,
) -> int:
    """Send orders as of these moments; return how many messages that made, at most `most`."""
    # A few users send most of what is sent.
    busy = [users[int(len(users) * random.random() ** 3)] for _moment in moments]
    each = [min(RECEIVERS, most - RECEIVERS * place) for place in range(len(moments))]
    priced = [
        _priced(_order(account, user, receivers, random), moment)
        for user, receivers, moment in zip(busy, each, moments, strict=True)
    ]
    _buy(account, at_least=sum((one.quote.total for one in priced), Decimal(0)))
    ids = [
        pk
        for receipt in submission.store_each(priced)
        if isinstance(receipt, submission.Receipt)
        for pk in receipt.message_ids
    ]
    _end(ids, random)
    return len(ids)


def _buy(account: Account, *, at_least: Decimal) -> None:
    if Wallet.objects.get(pk=account.wallet_id).credits < at_least:
        ledger.top_up(account, BOUGHT + at_least, by=None, reason="Demo")


def _priced(order: orders.Order, at: datetime) -> orders.Priced:
    return orders.Priced(order=order, sender=order.sender, quote=orders.quote(order), at=at)


def _order(account: Account, user: ApiUser, receivers: int, random: Random) -> orders.Order:
    beginnings = random.choices(NUMBERS, k=receivers)
    numbers = {
        begins + "".join(random.choices("0123456789", k=digits)) for begins, digits in beginnings
    }
    return orders.Order(
        account=account,
        api_user=user,
        channel=Submission.Channel.HTTP2SMS,
        sender=demo.SENDER,
        receivers=sorted(numbers),
        text=random.choice(TEXTS),
        tag=random.choice(TAGS),
        address="192.0.2.10",
    )


def _end(ids: Sequence[int], random: Random) -> None:
    """Give messages that were just accepted the outcomes that a carrier would have reported."""
    drawn = random.choices(OUTCOMES, [each.in_a_thousand for each in OUTCOMES], k=len(ids))
    accepted = Message.objects.filter(pk__in=ids).select_related("submission").in_bulk()
    for outcome in OUTCOMES:
        messages = [accepted[pk] for pk, its in zip(ids, drawn, strict=True) if its is outcome]
        _end_as(outcome, messages)


def _end_as(outcome: Outcome, messages: Sequence[Message]) -> None:
    is_taken = outcome.state != State.REJECTED
    handed_over = timedelta(seconds=1)
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        state=outcome.state,
        ptt=outcome.ptt,
        carrier="simulator",
        carrier_code=outcome.code,
        submitted_at=F("state_since") + handed_over if is_taken else None,
        final_at=F("state_since") + outcome.after,
        state_since=F("state_since") + outcome.after,
    )
    if is_taken:
        _EVENTS.insert(
            (message.pk, State.ENROUTE.value, 3, "ACCEPTD err:000", message.due_at + handed_over)
            for message in messages
        )
    _EVENTS.insert(
        (message.pk, outcome.state.value, outcome.ptt, outcome.code, message.due_at + outcome.after)
        for message in messages
    )
    _ATTEMPTS.insert(
        (
            message.pk,
            part,
            "simulator",
            str(uuid4()),
            f"demo-{message.pk}-{part}" if is_taken else "",
            (Attempt.Outcome.TAKEN if is_taken else Attempt.Outcome.REJECTED).value,
            outcome.state.value,
            outcome.ptt,
            outcome.code,
            message.due_at,
            message.due_at + handed_over,
        )
        for message in messages
        for part in range(1, message.submission.parts + 1)
    )
    if not is_taken:
        ledger.refund(dict.fromkeys(messages, f"Refused by the carrier: {outcome.code}"))
