"""From a request to a price: what may be sent as it stands, under which sender, for how much."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings

from sms_accounts import gsm, idempotency, msisdn, opt_outs, price_list
from sms_accounts.callers import Caller
from sms_accounts.models import Account, Alert, ApiUser, Sender, Submission

STOP_CLAUSE = "\nSTOP 36184"
# These go out to numbers that opted out too: whoever asked for an alert entered that number, and
# whoever sent STOP is told once that it was heard.
_TO_ALL = (Submission.Channel.ALERT, Submission.Channel.ANSWER)
MOST_RECEIVERS = 1000
LONGEST_TAG = 20

_UNSENDABLE = re.compile("[\0\ud800-\udfff]")


class Refused(Exception):
    """A request that cannot be sent as it stands; nothing was stored or paid."""


class SenderNotEnabled(Refused):
    """The sender is not one of the account's, not approved yet, or not for this API user."""


class NoSender(Refused):
    """No sender was named, and there is no default one that is enabled and for this API user."""


class NoReplySender(Refused):
    """The account has no number that takes replies, or none that is for this API user."""


class NotInTheFuture(Refused):
    """The time to send at has passed."""


class NoValidReceiver(Refused):
    """None of the receivers is a number that has a rate; `invalid` holds them as given."""

    def __init__(self, invalid: Sequence[str]) -> None:
        super().__init__(", ".join(invalid))
        self.invalid = tuple(invalid)


class CountryNotAllowed(NoValidReceiver):
    """None of the receivers is in a country that this user may send to."""


class OptedOut(NoValidReceiver):
    """Whoever could be sent to wants no more messages of this account."""


class TooManyReceivers(Refused):
    """More receivers than one request may name."""


class TextNotUsable(Refused):
    """The text is empty, too long, or has a character that no handset could show."""


class TagNotUsable(Refused):
    """The tag is too long, or has a character that cannot be stored."""


