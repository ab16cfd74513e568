"""Adds many API users with all their settings: each in a transaction of its own, or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from django.db import transaction
from django.db.models.functions import Lower

from sms_accounts import api_users, ledger
from sms_accounts.limits import Limit
from sms_accounts.models import Account, ApiUser, User

# As many as are added in one go: the hash of each password takes its time.
MOST = 300


class Ending(Enum):
    """What came of one newcomer."""

    ADDED = "added"
    LOGIN_TAKEN = "login taken"
    NOT_COVERED = "not covered"


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """An API user that is to be added; where something is None or empty, it has none."""

    login: str
    password: str
    quota: Decimal | None = None
    limit: Limit | None = None
    restrictions: Sequence[str] = ()
    callback: str = ""


def taken(account: Account, logins: Iterable[str]) -> set[str]:
    """Return which of these logins the account has already, in small letters."""
    wanted = {login.lower() for login in logins}
    present = ApiUser.objects.present().filter(account=account).annotate(lower=Lower("login"))
    return set(present.filter(lower__in=wanted).values_list("lower", flat=True))


def quotas_of(newcomers: Iterable[Newcomer]) -> Decimal:
    """Return what the account has to give to all of them."""
    return sum((each.quota for each in newcomers if each.quota is not None), Decimal(0))


def add_each(
    account: Account, newcomers: Sequence[Newcomer], *, by: User | None
) -> list[tuple[Newcomer, Ending]]:
    """Add each of them, in this order; return what came of each. Raises UnfitPassword."""
    return [(newcomer, _add(account, newcomer, by=by)) for newcomer in newcomers]


def _add(account: Account, newcomer: Newcomer, *, by: User | None) -> Ending:
    try:
        with transaction.atomic():
            user = api_users.add(account, login=newcomer.login, password=newcomer.password, by=by)
            if newcomer.quota is not None:
                api_users.set_quota(user, newcomer.quota, by=by)
            if newcomer.limit is not None:
                api_users.set_limit(user, newcomer.limit, by=by)
            if newcomer.restrictions:
                api_users.set_restrictions(user, newcomer.restrictions, by=by)
            if newcomer.callback:
                api_users.set_callback(user, newcomer.callback, by=by)
    except api_users.LoginTaken:
        return Ending.LOGIN_TAKEN
    except ledger.InsufficientCredits:
        return Ending.NOT_COVERED
    return Ending.ADDED
