"""Alone changes what a purse holds, each time by one conditional UPDATE; see `ledger.py`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from sms_accounts import bulk
from sms_accounts.models import Alert, ApiUser, Fall, Wallet
from sms_accounts.models.fields import from_hundredths, to_hundredths
from sms_accounts.models.wallet import spendable


@dataclass(frozen=True)
class Moved:
    """A purse before and after one movement, as the database said in the same statement."""

    wallet_id: int
    before: Decimal
    after: Decimal
    reserve: Decimal
    highest_threshold: Decimal | None

    @property
    def spendable(self) -> Decimal:
        return spendable(self.after, reserve=self.reserve)


_WALLET = Wallet._meta.db_table


def move(wallet_id: int, credits: Decimal, *, from_reserve: bool = False) -> Moved | None:
    """Add credits to a purse, or take them; return None if it does not hold them."""
    change = to_hundredths(credits)
    rows = bulk.ask(
        f"UPDATE {_WALLET} SET credits = credits + %s"  # noqa: S608  # no outside text in it
        f" WHERE id = %s AND credits + %s >= {_least(credits, from_reserve=from_reserve)}"
        " RETURNING id, credits, reserve, highest_threshold",
        (change, wallet_id, change),
    )()
    return _as_moved(rows[0], credits) if rows else None


def _least(credits: Decimal, *, from_reserve: bool = False) -> str:
    """Return what a purse has to hold after a movement."""
    # What is added is welcome also where it does not fill the reserve.
    return "0" if from_reserve or credits > 0 else "reserve"


def take_each(prices: Mapping[int, Decimal]) -> dict[int, Moved]:
    """Take credits from purses, but for their reserves; leave out each that has them not."""
    if len(prices) < 2 or connection.vendor != "postgresql":
        each = [move(wallet_id, -prices[wallet_id]) for wallet_id in sorted(prices)]
        return {moved.wallet_id: moved for moved in each if moved is not None}
    wallets = list(prices)
    with bulk.together():
        # Locked first: the join would take the rows in an order of its own.
        bulk.ask(
            f"SELECT id FROM {_WALLET} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",  # noqa: S608
            (wallets,),
        )
        moved = bulk.ask(
            f"UPDATE {_WALLET} w SET credits = w.credits - d.price"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::bigint[]) AS d (id, price)"
            " WHERE w.id = d.id AND w.credits - d.price >= w.reserve"
            " RETURNING w.id, w.credits, w.reserve, w.highest_threshold",
            (wallets, [to_hundredths(price) for price in prices.values()]),
        )
        return {row[0]: _as_moved(row, -prices[row[0]]) for row in moved()}


# What takes prices from purses at the end of a statement: each must hold enough and stay above the
# thresholds of its alerts. `ready` is a part of the statement that says whether all else is done.
# PostgreSQL alone knows how.
TAKE_QUIETLY = f"""
    UPDATE {_WALLET} w SET credits = w.credits - d.price
    FROM {{prices}} AS d (id, price)
    WHERE w.id = d.id AND (SELECT is_so FROM ready) AND w.credits - d.price >= w.reserve
        AND (w.highest_threshold IS NULL OR w.credits - d.price - w.reserve > w.highest_threshold)
        AND {{are_locked}}
    RETURNING w.id, w.credits, w.reserve, w.highest_threshold, d.price
"""  # noqa: S608
# Several of them are locked in the order that all keep, before one is changed.
LOCK_ALL = f"""
    SELECT id FROM {_WALLET} WHERE id = ANY(%s::bigint[]) AND (SELECT is_so FROM ready)
    ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608
# All of them are, before the first is looked at.
ARE_LOCKED = "(SELECT count(*) FROM purses) > 0"


def room(spendable: int, highest_threshold: int | None) -> Decimal:
    """Return how much can be taken from a purse quietly, of amounts in hundredths."""
    return from_hundredths(
        spendable if highest_threshold is None else spendable - highest_threshold - 1
    )


def _as_moved(row: tuple[Any, ...], credits: Decimal) -> Moved:
    wallet_id, after, reserve, highest = row
    now = from_hundredths(after)
    return Moved(
        wallet_id=wallet_id,
        before=now - credits,
        after=now,
        reserve=from_hundredths(reserve),
        highest_threshold=None if highest is None else from_hundredths(highest),
    )


def fall(
    moved: Moved,
    *,
    at: datetime,
    silent_for: Alert | None = None,
    except_user: ApiUser | None = None,
) -> Fall | None:
    """Return how far a movement took a purse down, where that may be of interest to anybody."""
    if moved.highest_threshold is None or moved.spendable > moved.highest_threshold:
        return None
    return Fall(
        wallet_id=moved.wallet_id,
        before=spendable(moved.before, reserve=moved.reserve),
        after=moved.spendable,
        at=at,
        silent_for=silent_for,
        except_user=except_user,
    )


def tell(falls: Iterable[Fall | None]) -> None:
    if told := [fall for fall in falls if fall is not None]:
        Alert.objects.of_falls(told)
