"""From a request to stored, paid messages: what it costs, and all of it in one transaction."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sms_accounts import gsm, ledger, msisdn
from sms_accounts.models import (
    Account,
    ApiUser,
    Message,
    Rate,
    Sender,
    State,
    Submission,
)

STOP_CLAUSE = "\nSTOP 36184"
MOST_RECEIVERS = 1000
LONGEST_TAG = 20


class Refused(Exception):
    """A request that cannot be sent as it stands; nothing was stored or paid."""


class SenderNotEnabled(Refused):
    """The sender is not one of the account's, or not approved yet."""


class NoValidReceiver(Refused):
    """None of the receivers is a number that has a rate; `invalid` holds them as given."""

    def __init__(self, invalid: Sequence[str]) -> None:
        super().__init__(", ".join(invalid))
        self.invalid = tuple(invalid)


class TooManyReceivers(Refused):
    """More receivers than one request may name."""


class TextNotUsable(Refused):
    """The text is empty, too long, or has a character that no handset could show."""


class TagNotUsable(Refused):
    """The tag is too long, or has a character that cannot be stored."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One request to send, in our words; the receivers as they were typed."""

    account: Account
    api_user: ApiUser | None
    channel: Submission.Channel
    sender: str
    receivers: Sequence[str]
    text: str
    stop_clause: bool = False
    message_class: int | None = None
    unicode: bool = False
    tag: str = ""
    address: str | None = None
    silent_for: ApiUser | None = None


@dataclass(frozen=True)
class Quote:
    """What an order would cost: text and length as sent, credits for each valid number."""

    text: str
    length: gsm.Length
    credits: dict[str, Decimal]
    invalid: tuple[str, ...]

    @property
    def total(self) -> Decimal:
        return sum(self.credits.values(), Decimal(0))


@dataclass(frozen=True)
class Receipt:
    """What was stored: the ids in the order of the receivers, and what can still be spent."""

    submission: Submission
    message_ids: tuple[int, ...]
    invalid: tuple[str, ...]
    credits_left: Decimal


def quote(order: Order) -> Quote:
    """Return what an order costs, without storing anything.

    Credits are parts × the rate of the longest matching prefix, for each receiver once. A
    receiver that is no number, or that no rate covers, is `invalid`. Raises TooManyReceivers,
    NoValidReceiver, TextNotUsable, TagNotUsable, whichever is met first in this order.
    """
    if len(order.receivers) > MOST_RECEIVERS:
        raise TooManyReceivers(f"{len(order.receivers)} receivers, at most {MOST_RECEIVERS}")
    numbers: dict[str, str] = {}
    invalid = []
    for given in order.receivers:
        try:
            numbers.setdefault(msisdn.parse(given, home_country=order.account.home_country), given)
        except msisdn.NotANumber:
            invalid.append(given)
    rates = Rate.objects.for_msisdns(numbers)
    invalid += [given for number, given in numbers.items() if number not in rates]
    if not rates:
        raise NoValidReceiver(invalid)
    text = order.text + (STOP_CLAUSE if order.stop_clause else "")
    length = _usable_length(order.text, text, unicode=order.unicode)
    if len(order.tag) > LONGEST_TAG:
        raise TagNotUsable("is too long")
    if "\0" in order.tag:
        raise TagNotUsable("holds a character that cannot be stored")
    credits = {
        number: rates[number].credits * length.parts for number in numbers if number in rates
    }
    return Quote(text=text, length=length, credits=credits, invalid=tuple(invalid))


def _usable_length(asked: str, text: str, *, unicode: bool) -> gsm.Length:
    if not asked.strip():
        raise TextNotUsable("the text is empty")
    if "\0" in asked or any("\ud800" <= character <= "\udfff" for character in asked):
        raise TextNotUsable("the text holds a character that cannot be sent")
    length = gsm.measure(text, coding="ucs2" if unicode else None)
    if length.parts > settings.MAX_PARTS:
        raise TextNotUsable(
            f"the text takes {length.parts} parts, at most {settings.MAX_PARTS} can be sent"
        )
    return length


def enabled_sender(account: Account, given: str) -> str:
    """Return an account's enabled sender as it is stored; raises SenderNotEnabled.

    Numeric senders are compared after normalising: 0033…, +33… and 33… are one.
    """
    if "\0" in given:
        # PostgreSQL cannot even be asked for it.
        raise SenderNotEnabled(given)
    wanted = {given}
    with contextlib.suppress(msisdn.NotANumber):
        wanted.add(msisdn.parse(given, home_country=account.home_country))
    name = (
        Sender.objects.filter(account=account, name__in=wanted, status=Sender.Status.ENABLED)
        .values_list("name", flat=True)
        .first()
    )
    if name is None:
        raise SenderNotEnabled(given)
    return name


def submit(order: Order) -> Receipt:
    """Store and charge an order: all valid receivers or none, in one transaction.

    Raises Refused in one of its kinds, or ledger.InsufficientCredits; nothing is stored then.
    """
    if order.channel != Submission.Channel.ALERT:
        sender = enabled_sender(order.account, order.sender)
    else:
        sender = order.sender
    priced = quote(order)
    payer = order.api_user or order.account
    now = timezone.now()
    with transaction.atomic():
        submission = Submission.objects.create(
            account=order.account,
            api_user=order.api_user,
            wallet_id=payer.wallet_id,
            channel=order.channel,
            sender=sender,
            text=priced.text,
            coding=priced.length.coding,
            parts=priced.length.parts,
            message_class=order.message_class,
            tag=order.tag,
            credits=priced.total,
            address=order.address,
            created_at=now,
        )
        paid = ledger.debit(payer, priced.total, submission=submission, silent_for=order.silent_for)
        if paid.wallet_id != submission.wallet_id:
            # A quota was switched between reading the user and taking the credits.
            submission.wallet_id = paid.wallet_id
            submission.save(update_fields=["wallet"])
        stored = Message.objects.bulk_create(
            Message(
                account=order.account,
                submission=submission,
                msisdn=number,
                credits=credits,
                state=State.QUEUED,
                due_at=now,
                state_since=now,
            )
            for number, credits in priced.credits.items()
        )
    return Receipt(
        submission=submission,
        message_ids=tuple(message.pk for message in stored),
        invalid=priced.invalid,
        credits_left=paid.balance,
    )
