"""Alone moves credits: every change of a purse is one conditional UPDATE with its entry.

Each function is to be called in, or opens, one transaction together with whatever is bought.
Locks are taken in one order, so that nobody waits for somebody who waits for him: rows of API
users, what a submission is judged by (its key, its user's pace), then purses, each in the
order of their keys. A debit shares the row of its user and never writes it; whoever switches a
quota locks that row, but not its key, so that others can go on referring to it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from sms_accounts import bulk
from sms_accounts.models import (
    Account,
    Alert,
    ApiUser,
    LedgerEntry,
    Membership,
    Message,
    Submission,
    User,
    Wallet,
)
from sms_accounts.models.api_user import ApiUserQuerySet
from sms_accounts.models.fields import to_hundredths

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

    `revisions` are those of the user's row and of its account's. `seen` is what the purse held
    at a look, without a lock: good for a guess, never for a decision.
    """

    wallet_id: int
    is_open: bool
    revisions: tuple[int, int]
    seen: Decimal


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The price of a submission, and who is to pay it.

    `silent_for` names the user whose alert is being paid: it does not set off an alert for the
    same user again.
    """

    payer: ApiUser | Account
    credits: Decimal
    account_id: int
    submission_id: int
    at: datetime
    silent_for: ApiUser | None = None


@dataclass(frozen=True)
class Paid:
    """Which purse paid, and what it holds now."""

    wallet_id: int
    balance: Decimal


@dataclass(frozen=True)
class _Moved:
    """A purse before and after one movement, as the database said in the same statement."""

    wallet_id: int
    before: Decimal
    after: Decimal
    highest_threshold: Decimal | None


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
        f" u.revision, a.revision, (SELECT credits FROM {_WALLET} WHERE id = u.wallet_id)"
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


def _move(wallet_id: int, credits: Decimal) -> _Moved | None:
    """Add credits to a purse, or take them; return None if it does not hold them."""
    change = to_hundredths(credits)
    rows = bulk.ask(
        f"UPDATE {_WALLET} SET credits = credits + %s"  # noqa: S608  # no outside text in it
        " WHERE id = %s AND credits + %s >= 0"
        " RETURNING id, credits, highest_threshold",
        (change, wallet_id, change),
    )()
    return _as_moved(rows[0], credits) if rows else None


def _move_each(changes: Mapping[int, Decimal]) -> dict[int, _Moved]:
    """Add credits to purses, or take them; leave out each that does not hold them."""
    if len(changes) < 2 or connection.vendor != "postgresql":
        each = [_move(wallet_id, changes[wallet_id]) for wallet_id in sorted(changes)]
        return {moved.wallet_id: moved for moved in each if moved is not None}
    wallets = list(changes)
    with bulk.together():
        # Locked first: the join would take the rows in an order of its own.
        bulk.ask(
            f"SELECT id FROM {_WALLET} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",  # noqa: S608
            (wallets,),
        )
        moved = bulk.ask(
            f"UPDATE {_WALLET} w SET credits = w.credits + d.change"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::bigint[]) AS d (id, change)"
            " WHERE w.id = d.id AND w.credits + d.change >= 0"
            " RETURNING w.id, w.credits, w.highest_threshold",
            (wallets, [to_hundredths(credits) for credits in changes.values()]),
        )
        return {row[0]: _as_moved(row, changes[row[0]]) for row in moved()}


def _as_moved(row: tuple[Any, ...], credits: Decimal) -> _Moved:
    wallet_id, after, highest = row
    now = Decimal(after).scaleb(-2)
    return _Moved(
        wallet_id=wallet_id,
        before=now - credits,
        after=now,
        highest_threshold=None if highest is None else Decimal(highest).scaleb(-2),
    )


def debit(
    payer: ApiUser | Account,
    credits: Decimal,
    *,
    submission: Submission,
    silent_for: ApiUser | None = None,
) -> Paid:
    """Take the price of one submission; raises InsufficientCredits, and then nothing changed."""
    bill = Bill(
        payer=payer,
        credits=credits,
        account_id=submission.account_id,
        submission_id=submission.pk,
        at=submission.created_at,
        silent_for=silent_for,
    )
    users = [payer.pk] if isinstance(payer, ApiUser) else []
    [outcome] = debit_each([bill], lock_payers(users)())
    if isinstance(outcome, InsufficientCredits):
        raise outcome
    return outcome


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
    for wallet_id, numbers in on_wallet.items():
        paid = [(bills[number], movements[number]) for number in numbers if number in movements]
        _alert_crossings_of_bills(paid)
        for number in numbers:
            outcomes[number] = (
                Paid(wallet_id, movements[number].after)
                if number in movements
                else _why_refused(bills[number].payer)
            )
    return [outcomes[number] for number in range(len(bills))]


def _take(bills: Sequence[Bill], on_wallet: Mapping[int, Sequence[int]]) -> dict[int, _Moved]:
    """Take bills from purses; return the movement of each that was paid, by its number."""
    prices = {
        wallet_id: [-bills[number].credits for number in numbers]
        for wallet_id, numbers in on_wallet.items()
    }
    at_once = _move_each({wallet_id: sum(each, Decimal(0)) for wallet_id, each in prices.items()})
    movements: dict[int, _Moved] = {}
    for wallet_id, numbers in sorted(on_wallet.items()):
        if moved := at_once.get(wallet_id):
            each: Sequence[_Moved | None] = _one_by_one(moved, prices[wallet_id])
        else:
            each = [_move(wallet_id, price) for price in prices[wallet_id]]
        movements |= {number: one for number, one in zip(numbers, each, strict=True) if one}
    return movements


def _wallet_that_pays(payer: ApiUser | Account, payers: Mapping[int, Payer]) -> int | None:
    if isinstance(payer, Account):
        return payer.wallet_id
    locked = payers[payer.pk]
    return locked.wallet_id if locked.is_open else None


def _one_by_one(moved: _Moved, changes: Sequence[Decimal]) -> list[_Moved]:
    """Return one movement as the several that it stands for."""
    each = []
    before = moved.before
    for change in changes:
        each.append(_Moved(moved.wallet_id, before, before + change, moved.highest_threshold))
        before += change
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
        f"Alert for {bill.silent_for.login}" if bill.silent_for else "",
        bill.at,
    )


def balance_after(submission: Submission) -> Decimal:
    """Return what the purse that paid a submission held right after that."""
    return LedgerEntry.objects.values_list("balance", flat=True).get(
        submission=submission, kind=Kind.DEBIT
    )


def _why_refused(payer: ApiUser | Account) -> InsufficientCredits:
    if isinstance(payer, Account):
        return InsufficientCredits(Wallet.objects.get(pk=payer.wallet_id).credits)
    user = ApiUser.objects.select_related("wallet").get(pk=payer.pk)
    return InsufficientCredits(
        user.wallet.credits,
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

    Raises InsufficientCredits where the account holds less (quotas are not touched).
    """
    if credits <= 0:
        raise ValueError("What is taken back is above zero.")
    with transaction.atomic():
        moved = _move(account.wallet_id, -credits)
        if moved is None:
            raise InsufficientCredits(Wallet.objects.get(pk=account.wallet_id).credits)
        _enter(moved, kind=Kind.CORRECTION, account_id=account.pk, by=by, reason=reason)
        _alert_crossings(moved, at=timezone.now())
    return moved.after


