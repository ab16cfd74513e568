"""Alone moves credits: every change of a purse is one conditional UPDATE with its entry.

Each function is to be called in, or opens, one transaction together with whatever is bought.
Locks are taken in one order, so that nobody waits for somebody who waits for him: rows of API
users, what a submission is judged by (its key, its user's pace), then purses, each in the
order of their keys. A debit shares the row of its user and never writes it; whoever switches a
quota locks that row, but not its key, so that others can go on referring to it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_noop

from sms_accounts import bulk
from sms_accounts.models import (
    Account,
    Alert,
    ApiUser,
    Fall,
    LedgerEntry,
    Level,
    Membership,
    Message,
    Submission,
    User,
    Wallet,
)
from sms_accounts.models.fields import to_hundredths
from sms_accounts.models.wallet import spendable

Kind = LedgerEntry.Kind


class InsufficientCredits(Exception):
    """The purse holds less than was to be taken; nothing was moved.

    `available` is what could have been taken; `is_quota` says whether the purse is that of a
    user with a quota, `is_closed` that the user was disabled or deleted meanwhile.
    """

    def __init__(
        self, available: Decimal, *, is_quota: bool = False, is_closed: bool = False
    ) -> None:
        super().__init__(f"{available} credits available")
        self.available = available
        self.is_quota = is_quota
        self.is_closed = is_closed


class AnotherHolder(Exception):
    """No one person owns both accounts; nothing was moved."""


@dataclass(frozen=True)
class Payer:
    """From which purse an API user pays until the transaction ends, and whether it may.

    `revisions` are those of the user's row and of its account's. `seen` is what could be spent
    at a look, without a lock: good for a guess, never for a decision.
    """

    wallet_id: int
    is_open: bool
    revisions: tuple[int, int]
    seen: Decimal


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


@dataclass(frozen=True)
class _Moved:
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
        f" u.revision, a.revision, (SELECT credits - reserve FROM {_WALLET} WHERE id = u.wallet_id)"
        f" FROM {_USER} u JOIN {_ACCOUNT} a ON a.id = u.account_id"
        f" WHERE u.id IN ({places}) ORDER BY u.id {lock}",
        sorted(users),
    )
    return lambda: {
        user_id: Payer(
            wallet_id=wallet_id,
            is_open=bool(is_open),
            revisions=(revision, of_account),
            seen=Decimal(hundredths).scaleb(-2),
        )
        for user_id, wallet_id, is_open, revision, of_account, hundredths in locked()
    }


def _move(wallet_id: int, credits: Decimal, *, from_reserve: bool = False) -> _Moved | None:
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


def _take_each(prices: Mapping[int, Decimal]) -> dict[int, _Moved]:
    """Take credits from purses, but for their reserves; leave out each that has them not."""
    if len(prices) < 2 or connection.vendor != "postgresql":
        each = [_move(wallet_id, -prices[wallet_id]) for wallet_id in sorted(prices)]
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


def _as_moved(row: tuple[Any, ...], credits: Decimal) -> _Moved:
    wallet_id, after, reserve, highest = row
    now = Decimal(after).scaleb(-2)
    return _Moved(
        wallet_id=wallet_id,
        before=now - credits,
        after=now,
        reserve=Decimal(reserve).scaleb(-2),
        highest_threshold=None if highest is None else Decimal(highest).scaleb(-2),
    )


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
    _tell(
        _fall(moved, at=bills[number].at, silent_for=bills[number].silent_for)
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


def _take(bills: Sequence[Bill], on_wallet: Mapping[int, Sequence[int]]) -> dict[int, _Moved]:
    """Take bills from purses; return the movement of each that was paid, by its number."""
    at_once = _take_each(
        {
            wallet_id: sum((bills[number].credits for number in numbers), Decimal(0))
            for wallet_id, numbers in on_wallet.items()
            # An alert may take what the others may not.
            if not any(bills[number].silent_for for number in numbers)
        }
    )
    movements: dict[int, _Moved] = {}
    for wallet_id, numbers in sorted(on_wallet.items()):
        of_wallet = [bills[number] for number in numbers]
        if moved := at_once.get(wallet_id):
            each: Sequence[_Moved | None] = _one_by_one(moved, of_wallet)
        else:
            each = [
                _move(wallet_id, -bill.credits, from_reserve=bill.silent_for is not None)
                for bill in of_wallet
            ]
        movements |= {number: one for number, one in zip(numbers, each, strict=True) if one}
    return movements


def _wallet_that_pays(payer: ApiUser | Account, payers: Mapping[int, Payer]) -> int | None:
    if isinstance(payer, Account):
        return payer.wallet_id
    locked = payers[payer.pk]
    return locked.wallet_id if locked.is_open else None


def _one_by_one(moved: _Moved, bills: Sequence[Bill]) -> list[_Moved]:
    """Return one movement as the several that it stands for."""
    each = []
    before = moved.before
    for bill in bills:
        each.append(replace(moved, before=before, after=before - bill.credits))
        before -= bill.credits
    return each


def _debit_entry(bill: Bill, moved: _Moved) -> tuple[object, ...]:
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


def refund(message: Message, *, reason: str) -> Decimal:
    """Give back what a message cost, to the purse that paid, once; return the credits.

    A purse that was closed meanwhile (quota switched off, user deleted) passes them on to the
    account. A second refund of the same message violates `refund_once_per_message`.
    """
    submission = message.submission
    with transaction.atomic():
        user = _locked(submission.api_user_id) if submission.api_user_id else None
        account_wallet_id = Account.objects.values_list("wallet_id", flat=True).get(
            pk=message.account_id
        )
        is_open = user is not None and submission.wallet_id == user.wallet_id
        moved = _moved(submission.wallet_id if is_open else account_wallet_id, message.credits)
        _enter(
            moved,
            kind=Kind.REFUND,
            account_id=message.account_id,
            submission=submission,
            message=message,
            api_user=submission.api_user,
            reason=reason,
        )
    return message.credits


def top_up(account: Account, credits: Decimal, *, by: User | None, reason: str) -> Decimal:
    """Put bought credits into an account; return what it holds then."""
    if credits <= 0:
        raise ValueError("A top-up is above zero.")
    with transaction.atomic():
        moved = _moved(account.wallet_id, credits)
        _enter(moved, kind=Kind.TOP_UP, account_id=account.pk, by=by, reason=reason)
    return moved.after


def take_back(account: Account, credits: Decimal, *, by: User | None, reason: str) -> Decimal:
    """Take credits out of an account as a correction by staff; return what it holds then.

    Raises InsufficientCredits where the account holds less (quotas are not touched). The reserve
    holds nothing back: staff take back what was never the account's.
    """
    if credits <= 0:
        raise ValueError("What is taken back is above zero.")
    with transaction.atomic():
        moved = _move(account.wallet_id, -credits, from_reserve=True)
        if moved is None:
            raise InsufficientCredits(Wallet.objects.get(pk=account.wallet_id).credits)
        _enter(moved, kind=Kind.CORRECTION, account_id=account.pk, by=by, reason=reason)
        _alert_crossings(moved, at=timezone.now())
    return moved.after


def transfer(
    giver: Account, receiver: Account, credits: Decimal, *, by: User | None, reason: str = ""
) -> Decimal:
    """Move credits to another account of the same holder; return what the giver holds then.

    Raises AnotherHolder, or InsufficientCredits where the giver holds less (quotas and its
    reserve are not touched).
    """
    if credits <= 0:
        raise ValueError("A transfer is above zero.")
    if giver.pk == receiver.pk:
        raise ValueError("A transfer is between two accounts.")
    with transaction.atomic():
        if not _have_one_holder(giver, receiver):
            raise AnotherHolder(receiver.name)
        _lock_wallets(giver.wallet_id, receiver.wallet_id)
        given = _moved(giver.wallet_id, -credits)
        taken = _moved(receiver.wallet_id, credits)
        more = f": {reason}" if reason else ""
        for moved, account, told in (
            (given, giver, f"To {receiver.name}{more}"),
            (taken, receiver, f"From {giver.name}{more}"),
        ):
            _enter(moved, kind=Kind.TRANSFER, account_id=account.pk, by=by, reason=told)
        _alert_crossings(given, at=timezone.now())
    return given.after


def _have_one_holder(*accounts: Account) -> bool:
    owners = [
        set(
            Membership.objects.filter(account=account, role=Membership.Role.OWNER).values_list(
                "user_id", flat=True
            )
        )
        for account in accounts
    ]
    return bool(set.intersection(*owners))


def set_quota(
    api_user: ApiUser, quota: Decimal | None, *, by: User | None, reason: str = ""
) -> None:
    """Give an API user a purse that holds `quota`, or close it with None.

    Moves exactly the difference between the account and the user. Raises InsufficientCredits
    with what could be given at most: the account's credits but its reserve, plus what the user
    holds.
    """
    with transaction.atomic():
        user = _locked(api_user.pk)
        at = timezone.now()
        account = user.account
        own_id = user.quota_wallet_id
        wallets = _lock_wallets(account.wallet_id, own_id)
        held = wallets[own_id].credits
        spendable_before = wallets[user.wallet_id].spendable
        given = (quota or Decimal(0)) - held
        if given > wallets[account.wallet_id].spendable:
            raise InsufficientCredits(wallets[account.wallet_id].spendable + held)
        own_after = account_after = None
        if given:
            account_after = _moved(account.wallet_id, -given)
            own_after = _moved(own_id, given)
            for moved in (account_after, own_after):
                _enter(
                    moved,
                    kind=Kind.QUOTA,
                    account_id=account.pk,
                    api_user=user,
                    by=by,
                    reason=reason or _change_of_quota(user, quota, given),
                )
        user.wallet_id = account.wallet_id if quota is None else own_id
        user.quota_given = quota
        user.save(update_fields=["wallet", "quota_given"])
        levels = Level.objects.store(user)
        refresh_threshold_hints(account.wallet_id, own_id)
        # Others who share the account's purse see it fall; this user's own level is what it
        # could spend before and can spend now, whichever purse that was and is.
        if account_after:
            _alert_crossings(account_after, at=at, except_user=user)
        now_paying = own_after if quota is not None else account_after
        level = now_paying.spendable if now_paying else wallets[user.wallet_id].spendable
        if reached := [each for each in levels if level <= each < spendable_before]:
            Alert.objects.store([Alert.about(user, threshold=min(reached), balance=level, at=at)])
    api_user.wallet_id = user.wallet_id


# Stored in this one language, whoever acts; pages that show a reason translate it.
def _change_of_quota(user: ApiUser, quota: Decimal | None, given: Decimal) -> str:
    if quota is None:
        return gettext_noop("Quota switched off")
    if not user.has_quota:
        return gettext_noop("Quota given")
    return gettext_noop("Quota raised") if given > 0 else gettext_noop("Quota lowered")


def set_reserve(account: Account, reserve: Decimal) -> Decimal:
    """Hold back so many of an account's credits for alerts; return what was held back before.

    It may be more than the account has: then nothing is left to spend until it has more.
    """
    if reserve < 0:
        raise ValueError("A reserve is not below zero.")
    with transaction.atomic():
        [wallet] = _lock_wallets(account.wallet_id).values()
        Wallet.objects.filter(pk=wallet.pk).update(reserve=reserve)
        left = spendable(wallet.credits, reserve=reserve)
        fall = Fall(wallet_id=wallet.pk, before=wallet.spendable, after=left, at=timezone.now())
        Alert.objects.of_falls([fall])
    return wallet.reserve


def refresh_threshold_hints(*wallet_ids: int) -> None:
    """Store anew the highest level at which somebody is told that each purse has fallen.

    To be called in the transaction that changed who pays from a purse, or a threshold, after
    that change; it locks the purse, so that a debit sees either both changes or none.
    """
    for wallet_id in _lock_wallets(*wallet_ids):
        highest = Level.objects.filter(wallet_id=wallet_id).aggregate(highest=Max("credits"))[
            "highest"
        ]
        Wallet.objects.filter(pk=wallet_id).update(highest_threshold=highest)


def _lock_wallets(*wallet_ids: int) -> dict[int, Wallet]:
    """Lock purses in the order of their keys; return them by key, in that order."""
    locked = Wallet.objects.select_for_update(no_key=True).filter(pk__in=wallet_ids)
    return {wallet.pk: wallet for wallet in locked.order_by("pk")}


def _locked(api_user_id: int) -> ApiUser:
    return (
        ApiUser.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account")
        .get(pk=api_user_id)
    )


def _moved(wallet_id: int, credits: Decimal) -> _Moved:
    moved = _move(wallet_id, credits)
    if moved is None:
        raise InsufficientCredits(Wallet.objects.get(pk=wallet_id).spendable)
    return moved


def _enter(
    moved: _Moved,
    *,
    kind: LedgerEntry.Kind,
    account_id: int,
    api_user: ApiUser | None = None,
    submission: Submission | None = None,
    message: Message | None = None,
    by: User | None = None,
    reason: str = "",
) -> None:
    LedgerEntry.objects.create(
        account_id=account_id,
        wallet_id=moved.wallet_id,
        api_user=api_user,
        kind=kind,
        credits=moved.after - moved.before,
        balance=moved.after,
        submission=submission,
        message=message,
        by=by,
        reason=reason[:200],
        created_at=timezone.now(),
    )


def _alert_crossings(
    *movements: _Moved,
    at: datetime,
    silent_for: Alert | None = None,
    except_user: ApiUser | None = None,
) -> None:
    """Store an alert for each whose level these movements passed downward, in their order."""
    _tell(
        _fall(moved, at=at, silent_for=silent_for, except_user=except_user) for moved in movements
    )


def _fall(
    moved: _Moved,
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


def _tell(falls: Iterable[Fall | None]) -> None:
    if told := [fall for fall in falls if fall is not None]:
        Alert.objects.of_falls(told)
