"""Stores and pays orders by one statement, where all is as this process remembers it.

What is remembered are the callers, from which purse each pays, and how much that held. The
statement confirms it and fails where it is not so; then nothing is stored, and `submission` finds
out what is to be done, by some questions more. Who waits for the same purse waits for the end of
one statement and for nobody's thoughts. PostgreSQL only.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.db import DataError, connection
from psycopg import errors

from sms_accounts import bulk, purses
from sms_accounts.callers import Caller
from sms_accounts.ledger import Kind
from sms_accounts.models import Account, ApiUser, LedgerEntry
from sms_accounts.models.fields import from_hundredths, to_hundredths
from sms_accounts.order_rows import MESSAGES, SUBMISSIONS, messages, submission
from sms_accounts.orders import Priced

# Keys that were reserved along with what was stored last. Older ones would put a message behind
# those that other processes have stored since.
KEYS_KEEP_FOR = timedelta(milliseconds=100)
MOST_KEYS = 1000
MOST_REMEMBERED = 20_000


class Stored(NamedTuple):
    """The keys of a submission and of its messages, and what can be spent after it."""

    submission_id: int
    message_ids: tuple[int, ...]
    credits_left: Decimal


class _Keys:
    """Keys of rows to come, reserved by this process along with those that it stored last."""

    def __init__(self) -> None:
        self._submissions: Sequence[int] = []
        self._messages: Sequence[int] = []
        self._until = 0.0
        # How many were wanted at most, lately: little and much come in turns.
        self._most = [0, 0]

    def to_reserve(self, submissions: int, messages: int) -> tuple[int, int]:
        """Return how many to reserve of both kinds along with so many that are stored."""
        now = zip((submissions, messages), self._most, strict=True)
        self._most = [max(wanted, most - most // 8) for wanted, most in now]
        return min(2 * self._most[0], MOST_KEYS), min(2 * self._most[1], MOST_KEYS)

    def keep(self, submissions: Sequence[int], messages: Sequence[int]) -> None:
        self._submissions, self._messages = submissions, messages
        self._until = time.monotonic() + KEYS_KEEP_FOR.total_seconds()

    def take(self, submissions: int, messages: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return so many keys of both kinds, in rising order."""
        is_too_late = self._until < time.monotonic()
        if is_too_late or len(self._submissions) < submissions or len(self._messages) < messages:
            with bulk.together():
                asked = SUBMISSIONS.next_ids(submissions), MESSAGES.next_ids(messages)
            self.keep(asked[0](), asked[1]())
        taken = self._submissions[:submissions], self._messages[:messages]
        self.forget()
        return taken

    def forget(self) -> None:
        self.keep([], [])


_keys = _Keys()
# How much each purse held that could be taken quietly, when we last saw it.
_rooms: dict[int, Decimal] = {}
_lock = threading.Lock()


def remember(wallet_id: int, room: Decimal) -> None:
    """Keep in mind how much could be taken from a purse quietly, as far as we know."""
    if len(_rooms) >= MOST_REMEMBERED:
        _rooms.clear()
    _rooms[wallet_id] = room


def forget() -> None:
    """Forget all purses and keys of this process (tests begin with that)."""
    _rooms.clear()
    _keys.forget()


def store(priced: Sequence[Priced]) -> list[Stored] | None:
    """Store and pay all of the orders; None, and nothing is stored, where that takes more."""
    judged = [one.order.judged_by for one in priced if _is_plain(one)]
    callers = [caller for caller in judged if caller is not None]
    if connection.vendor != "postgresql" or not bulk.is_alone():
        return None
    if len(callers) < len(priced) or not _are_surely_paid(priced, callers):
        return None
    with _lock:
        try:
            return _store(priced, callers)
        except DataError as failed:
            if not isinstance(failed.__cause__, errors.DivisionByZero):
                raise
            # Somebody else has spent of the same purse, or changed the user.
            for caller in callers:
                _rooms.pop(caller.user.wallet_id, None)
            return None


def _is_plain(one: Priced) -> bool:
    """Say whether nothing is to be judged but the caller, and nothing told but the price."""
    order = one.order
    return (
        order.judged_by is not None
        and order.judged_by.user.messages_a_minute is None
        and not order.idempotency_key
        and order.silent_for is None
    )


def _are_surely_paid(priced: Sequence[Priced], callers: Sequence[Caller]) -> bool:
    needed: dict[int, Decimal] = {}
    for one, caller in zip(priced, callers, strict=True):
        wallet_id = caller.user.wallet_id
        needed[wallet_id] = needed.get(wallet_id, Decimal(0)) + one.quote.total
    return all(credits <= _rooms.get(wallet_id, 0) for wallet_id, credits in needed.items())


