"""What happens to an API user: added, given a password, a quota, a limit and more, deleted.

Each function is one transaction, ends in an activity row where something changed, and
returns whether anything did.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from sms_accounts import activity, callback_settings, credentials, ledger, limits, pauses, renewals
from sms_accounts.limits import Limit
from sms_accounts.models import Account, ApiUser, Level, QuotaRenewal, User, Wallet
from sms_accounts.renewals import Plan


class LoginTaken(Exception):
    """The account has an API user with this login already (capitals make no difference)."""


@dataclass(frozen=True)
class KeepFormer:
    """For how long a former password works beside the new one; None until it is ended by hand."""

    span: timedelta | None

    def until(self, now: datetime) -> datetime | None:
        return None if self.span is None else now + self.span


@dataclass(frozen=True, kw_only=True)
class Protection:
    """How an API user may sign in, how fast it may send, and where to (none: everywhere)."""

    refuses_url_passwords: bool
    messages_a_minute: int | None
    countries: tuple[str, ...]


def add(account: Account, *, login: str, password: str, by: User | None) -> ApiUser:
    """Add a user who spends the account's credits; raises LoginTaken, UnfitPassword."""
    # Slow on purpose, and therefore before anything is locked.
    stored = credentials.hashed(password)
    try:
        with transaction.atomic():
            user = ApiUser.objects.create(
                account=account,
                login=login,
                password=stored,
                password_changed_at=timezone.now(),
                wallet_id=account.wallet_id,
                quota_wallet=Wallet.objects.create(),
            )
            activity.record(by, "API user added", user, after={"login": login})
    except IntegrityError:
        raise LoginTaken(login) from None
    return user


def set_password(
    user: ApiUser, password: str, *, keep_former: KeepFormer | None = None, by: User | None
) -> None:
    """Replace the password; raises UnfitPassword.

    The old one stops working at once, unless `keep_former` says for how long it works beside
    the new one. A still older one never does.
    """
    with transaction.atomic():
        locked = _locked(user)
        now = timezone.now()
        locked.former_password = locked.password if keep_former else ""
        locked.former_password_until = keep_former.until(now) if keep_former else None
        locked.password = credentials.hashed(password)
        locked.password_changed_at = now
        locked.save(
            update_fields=[
                "password",
                "password_changed_at",
                "former_password",
                "former_password_until",
            ]
        )
        activity.record(
            by,
            "password changed",
            user,
            after={"former password works until": _told_until(locked)} if keep_former else None,
        )


def _told_until(user: ApiUser) -> str:
    until = user.former_password_until
    return "ended by hand" if until is None else until.isoformat(timespec="minutes")


def end_former_password(user: ApiUser, *, by: User | None) -> bool:
    """Let the password before the present one work no longer."""
    with transaction.atomic():
        ended = (
            ApiUser.objects.filter(pk=user.pk)
            .exclude(former_password="")
            .update(former_password="", former_password_until=None)
        )
        if ended:
            activity.record(by, "former password ended", user)
    return bool(ended)


def set_quota(user: ApiUser, quota: Decimal | None, *, by: User | None) -> bool:
    """Give, change or (None) switch off a quota; raises ledger.InsufficientCredits.

    One that renews goes on doing so, unless it is switched off.
    """
    with transaction.atomic():
        locked = _locked(user)
        before = locked.wallet.credits if locked.has_quota else None
        if before == quota:
            return False
        ledger.set_quota(user, quota, by=by)
        if quota is None:
            renewals.store(locked, None, by=by)
        else:
            renewals.forget_rest(locked)
        activity.record(
            by,
            "quota changed",
            user,
            before={"quota": None if before is None else str(before)},
            after={"quota": None if quota is None else str(quota)},
        )
    return True


def set_renewing_quota(
    user: ApiUser, quota: Decimal | None, renewal: Plan | None, *, by: User | None
) -> bool:
    """Do what `set_quota` does, and say whether and how the quota renews."""
    with transaction.atomic():
        locked = _locked(user)
        is_changed = set_quota(user, quota, by=by)
        is_planned = renewals.store(locked, renewal if quota is not None else None, by=by)
    return is_changed or is_planned


