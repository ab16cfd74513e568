"""Reads the ledger entries and ends of messages that are to be counted, and what was sent."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sms_accounts import msisdn
from sms_accounts.models import LedgerEntry, Message, MessageEvent

BATCH = 2_000


class Entry(NamedTuple):
    pk: int
    account_id: int
    wallet_id: int
    account_wallet_id: int
    api_user_id: int | None
    kind: str
    credits: Decimal
    submission_id: int | None
    created_at: datetime


class Event(NamedTuple):
    """An end that a message came to; the user and the acceptance are those of the message."""

    message_id: int
    state: str
    account_id: int
    api_user_id: int | None
    accepted_at: datetime


@dataclass(frozen=True)
class Sent:
    """What was sent by one order: to each country so many messages."""

    parts: int
    countries: Counter[str]


def next_keys(
    model: type[LedgerEntry] | type[MessageEvent], after: int, upto: int
) -> Sequence[int]:
    """Return the keys of what one batch counts, in their order.

    Their rows are then looked for between the first and the last of them: where these were limited
    themselves, and their table has grown since its figures were taken, PostgreSQL would read all
    that is left and sort it, for each batch anew.
    """
    keys = model._default_manager.filter(pk__gt=after, pk__lte=upto).order_by("pk")
    return list(keys.values_list("pk", flat=True)[:BATCH])


def entries(keys: Sequence[int]) -> list[Entry]:
    if not keys:
        return []
    rows = LedgerEntry.objects.filter(pk__range=(keys[0], keys[-1]))
    return [
        Entry._make(row)
        for row in rows.values_list(
            "pk",
            "account_id",
            "wallet_id",
            "account__wallet_id",
            "api_user_id",
            "kind",
            "credits",
            "submission_id",
            "created_at",
        )
    ]


def ends(keys: Sequence[int], states: Collection[str]) -> list[Event]:
    """Return the events among these of a message that came to one of these states."""
    if not keys:
        return []
    rows = MessageEvent.objects.filter(pk__range=(keys[0], keys[-1]), state__in=states)
    return [
        Event._make(row)
        for row in rows.values_list(
            "message_id",
            "state",
            "message__account_id",
            "message__submission__api_user_id",
            "message__submission__created_at",
        )
    ]


def sent_by(paid_by: Iterable[Entry]) -> dict[int, Sent]:
    """Return what the orders sent that these entries paid for, by their keys.

    Each order is paid by one entry, in the transaction that stores it with all its messages.
    """
    paid = [entry.submission_id for entry in paid_by if entry.kind == LedgerEntry.Kind.DEBIT]
    sent: dict[int, Sent] = {}
    rows = Message.objects.filter(submission__in=paid).values_list(
        "submission_id", "submission__parts", "msisdn", "submission__numbers_removed_at"
    )
    for submission_id, parts, number, removed_at in rows.iterator():
        of_order = sent.setdefault(submission_id, Sent(parts, Counter()))
        # Of three digits that are left of a number nobody can tell.
        of_order.countries["" if removed_at else msisdn.country_of(number)] += 1
    return sent
