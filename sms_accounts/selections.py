"""Changes the quota or the limit of several API users: each in a transaction of its own.

What is going to happen is said first, by the same functions that say in which order: who gives
credits back comes before who gets some, so that as many as possible can be paid.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from django.db import transaction

from sms_accounts import api_users, ledger, limits
from sms_accounts.limits import Limit
from sms_accounts.models import ApiUser, User

# As many as are changed in one go, and shown on one page.
MOST = 500

Support = ApiUser.Support


class Ending(Enum):
    """What came of the change of one user."""

    CHANGED = "changed"
    SAME = "same"
    NOT_COVERED = "not covered"
    NO_EMAIL = "no email"
    NO_NUMBER = "no number"
    NO_THRESHOLD = "no threshold"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class QuotaStep:
    """One user's quota before and after; None is no quota. `ending` is what is to be expected."""

    user: ApiUser
    before: Decimal | None
    after: Decimal | None
    ending: Ending

    @property
    def given(self) -> Decimal:
        """What the account gives: below zero where it gets something back."""
        return (self.after or Decimal(0)) - (self.before or Decimal(0))


@dataclass(frozen=True, kw_only=True)
class LimitStep:
    """One user's limit before and after."""

    user: ApiUser
    before: Limit
    after: Limit
    ending: Ending


@dataclass(frozen=True, kw_only=True)
class LimitChange:
    """What is to be the same for all of them; what is empty each keeps as it has it."""

    enabled: bool
    threshold: Decimal | None
    support: str
    email: str
    msisdn: str

    def of(self, before: Limit) -> Limit:
        if not self.enabled:
            return replace(before, enabled=False)
        return replace(
            before,
            enabled=True,
            threshold=before.threshold if self.threshold is None else self.threshold,
            support=self.support or before.support,
            email=self.email or before.email,
            msisdn=self.msisdn or before.msisdn,
        )


def quota_steps(
    users: Iterable[ApiUser], quota: Decimal | None, *, left: Decimal
) -> list[QuotaStep]:
    """Return what it would do to give each of them this quota, in the order in which it is done.

    `left` is what the account can give.
    """
    steps = []
    for user in sorted(users, key=lambda user: (_given(user, quota) > 0, user.login.lower())):
        before = _held(user)
        given = _given(user, quota)
        ending = Ending.CHANGED
        if before == quota:
            ending = Ending.SAME
        elif given > left:
            ending = Ending.NOT_COVERED
        else:
            left -= given
        steps.append(QuotaStep(user=user, before=before, after=quota, ending=ending))
    return steps


def _held(user: ApiUser) -> Decimal | None:
    return user.wallet.credits if user.has_quota else None


def _given(user: ApiUser, quota: Decimal | None) -> Decimal:
    return (quota or Decimal(0)) - (_held(user) or Decimal(0))


def set_quotas(
    users: Iterable[ApiUser], quota: Decimal | None, *, left: Decimal, by: User | None
) -> list[QuotaStep]:
    """Give each of them this quota, or (None) switch it off; return what came of each."""
    return [
        replace(step, ending=_set_quota(step.user, quota, by=by))
        for step in quota_steps(users, quota, left=left)
    ]


def _set_quota(user: ApiUser, quota: Decimal | None, *, by: User | None) -> Ending:
    try:
        with transaction.atomic():
            if not _is_there(user):
                return Ending.GONE
            changed = api_users.set_quota(user, quota, by=by)
    except ledger.InsufficientCredits:
        return Ending.NOT_COVERED
    return Ending.CHANGED if changed else Ending.SAME


def limit_steps(users: Iterable[ApiUser], change: LimitChange) -> list[LimitStep]:
    """Return what it would do to change the limit of each of them."""
    return [
        _limit_step(user, change) for user in sorted(users, key=lambda user: user.login.lower())
    ]


def _limit_step(user: ApiUser, change: LimitChange) -> LimitStep:
    before = limits.limit_of(user)
    after = change.of(before)
    ending = Ending.SAME if after == before else _missing(after) or Ending.CHANGED
    return LimitStep(user=user, before=before, after=after, ending=ending)


def _missing(limit: Limit) -> Ending | None:
    """Return what an alert would lack that is switched on."""
    if not limit.enabled:
        return None
    if limit.threshold is None:
        return Ending.NO_THRESHOLD
    if limit.support != Support.SMS and not limit.email:
        return Ending.NO_EMAIL
    if limit.support != Support.EMAIL and not limit.msisdn:
        return Ending.NO_NUMBER
    return None


def set_limits(
    users: Sequence[ApiUser], change: LimitChange, *, by: User | None
) -> list[LimitStep]:
    """Change the limit of each of them; return what came of each."""
    return [
        replace(step, ending=_set_limit(step, by=by)) if step.ending == Ending.CHANGED else step
        for step in limit_steps(users, change)
    ]


def _set_limit(step: LimitStep, *, by: User | None) -> Ending:
    with transaction.atomic():
        if not _is_there(step.user):
            return Ending.GONE
        changed = api_users.set_limit(step.user, step.after, by=by)
    return Ending.CHANGED if changed else Ending.SAME


def _is_there(user: ApiUser) -> bool:
    """Say whether a user was not deleted meanwhile; it is not until the transaction ends."""
    locked = ApiUser.objects.present().select_for_update(of=("self",), no_key=True)
    return locked.filter(pk=user.pk).values_list("pk").first() is not None