def transfer(
    giver: Account, receiver: Account, credits: Decimal, *, by: User | None, reason: str = ""
) -> Decimal:
    """Move credits to another account of the same holder; return what the giver holds then.

    Raises AnotherHolder, or InsufficientCredits where the giver holds less (quotas are not
    touched).
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
    with what could be given at most: the account's credits plus what the user holds.
    """
    with transaction.atomic():
        user = _locked(api_user.pk)
        at = timezone.now()
        account = user.account
        own_id = user.quota_wallet_id
        wallets = _lock_wallets(account.wallet_id, own_id)
        held = wallets[own_id].credits
        spendable_before = wallets[user.wallet_id].credits
        given = (quota or Decimal(0)) - held
        if given > wallets[account.wallet_id].credits:
            raise InsufficientCredits(wallets[account.wallet_id].credits + held)
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
        user.save(update_fields=["wallet"])
        refresh_threshold_hints(account.wallet_id, own_id)
        # Others who share the account's purse see it fall; this user's own level is what it
        # could spend before and can spend now, whichever purse that was and is.
        if account_after:
            _alert_crossings(account_after, at=at, except_user=user)
        spendable = own_after if quota is not None else account_after
        level = spendable.after if spendable else wallets[user.wallet_id].credits
        if user.alert_enabled and user.alert_threshold is not None:
            threshold = user.alert_threshold
            if level <= threshold < spendable_before:
                Alert.objects.crossed([user], balance=level, at=at)
    api_user.wallet_id = user.wallet_id


# Stored in this one language, whoever acts; pages that show a reason translate it.
def _change_of_quota(user: ApiUser, quota: Decimal | None, given: Decimal) -> str:
    if quota is None:
        return gettext_noop("Quota switched off")
    if not user.has_quota:
        return gettext_noop("Quota given")
    return gettext_noop("Quota raised") if given > 0 else gettext_noop("Quota lowered")


def refresh_threshold_hints(*wallet_ids: int) -> None:
    """Store anew the highest threshold among the users of each purse.

    To be called in the transaction that changed who pays from a purse, or a threshold, after
    that change; it locks the purse, so that a debit sees either both changes or none.
    """
    for wallet_id in _lock_wallets(*wallet_ids):
        highest = (
            ApiUser.objects.present()
            .filter(wallet_id=wallet_id, alert_enabled=True)
            .aggregate(highest=Max("alert_threshold"))["highest"]
        )
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
        raise InsufficientCredits(Wallet.objects.get(pk=wallet_id).credits)
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


def _alert_crossings_of_bills(paid: Sequence[tuple[Bill, _Moved]]) -> None:
    """Store the alerts of several movements of one purse, one after the other."""
    if not paid:
        return
    first, last = paid[0][1], paid[-1][1]
    if last.highest_threshold is None or last.after > last.highest_threshold:
        return
    whole = _Moved(last.wallet_id, first.before, last.after, last.highest_threshold)
    if len(paid) > 1 and not _crossed(whole).exists():
        return
    for bill, moved in paid:
        _alert_crossings(moved, at=bill.at, silent_for=bill.silent_for)


def _crossed(moved: _Moved) -> ApiUserQuerySet:
    """Those whose threshold a movement crossed downward."""
    return ApiUser.objects.present().filter(
        Q(alert_threshold__gte=moved.after) & Q(alert_threshold__lt=moved.before),
        wallet_id=moved.wallet_id,
        alert_enabled=True,
    )


def _alert_crossings(
    moved: _Moved,
    *,
    at: datetime,
    silent_for: ApiUser | None = None,
    except_user: ApiUser | None = None,
) -> None:
    """Store an alert for each user whose threshold this movement crossed downward.

    `after <= threshold < before` holds for exactly one movement per crossing, since the
    database puts all movements of a purse one after the other.
    """
    if moved.highest_threshold is None or moved.after > moved.highest_threshold:
        return
    crossed = _crossed(moved)
    for user in (silent_for, except_user):
        if user is not None:
            crossed = crossed.exclude(pk=user.pk)
    Alert.objects.crossed(crossed, balance=moved.after, at=at)