def _store(priced: Sequence[Priced], callers: Sequence[Caller]) -> list[Stored]:
    receivers = sum(len(one.quote.credits) for one in priced)
    ids, free_ids = _keys.take(len(priced), receivers)
    free = iter(free_ids)
    ids_of_messages = [tuple(next(free) for _number in one.quote.credits) for one in priced]
    wallets = [caller.user.wallet_id for caller in callers]
    prices, so_far = _added_up(priced, wallets)
    # One who stands here in two ways is not as remembered, and only one of them is found.
    users = {(each.user.pk, each.user.wallet_id, *each.revisions) for each in callers}
    of_several = len(users) > 1
    more_submissions, more_messages = _keys.to_reserve(len(priced), receivers)
    [row] = bulk.ask(
        _statement(of_several=of_several),
        (
            *_as_given(sorted(users), of_several=of_several),
            *SUBMISSIONS.told(
                submission(*given) for given in zip(ids, priced, wallets, strict=True)
            ),
            *MESSAGES.told(
                row
                for pk, message_ids, one in zip(ids, ids_of_messages, priced, strict=True)
                for row in messages(message_ids, pk, one)
            ),
            *(len(users), len(priced), receivers),
            *([bulk.array(prices)] if of_several else []),
            *_as_given(list(prices.items()), of_several=of_several),
            len(priced),
            *(SUBMISSIONS.sequence, more_submissions),
            *(MESSAGES.sequence, more_messages),
        ),
    )()
    _all, next_submissions, next_messages, *purses_after = row
    _keys.keep(next_submissions, next_messages)
    left = _left(purses_after, prices)
    return [
        Stored(pk, message_ids, from_hundredths(left[wallet_id] - taken))
        for pk, message_ids, wallet_id, taken in zip(
            ids, ids_of_messages, wallets, so_far, strict=True
        )
    ]


def _added_up(
    priced: Sequence[Priced], wallets: Sequence[int]
) -> tuple[dict[int, int], Sequence[int]]:
    """Return what the orders of each purse cost, and up to each order what its purse has paid."""
    prices: dict[int, int] = {}
    so_far = []
    for one, wallet_id in zip(priced, wallets, strict=True):
        prices[wallet_id] = prices.get(wallet_id, 0) + to_hundredths(one.quote.total)
        so_far.append(prices[wallet_id])
    return prices, so_far


def _left(purses_after: Iterable[Iterable[Any]], prices: Mapping[int, int]) -> dict[int, int]:
    """Remember purses as they are after paying; return what could be spent of each before."""
    left = {}
    for wallet_id, after, reserve, threshold in zip(*purses_after, strict=True):
        remember(wallet_id, purses.room(after - reserve, threshold))
        left[wallet_id] = after - reserve + prices[wallet_id]
    return left


def _as_given(rows: Sequence[tuple[int, ...]], *, of_several: bool) -> Iterable[Any]:
    """Return rows as they are given: the columns of several as arrays, and the values of one."""
    return map(bulk.array, zip(*rows, strict=True)) if of_several else rows[0]


def _given(columns: int, *, of_several: bool) -> str:
    """Return where such rows stand in the statement.

    One is written out: of arrays nobody knows the length, and a plan would be made each time.
    """
    if of_several:
        return f"unnest({', '.join(['%s::bigint[]'] * columns)})"
    return f"(SELECT {', '.join(['%s::bigint'] * columns)})"


@cache
def _statement(*, of_several: bool) -> str:
    """Return the statement, which locks what all others lock, in their order: users, then purses.

    It fails with a division by zero where not each entry could be made. Users are looked for one
    by one, by the key alone, and what else they must be is said beside it: the plan is kept, and
    may be of a time when the table was so small that any index would do, or none.
    """
    user, account = ApiUser._meta.db_table, Account._meta.db_table
    locked, are_locked = "", "TRUE"
    if of_several:
        locked = f"purses AS MATERIALIZED ({purses.LOCK_ALL}),"
        are_locked = purses.ARE_LOCKED
    taking = purses.TAKE_QUIETLY.format(
        prices=_given(2, of_several=of_several), are_locked=are_locked
    )
    return f"""
        WITH users AS MATERIALIZED (
            SELECT found.is_as_told
            FROM {_given(4, of_several=of_several)} AS e (id, wallet_id, revision, of_account),
            LATERAL (
                SELECT u.is_enabled AND u.deleted_at IS NULL AND u.wallet_id = e.wallet_id
                    AND u.revision = e.revision AND a.revision = e.of_account AS is_as_told
                FROM {user} u JOIN {account} a ON a.id = u.account_id
                WHERE u.id = e.id FOR SHARE OF u
            ) AS found
        ),
        submissions AS (
            {SUBMISSIONS.insertion}
            RETURNING id, account_id, wallet_id, api_user_id, credits, created_at
        ),
        messages AS ({MESSAGES.insertion} RETURNING 1),
        ready AS MATERIALIZED (
            SELECT (SELECT count(*) FROM users WHERE is_as_told) = %s
                AND (SELECT count(*) FROM submissions) = %s
                AND (SELECT count(*) FROM messages) = %s AS is_so
        ),
        {locked}
        paid AS ({taking}),
        entries AS (
            INSERT INTO {LedgerEntry._meta.db_table} (account_id, wallet_id, api_user_id, kind,
                credits, balance, submission_id, reason, created_at)
            SELECT s.account_id, s.wallet_id, s.api_user_id, '{Kind.DEBIT.value}', -s.credits,
                paid.credits + paid.price
                    - sum(s.credits) OVER (PARTITION BY s.wallet_id ORDER BY s.id),
                s.id, '', s.created_at
            FROM submissions s JOIN paid ON paid.id = s.wallet_id ORDER BY s.id RETURNING 1
        )
        SELECT 1 / ((SELECT count(*) FROM entries) = %s)::int,
            array(SELECT nextval(%s::regclass) FROM generate_series(1, %s)),
            array(SELECT nextval(%s::regclass) FROM generate_series(1, %s)),
            array_agg(id), array_agg(credits), array_agg(reserve), array_agg(highest_threshold)
        FROM paid
    """  # noqa: S608
