"""Alone moves credits: every change of a purse is one conditional UPDATE with its entry.

Each function is to be called in, or opens, one transaction together with whatever is bought.
Locks are taken in one order, so that nobody waits for somebody who waits for him: what a
submission is judged by (its key, its user's pace), rows of API users, then purses, each in the
order of their keys. A debit shares the row of its user and never writes it; whoever switches a
quota locks that row, but not its key, so that others can go on referring to it.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

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


def _share_lock() -> str:
    # A quota switched at this moment must not leave the debit with the purse of before.
    # SQLite lets one transaction write at a time and needs no such lock.
    return "FOR SHARE" if connection.vendor == "postgresql" else ""


def _move(wallet_id: int, credits: Decimal) -> _Moved | None:
    """Add credits to a purse, or take them; return None if it does not hold them."""
    return _update(f"{_WALLET}.id = %s", [wallet_id], credits)


_WALLET = Wallet._meta.db_table
_USER = ApiUser._meta.db_table


def _update(condition: str, parameters: list[int], credits: Decimal) -> _Moved | None:
    change = to_hundredths(credits)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_WALLET} SET credits = credits + %s"  # noqa: S608  # no outside text in it
            f" WHERE {condition} AND credits + %s >= 0"
            " RETURNING id, credits, highest_threshold",
            (change, *parameters, change),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    wallet_id, after, highest = row
    return _Moved(
        wallet_id=wallet_id,
        before=Decimal(after - change).scaleb(-2),
        after=Decimal(after).scaleb(-2),
        highest_threshold=None if highest is None else Decimal(highest).scaleb(-2),
    )


def debit(
    payer: ApiUser | Account,
    credits: Decimal,
    *,
    submission: Submission,
    silent_for: ApiUser | None = None,
) -> Paid:
    """Take the price of a submission from the purse of whoever sends.

    Finds the purse in the statement that takes from it. Raises InsufficientCredits, and then
    nothing has changed. `silent_for` names the user whose alert is being paid: it does not
    set off an alert for the same user again.
    """
    if isinstance(payer, ApiUser):
        condition = (
            f"id = (SELECT wallet_id FROM {_USER} WHERE id = %s"  # noqa: S608  # no outside text
            f" AND deleted_at IS NULL AND is_enabled {_share_lock()})"
        )
        moved = _update(condition, [payer.pk], -credits)
        if moved is None:
            # The statement may have waited for a quota being switched, and then have looked
            # at what the new purse held before. It has locked the user: who asks again sees
            # what the purse holds now, and no other switch comes between.
            moved = _update(condition, [payer.pk], -credits)
    else:
        moved = _move(payer.wallet_id, -credits)
    if moved is None:
        raise _why_refused(payer)
    _enter(
        moved,
        kind=Kind.DEBIT,
        account_id=submission.account_id,
        api_user=submission.api_user,
        submission=submission,
        reason=f"Alert for {silent_for.login}" if silent_for else "",
    )
    _alert_crossings(moved, at=submission.created_at, silent_for=silent_for)
    return Paid(moved.wallet_id, moved.after)


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
    crossed = ApiUser.objects.present().filter(
        Q(alert_threshold__gte=moved.after) & Q(alert_threshold__lt=moved.before),
        wallet_id=moved.wallet_id,
        alert_enabled=True,
    )
    for user in (silent_for, except_user):
        if user is not None:
            crossed = crossed.exclude(pk=user.pk)
    Alert.objects.crossed(crossed, balance=moved.after, at=at)
