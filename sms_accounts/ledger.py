"""Moves credits into, out of and between purses: each movement is one UPDATE with its entry.

What messages cost is taken by `debits`; `purses` alone knows the statement that both use.

Each function is to be called in, or opens, one transaction together with whatever is bought.
Locks are taken in one order, so that nobody waits for somebody who waits for him: rows of API
users, what a submission is judged by (its key, its user's pace), then purses, each in the
order of their keys. A debit shares the row of its user and never writes it; whoever switches a
quota locks that row, but not its key, so that others can go on referring to it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_noop

from sms_accounts import purses
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
from sms_accounts.models.wallet import spendable
from sms_accounts.purses import Moved

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


def refund(reasons: Mapping[Message, str]) -> None:
    """Give back what messages cost, each for a reason, to the purses that paid, once.

    A purse that was closed meanwhile (quota switched off, user deleted) passes them on to the
    account. A second refund of the same message violates `refund_once_per_message`.
    """
    if not reasons:
        return
    with transaction.atomic():
        users = _locked_all({message.submission.api_user_id for message in reasons})
        accounts = dict(
            Account.objects.filter(pk__in={message.account_id for message in reasons}).values_list(
                "pk", "wallet_id"
            )
        )
        of_wallet: dict[int, list[Message]] = {}
        for message in reasons:
            submission = message.submission
            user = users.get(submission.api_user_id)
            is_open = user is not None and submission.wallet_id == user.wallet_id
            wallet_id = submission.wallet_id if is_open else accounts[message.account_id]
            of_wallet.setdefault(wallet_id, []).append(message)
        for wallet_id in sorted(of_wallet):
            _refund_to(wallet_id, {each: reasons[each] for each in of_wallet[wallet_id]})


def _refund_to(wallet_id: int, reasons: Mapping[Message, str]) -> None:
    """Give back to a purse in one movement, with an entry for each message."""
    now = timezone.now()
    moved = _moved(wallet_id, sum((message.credits for message in reasons), Decimal(0)))
    balance = moved.before
    entries = []
    for message, reason in reasons.items():
        balance += message.credits
        entries.append(
            LedgerEntry(
                account_id=message.account_id,
                wallet_id=wallet_id,
                api_user_id=message.submission.api_user_id,
                kind=Kind.REFUND,
                credits=message.credits,
                balance=balance,
                submission_id=message.submission_id,
                message=message,
                reason=reason[:200],
                created_at=now,
            )
        )
    LedgerEntry.objects.bulk_create(entries)


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
        moved = purses.move(account.wallet_id, -credits, from_reserve=True)
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


def give_more(api_user: ApiUser, credits: Decimal, *, reason: str) -> Decimal:
    """Add as much of these credits to a quota as the account can give; return how much."""
    with transaction.atomic():
        user = _locked(api_user.pk)
        wallets = _lock_wallets(user.account.wallet_id, user.quota_wallet_id)
        given = min(credits, wallets[user.account.wallet_id].spendable)
        if given > 0:
            held = wallets[user.quota_wallet_id].credits
            set_quota(api_user, held + given, by=None, reason=reason)
    return given


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


def _locked_all(api_user_ids: Iterable[int | None]) -> dict[int | None, ApiUser]:
    """Lock API users in the order of their keys; return them by these."""
    locked = ApiUser.objects.select_for_update(no_key=True).filter(
        pk__in=[key for key in api_user_ids if key is not None]
    )
    return {user.pk: user for user in locked.order_by("pk")}


def _moved(wallet_id: int, credits: Decimal) -> Moved:
    moved = purses.move(wallet_id, credits)
    if moved is None:
        raise InsufficientCredits(Wallet.objects.get(pk=wallet_id).spendable)
    return moved


def _enter(
    moved: Moved,
    *,
    kind: LedgerEntry.Kind,
    account_id: int,
    api_user: ApiUser | None = None,
    submission: Submission | None = None,
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
        by=by,
        reason=reason[:200],
        created_at=timezone.now(),
    )


def _alert_crossings(
    *movements: Moved,
    at: datetime,
    except_user: ApiUser | None = None,
) -> None:
    """Store an alert for each whose level these movements passed downward, in their order."""
    purses.tell(purses.fall(moved, at=at, except_user=except_user) for moved in movements)