# Tuples, here and where else each call makes one: a frozen dataclass takes four times as long.
class Order(NamedTuple):
    """One request to send, in our words; the receivers as they were typed.

    `sender` is empty where the account's default one is meant. `wants_replies` asks for the
    account's number that takes replies in its place.
    `silent_for` is the alert that this tells. `judged_by` is what is remembered of the
    caller, where that has judged whether the order may be sent.
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
    silent_for: Alert | None = None
    judged_by: Caller | None = None

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


class Quote(NamedTuple):
    """What an order would cost: text and length as sent, credits for each valid number."""

    text: str
    length: gsm.Length
    credits: dict[str, Decimal]
    invalid: tuple[str, ...]

    @property
    def total(self) -> Decimal:
        return sum(self.credits.values(), Decimal(0))


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
    a_part = price_list.credits_a_part(numbers)
    invalid += [given for number, given in numbers.items() if number not in a_part]
    if not a_part:
        raise NoValidReceiver(invalid)
    text = order.text + (STOP_CLAUSE if order.stop_clause else "")
    length = _usable_length(order.text, text, unicode=order.unicode)
    if len(order.tag) > LONGEST_TAG:
        raise TagNotUsable("is too long")
    if "\0" in order.tag:
        raise TagNotUsable("holds a character that cannot be stored")
    credits = {number: credits * length.parts for number, credits in a_part.items()}
    return Quote(text=text, length=length, credits=credits, invalid=tuple(invalid))


def _may_go_to(user: ApiUser | None, number: str) -> bool:
    return user is None or not user.countries or msisdn.country_of(number) in user.countries


def _usable_length(asked: str, text: str, *, unicode: bool) -> gsm.Length:
    if not asked.strip():
        raise TextNotUsable("the text is empty")
    if _UNSENDABLE.search(asked):
        raise TextNotUsable("the text holds a character that cannot be sent")
    length = gsm.measure(text, coding="ucs2" if unicode else None)
    if length.parts > settings.MAX_PARTS:
        raise TextNotUsable(
            f"the text takes {length.parts} parts, at most {settings.MAX_PARTS} can be sent"
        )
    return length


def enabled_sender(account: Account, given: str, *, api_user: ApiUser | None) -> str:
    """Return an enabled sender as it is stored; raises SenderNotEnabled.

    Numeric senders are compared after normalising: 0033…, +33… and 33… are one.
    """
    # PostgreSQL cannot even be asked for a NUL.
    wanted = {name for name in _names(account, given) if "\0" not in name}
    enabled = (
        Sender.objects.enabled_for(account, api_user)
        .filter(name__in=wanted)
        .values_list("name", flat=True)
        .first()
    )
    if enabled is None:
        raise SenderNotEnabled(given)
    return enabled


def default_sender(account: Account, *, api_user: ApiUser | None) -> str:
    """Return the sender of orders that name none, while it is enabled; raises NoSender."""
    enabled = Sender.objects.enabled_for(account, api_user)
    name = enabled.filter(pk__in=[account.default_sender_id]).values_list("name", flat=True).first()
    if name is None:
        raise NoSender(account.name)
    return name


def _names(account: Account, given: str) -> set[str]:
    """Return the names under which a sender may be stored that is given like this."""
    try:
        return {given, msisdn.parse(given, home_country=account.home_country)}
    except msisdn.NotANumber:
        return {given}


def reply_sender(account: Account, *, api_user: ApiUser | None) -> str:
    """Return the number that takes replies; raises NoReplySender."""
    name = (
        Sender.objects.enabled_for(account, api_user)
        .filter(takes_replies=True)
        .order_by("pk")
        .values_list("name", flat=True)
        .first()
    )
    if name is None:
        raise NoReplySender(account.name)
    return name


def sender_of(order: Order) -> str:
    """Return the sender of an order as it is stored.

    Raises SenderNotEnabled, NoSender, NoReplySender.
    """
    if order.channel == Submission.Channel.ALERT:
        return order.sender
    if order.judged_by is not None:
        return _sender_remembered(order, order.judged_by)
    if order.wants_replies:
        return reply_sender(order.account, api_user=order.api_user)
    if not order.sender:
        return default_sender(order.account, api_user=order.api_user)
    return enabled_sender(order.account, order.sender, api_user=order.api_user)


def _sender_remembered(order: Order, caller: Caller) -> str:
    if order.wants_replies:
        if not caller.reply_sender:
            raise NoReplySender(order.account.name)
        return caller.reply_sender
    if not order.sender:
        if not caller.default_sender:
            raise NoSender(order.account.name)
        return caller.default_sender
    if order.sender in caller.senders:
        return order.sender
    for name in _names(order.account, order.sender) & caller.senders:
        return name
    raise SenderNotEnabled(order.sender)


class Priced(NamedTuple):
    """An order that may be sent, with its price, at the moment at which it came."""

    order: Order
    sender: str
    quote: Quote
    at: datetime


def priced(order: Order) -> Priced:
    """Return what is to be stored and paid for an order; raises Refused in one of its kinds."""
    now = datetime.now(UTC)
    sender = sender_of(order)
    quoted = quote(order)
    if order.scheduled_at is not None and order.scheduled_at <= now:
        raise NotInTheFuture(f"{order.scheduled_at}")
    return Priced(order=order, sender=sender, quote=quoted, at=now)


def heeding_opt_outs(priced: Sequence[Priced]) -> list[Priced | OptedOut]:
    """Return the orders without the receivers that opted out, or why nothing is left of one.

    One query for all, and none where no account among them has anybody on its list.
    """
    asked: dict[int, set[str]] = {}
    for one in priced:
        if one.order.account.opt_outs_at and one.order.channel not in _TO_ALL:
            asked.setdefault(one.order.account.pk, set()).update(one.quote.credits)
    out = opt_outs.among(asked) if asked else set()
    return [_without(one, out) for one in priced] if out else list(priced)


def _without(one: Priced, out: set[tuple[int, str]]) -> Priced | OptedOut:
    account, quoted = one.order.account, one.quote
    left_out = {number for number in quoted.credits if (account.pk, number) in out}
    if not left_out or one.order.channel in _TO_ALL:
        return one
    invalid = (*quoted.invalid, *_as_given(one.order, left_out))
    left = {number: cost for number, cost in quoted.credits.items() if number not in left_out}
    if not left:
        return OptedOut(invalid)
    return one._replace(quote=quoted._replace(credits=left, invalid=invalid))


def _as_given(order: Order, numbers: set[str]) -> list[str]:
    """Return the receivers that stand for these numbers as they were typed."""
    given: dict[str, str] = {}
    for receiver in order.receivers:
        try:
            number = msisdn.parse(receiver, home_country=order.account.home_country)
        except msisdn.NotANumber:
            continue
        if number in numbers:
            given.setdefault(number, receiver)
    return list(given.values())