def set_limit(user: ApiUser, limit: Limit, *, by: User | None) -> bool:
    """Store when and whom to alert. A threshold that is new and reached already alerts once."""
    with transaction.atomic():
        return limits.store(_locked(user), limit, by=by)


def set_restrictions(
    user: ApiUser, networks: Sequence[str], *, observed: bool = False, by: User | None
) -> bool:
    """Store from which networks (canonical, at most five) http2sms takes the user.

    With `observed` nobody is refused: calls from elsewhere are counted only.
    """
    after = {"networks": list(networks), "observed": observed and bool(networks)}
    with transaction.atomic():
        locked = _locked(user)
        before = {
            "networks": list(locked.restrictions),
            "observed": locked.restrictions_observed,
        }
        if before == after:
            return False
        locked.restrictions = after["networks"]
        locked.restrictions_observed = bool(after["observed"])
        locked.save(update_fields=["restrictions", "restrictions_observed"])
        activity.record(by, "restrictions changed", user, before=before, after=after)
    return True


def set_protection(user: ApiUser, protection: Protection, *, by: User | None) -> bool:
    """Store how the user may sign in, how fast it may send and where to."""
    with transaction.atomic():
        locked = _locked(user)
        before = protection_of(locked)
        if before == protection:
            return False
        locked.refuses_url_passwords = protection.refuses_url_passwords
        locked.messages_a_minute = protection.messages_a_minute
        locked.countries = list(protection.countries)
        locked.save(update_fields=["refuses_url_passwords", "messages_a_minute", "countries"])
        activity.record(
            by, "protection changed", user, before=asdict(before), after=asdict(protection)
        )
    return True


def protection_of(user: ApiUser) -> Protection:
    return Protection(
        refuses_url_passwords=user.refuses_url_passwords,
        messages_a_minute=user.messages_a_minute,
        countries=tuple(user.countries),
    )


def set_callback(
    user: ApiUser,
    url: str,
    *,
    method: str | None = None,
    replies_url: str | None = None,
    by: User | None,
) -> bool:
    """Store the callback URL, or none, and how it is called, where that is given.

    `replies_url` is the one that hears of replies, where that is given.
    """
    with transaction.atomic():
        locked = _locked(user)
        changed = callback_settings.store(locked, url, method=method, by=by)
        if replies_url is not None:
            changed |= callback_settings.store_for_replies(locked, replies_url, by=by)
    return changed


def set_enabled(user: ApiUser, enabled: bool, *, by: User | None, reason: str = "") -> bool:
    """Let the user send, or stop it at once; its quota and history stay.

    Who lets it send lets go on what rules have found about it until now.
    """
    with transaction.atomic():
        if (
            not ApiUser.objects.filter(pk=user.pk)
            .exclude(is_enabled=enabled)
            .update(is_enabled=enabled)
        ):
            return False
        told = {"reason": reason} if reason else {}
        action = "enabled" if enabled else "disabled"
        if enabled and (rules := pauses.release(user, by=by, now=timezone.now())):
            action = "released"
            told["rule"] = ", ".join(rules)
        activity.record(by, action, user, after=told)
    user.is_enabled = enabled
    return True


def delete(user: ApiUser, *, by: User | None) -> Decimal:
    """Delete a user: what is left of its quota goes back to the account, its history stays.

    Return the credits that went back.
    """
    with transaction.atomic():
        locked = _locked(user)
        held = locked.wallet.credits if locked.has_quota else Decimal(0)
        ledger.set_quota(user, None, by=by, reason="API user deleted")
        ApiUser.objects.filter(pk=user.pk).update(deleted_at=timezone.now(), is_enabled=False)
        Level.objects.of(user).delete()
        QuotaRenewal.objects.filter(api_user=user).delete()
        ledger.refresh_threshold_hints(locked.account.wallet_id)
        activity.record(
            by, "API user deleted", user, before={"login": user.login, "credits": str(held)}
        )
    return held


def _locked(user: ApiUser) -> ApiUser:
    # Without its purse: where this has waited for a quota to be switched, the row no longer
    # fits the purse that was joined before, and PostgreSQL would find none.
    return (
        ApiUser.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account")
        .get(pk=user.pk)
    )
