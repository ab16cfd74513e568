"""Adds an API user to an account, or brings an existing one to what the options say."""

from argparse import ArgumentParser
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management.base import BaseCommand, CommandError

from sms_accounts import api_users, ledger, limits, msisdn, outbound_urls
from sms_accounts.management.commands._answers import (
    all_or_nothing,
    answer,
    credits_from_one,
    credits_from_zero,
    locked_account,
    naming,
)
from sms_accounts.models import Account, Activity, ApiUser


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What the options ask for; None leaves a thing as it is."""

    quota: Decimal | None
    callback: str | None
    threshold: Decimal | None
    email: str
    number: str


class Command(BaseCommand):
    help = (
        "Add an API user to an account. One that exists gets what differs; what no option names "
        "stays as it is. A quota is given once: the same figure again does not fill it up. "
        "Prints what was done as one JSON line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT", help="name of the account")
        parser.add_argument("login", metavar="LOGIN", help="1 to 40 letters, digits and . _ @ + -")
        parser.add_argument(
            "--password", metavar="PW", required=True, help="8 to 64 letters and digits"
        )
        parser.add_argument(
            "--quota", metavar="N", type=credits_from_zero, help="credits of its own"
        )
        parser.add_argument(
            "--callback", metavar="URL", help="called at each change of a state; '' for none"
        )
        parser.add_argument(
            "--alert-threshold",
            metavar="N",
            type=credits_from_one,
            help="alert once when it has so many credits left, or fewer; needs an address below",
        )
        parser.add_argument("--alert-email", metavar="ADDRESS", default="", help="alert by email")
        parser.add_argument(
            "--alert-number",
            metavar="MSISDN",
            default="",
            help="alert by SMS to this number in international format",
        )

    def handle(
        self,
        *args: Any,
        account: str,
        login: str,
        password: str,
        quota: Decimal | None,
        callback: str | None,
        alert_threshold: Decimal | None,
        alert_email: str,
        alert_number: str,
        **_: Any,
    ) -> str:
        with naming("LOGIN"):
            ApiUser._meta.get_field("login").clean(login, None)
        wanted = _Wanted(
            quota=quota,
            callback=_checked_callback(callback),
            threshold=alert_threshold,
            email=_checked_email(alert_email),
            number=_checked_number(alert_number),
        )
        _check_together(wanted)
        with all_or_nothing():
            holder = locked_account(account)
            user, changes = _present(holder, login, password)
            changes += _applied(user, wanted)
            user.refresh_from_db()
            left = user.wallet.credits
        return answer(
            account=account,
            login=user.login,
            created="login" in changes,
            changed=changes,
            quota_left=left if user.has_quota else None,
        )


def _checked_callback(url: str | None) -> str | None:
    try:
        if url:
            outbound_urls.check_url(url, trusted=settings.CALLBACK_TRUSTED_NETWORKS)
    except outbound_urls.NotAllowed as refused:
        raise CommandError(f"--callback: {refused}") from None
    return url


def _checked_email(address: str) -> str:
    if address:
        with naming("--alert-email"):
            ApiUser._meta.get_field("alert_email").clean(address, None)
    return address


def _checked_number(given: str) -> str:
    try:
        return msisdn.parse(given) if given else ""
    except msisdn.NotANumber:
        raise CommandError(
            f"--alert-number: '{given}' is no number in international format, such as 33612345678."
        ) from None


def _check_together(wanted: _Wanted) -> None:
    has_address = bool(wanted.email or wanted.number)
    if wanted.threshold is not None and not has_address:
        raise CommandError("--alert-threshold: give --alert-email, --alert-number or both too.")
    if wanted.threshold is None and has_address:
        option = "--alert-email" if wanted.email else "--alert-number"
        raise CommandError(f"{option}: give --alert-threshold too.")


def _present(account: Account, login: str, password: str) -> tuple[ApiUser, list[str]]:
    """Return the user with this login and password, and what was done to have it."""
    found = ApiUser.objects.present().filter(account=account, login__iexact=login)
    user = found.select_for_update(no_key=True).first()
    if user is None:
        with naming("--password"):
            added = api_users.add(account, login=login, password=password, by=None)
        return added, ["login", "password"]
    if user.login != login:
        raise CommandError(
            f"LOGIN: the account has '{user.login}' already; capitals make no difference."
        )
    if check_password(password, user.password):
        return user, []
    with naming("--password"):
        api_users.set_password(user, password, by=None)
    return user, ["password"]


def _applied(user: ApiUser, wanted: _Wanted) -> list[str]:
    """Give the user what differs from what is wanted; return the names of it."""
    changes = []
    if wanted.quota is not None and _last_quota(user) != wanted.quota:
        try:
            if api_users.set_quota(user, wanted.quota, by=None):
                changes.append("quota")
        except ledger.InsufficientCredits as refused:
            raise CommandError(
                f"--quota: at most {refused.available} credits can be given."
            ) from None
    if wanted.callback is not None and api_users.set_callback(user, wanted.callback, by=None):
        changes.append("callback")
    if wanted.threshold is not None and api_users.set_limit(user, _limit(user, wanted), by=None):
        changes.append("limit")
    return changes


def _last_quota(user: ApiUser) -> Decimal | None:
    """Return the quota given last. What is left of it is less: the user has been sending."""
    given = (
        Activity.objects.filter(api_user=user, action="quota changed")
        .order_by("-pk")
        .values_list("after__quota", flat=True)
        .first()
    )
    return None if given is None else Decimal(given)


def _limit(user: ApiUser, wanted: _Wanted) -> limits.Limit:
    if wanted.email and wanted.number:
        support = ApiUser.Support.BOTH
    else:
        support = ApiUser.Support.EMAIL if wanted.email else ApiUser.Support.SMS
    return replace(
        limits.limit_of(user),
        enabled=True,
        threshold=wanted.threshold,
        support=support,
        email=wanted.email,
        msisdn=wanted.number,
    )
