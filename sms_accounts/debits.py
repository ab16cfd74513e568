"""Takes the prices of submissions, many in one transaction, from the purses of those who send."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db import connection

from sms_accounts import bulk, purses
from sms_accounts.ledger import InsufficientCredits, Kind
from sms_accounts.models import Account, Alert, ApiUser, LedgerEntry, Submission, Wallet
from sms_accounts.models.fields import from_hundredths
from sms_accounts.models.wallet import spendable
from sms_accounts.purses import Moved


@dataclass(frozen=True)
class Payer:
    """From which purse an API user pays until the transaction ends, and whether it may.

    `revisions` are those of the user's row and of its account's. `seen` is what could be spent
    at a look, without a lock, and `room` what of it could be taken quietly: good for a guess,
    never for a decision.
    """

    wallet_id: int
    is_open: bool
    revisions: tuple[int, int]
    seen: Decimal
    room: Decimal


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The price of a submission, and who is to pay it.

    `silent_for` is the alert that is being paid: the reserve is there for it, and what it tells
    of is not told again.
    """

    payer: ApiUser | Account
    credits: Decimal
    account_id: int
    submission_id: int
    at: datetime
    silent_for: Alert | None = None


@dataclass(frozen=True)
class Paid:
    """Which purse paid, and what can still be spent from it."""

    wallet_id: int
    balance: Decimal


_WALLET = Wallet._meta.db_table
_USER = ApiUser._meta.db_table
_ACCOUNT = Account._meta.db_table

_DEBITS = bulk.Table(
    LedgerEntry,
    "account_id",
    "wallet_id",
    "api_user_id",
    "kind",
    "credits",
    "balance",
    "submission_id",
    "reason",
    "created_at",
)


def lock_payers(users: Collection[int]) -> Callable[[], dict[int, Payer]]:
    """Keep API users from changing their purse until the transaction ends.

    Returns what waits for them; by their keys.
    """
    if not users:
        return dict
    places = ", ".join(["%s"] * len(users))
    # SQLite lets one transaction write at a time and needs no lock of a row.
    lock = "FOR SHARE OF u" if connection.vendor == "postgresql" else ""
    locked = bulk.ask(
        "SELECT u.id, u.wallet_id, u.is_enabled AND u.deleted_at IS NULL,"  # noqa: S608
        " u.revision, a.revision,"
        f" (SELECT credits - reserve FROM {_WALLET} WHERE id = u.wallet_id),"
        f" (SELECT highest_threshold FROM {_WALLET} WHERE id = u.wallet_id)"
        f" FROM {_USER} u JOIN {_ACCOUNT} a ON a.id = u.account_id"
        f" WHERE u.id IN ({places}) ORDER BY u.id {lock}",
        sorted(users),
    )
    return lambda: {
        user_id: Payer(
            wallet_id=wallet_id,
            is_open=bool(is_open),
            revisions=(revision, of_account),
            seen=from_hundredths(seen),
            room=purses.room(seen, highest),
        )
        for user_id, wallet_id, is_open, revision, of_account, seen, highest in locked()
    }


def debit_each(
    bills: Sequence[Bill], payers: Mapping[int, Payer], *, along: Callable[[], None] | None = None
) -> list[Paid | InsufficientCredits]:
    """Take the price of each submission from the purse of whoever sends, in this order.

    `payers` has every API user among them, locked by `lock_payers` in this transaction. Bills on
    one purse are taken from it at once if it holds them all; otherwise one after the other, and
    who cannot be paid then has changed nothing. `along` sends statements of the caller's through
    `bulk`, in the same round trip and before the purses are touched.
    """
    outcomes: dict[int, Paid | InsufficientCredits] = {}
    on_wallet: dict[int, list[int]] = {}
    for number, bill in enumerate(bills):
        wallet_id = _wallet_that_pays(bill.payer, payers)
        if wallet_id is None:
            outcomes[number] = _why_refused(bill.payer)
        else:
            on_wallet.setdefault(wallet_id, []).append(number)
    # Nothing of Django's own in here: it cannot count rows while it does not wait for them.
    with bulk.together():
        if along:
            along()
        movements = _take(bills, on_wallet)
        _DEBITS.insert(_debit_entry(bills[number], moved) for number, moved in movements.items())
    purses.tell(
        purses.fall(moved, at=bills[number].at, silent_for=bills[number].silent_for)
        for number, moved in movements.items()
    )
    for wallet_id, numbers in on_wallet.items():
        for number in numbers:
            outcomes[number] = (
                Paid(wallet_id, movements[number].spendable)
                if number in movements
                else _why_refused(bills[number].payer)
            )
    return [outcomes[number] for number in range(len(bills))]


def _take(bills: Sequence[Bill], on_wallet: Mapping[int, Sequence[int]]) -> dict[int, Moved]:
    """Take bills from purses; return the movement of each that was paid, by its number."""
    at_once = purses.take_each(
        {
            wallet_id: sum((bills[number].credits for number in numbers), Decimal(0))
            for wallet_id, numbers in on_wallet.items()
            # An alert may take what the others may not.
            if not any(bills[number].silent_for for number in numbers)
        }
    )
    movements: dict[int, Moved] = {}
    for wallet_id, numbers in sorted(on_wallet.items()):
        of_wallet = [bills[number] for number in numbers]
        if moved := at_once.get(wallet_id):
            each: Sequence[Moved | None] = _one_by_one(moved, of_wallet)
        else:
            each = [
                purses.move(wallet_id, -bill.credits, from_reserve=bill.silent_for is not None)
                for bill in of_wallet
            ]
        movements |= {number: one for number, one in zip(numbers, each, strict=True) if one}
    return movements


def _wallet_that_pays(payer: ApiUser | Account, payers: Mapping[int, Payer]) -> int | None:
    if isinstance(payer, Account):
        return payer.wallet_id
    locked = payers[payer.pk]
    return locked.wallet_id if locked.is_open else None


def _one_by_one(moved: Moved, bills: Sequence[Bill]) -> list[Moved]:
    """Return one movement as the several that it stands for."""
    each = []
    before = moved.before
    for bill in bills:
        each.append(replace(moved, before=before, after=before - bill.credits))
        before -= bill.credits
    return each


def _debit_entry(bill: Bill, moved: Moved) -> tuple[object, ...]:
    return (
        bill.account_id,
        moved.wallet_id,
        bill.payer.pk if isinstance(bill.payer, ApiUser) else None,
        Kind.DEBIT.value,
        moved.after - moved.before,
        moved.after,
        bill.submission_id,
        f"Alert for {bill.silent_for.subject}" if bill.silent_for else "",
        bill.at,
    )


def balance_after(submission: Submission) -> Decimal:
    """Return what could be spent from the purse that paid a submission right after that.

    The reserve is that of today, since entries do not know it.
    """
    balance, reserve = LedgerEntry.objects.values_list("balance", "wallet__reserve").get(
        submission=submission, kind=Kind.DEBIT
    )
    return spendable(balance, reserve=reserve)


def _why_refused(payer: ApiUser | Account) -> InsufficientCredits:
    if isinstance(payer, Account):
        return InsufficientCredits(Wallet.objects.get(pk=payer.wallet_id).spendable)
    user = ApiUser.objects.select_related("wallet").get(pk=payer.pk)
    return InsufficientCredits(
        user.wallet.spendable,
        is_quota=user.has_quota,
        is_closed=user.deleted_at is not None or not user.is_enabled,
    )
