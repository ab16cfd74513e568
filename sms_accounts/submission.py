"""From a request to stored, paid messages: what it costs, and all of it in one transaction."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from sms_accounts import gsm, idempotency, ledger, msisdn, pace
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


class NoReplySender(Refused):
    """The account has no number that takes replies."""


class NotInTheFuture(Refused):
    """The time to send at has passed."""


class NoValidReceiver(Refused):
    """None of the receivers is a number that has a rate; `invalid` holds them as given."""

    def __init__(self, invalid: Sequence[str]) -> None:
        super().__init__(", ".join(invalid))
        self.invalid = tuple(invalid)


class CountryNotAllowed(NoValidReceiver):
    """None of the receivers is in a country that this user may send to."""


class TooManyReceivers(Refused):
    """More receivers than one request may name."""


class TextNotUsable(Refused):
    """The text is empty, too long, or has a character that no handset could show."""


class TagNotUsable(Refused):
    """The tag is too long, or has a character that cannot be stored."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One request to send, in our words; the receivers as they were typed.

    `wants_replies` asks for the account's number that takes replies in the place of `sender`.
    `silent_for` names the user whose alert this is.
    """

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
    wants_replies: bool = False
    scheduled_at: datetime | None = None
    idempotency_key: str = ""
    address: str | None = None
    silent_for: ApiUser | None = None

    @property
    def fingerprint(self) -> str:
        """What makes it the same order when its key comes again."""
        return idempotency.fingerprint(
            {
                "sender": self.sender,
                "receivers": list(self.receivers),
                "text": self.text,
                "stop_clause": self.stop_clause,
                "message_class": self.message_class,
                "unicode": self.unicode,
                "tag": self.tag,
                "wants_replies": self.wants_replies,
                "scheduled_at": self.scheduled_at,
            }
        )


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
    receiver that is no number, that no rate covers, or that is in a country which the user
    may not send to, is `invalid`. Raises TooManyReceivers, NoValidReceiver, TextNotUsable,
    TagNotUsable, whichever is met first in this order.
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
    abroad = [number for number in numbers if not _may_go_to(order.api_user, number)]
    invalid += [numbers.pop(number) for number in abroad]
    if abroad and not numbers:
        raise CountryNotAllowed(invalid)
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


def _may_go_to(user: ApiUser | None, number: str) -> bool:
    return user is None or not user.countries or msisdn.country_of(number) in user.countries


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


def _reply_sender(account: Account) -> str:
    name = (
        Sender.objects.filter(account=account, status=Sender.Status.ENABLED, takes_replies=True)
        .order_by("pk")
        .values_list("name", flat=True)
        .first()
    )
    if name is None:
        raise NoReplySender(account.name)
    return name


def _sender_of(order: Order) -> str:
    if order.channel == Submission.Channel.ALERT:
        return order.sender
    if order.wants_replies:
        return _reply_sender(order.account)
    return enabled_sender(order.account, order.sender)


def submit(order: Order) -> Receipt:
    """Store and charge an order: all valid receivers or none, in one transaction.

    An order whose idempotency key came before gives the first receipt again. Raises Refused in
    one of its kinds, idempotency.KeyUsedOtherwise, pace.TooFast, ledger.InsufficientCredits;
    nothing is stored then.
    """
    now = timezone.now()
    if receipt := _receipt_of_before(order, now):
        return receipt
    sender = _sender_of(order)
    priced = quote(order)
    if order.scheduled_at is not None and order.scheduled_at <= now:
        raise NotInTheFuture(f"{order.scheduled_at}")
    try:
        return _store(order, priced, sender=sender, now=now)
    except IntegrityError:
        # Of two at once with the same key the other one was first.
        receipt = _receipt_of_before(order, now)
        if receipt is None:
            raise
        return receipt


def _receipt_of_before(order: Order, now: datetime) -> Receipt | None:
    if order.api_user is None or not order.idempotency_key:
        return None
    found = idempotency.find(
        order.api_user, order.idempotency_key, fingerprint=order.fingerprint, now=now
    )
    if found is None:
        return None
    submission = found.submission
    return Receipt(
        submission=submission,
        message_ids=tuple(
            Message.objects.filter(submission=submission)
            .order_by("pk")
            .values_list("pk", flat=True)
        ),
        invalid=tuple(found.invalid),
        credits_left=ledger.balance_after(submission),
    )


@transaction.atomic
def _store(order: Order, priced: Quote, *, sender: str, now: datetime) -> Receipt:
    user = order.api_user
    payer = user or order.account
    submission = Submission.objects.create(
        account=order.account,
        api_user=user,
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
        scheduled_at=order.scheduled_at,
        created_at=now,
    )
    if user is not None and order.idempotency_key:
        idempotency.keep(
            submission,
            user,
            order.idempotency_key,
            fingerprint=order.fingerprint,
            invalid=priced.invalid,
        )
    if user is not None:
        pace.keep(user, len(priced.credits), now=now)
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
            state=State.SCHEDULED if order.scheduled_at else State.QUEUED,
            due_at=order.scheduled_at or now,
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
