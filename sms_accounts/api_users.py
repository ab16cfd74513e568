"""What happens to an API user: added, given a password, a quota, a limit and more, deleted.

Each function is one transaction, ends in an activity row where something changed, and
returns whether anything did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from sms_accounts import activity, credentials, ledger
from sms_accounts.models import Account, AddressUse, Alert, ApiUser, Callback, User, Wallet
from sms_accounts.models.api_user import Address


class LoginTaken(Exception):
    """The account has an API user with this login already (capitals make no difference)."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """When an API user's alert goes out, and to whom."""

    enabled: bool
    threshold: Decimal | None
    support: str
    email: str
    msisdn: str


def add(account: Account, *, login: str, password: str, by: User | None) -> ApiUser:
    """Add a user who spends the account's credits; raises LoginTaken, UnfitPassword."""
    try:
        with transaction.atomic():
            user = ApiUser.objects.create(
                account=account,
                login=login,
                password=credentials.hashed(password),
                password_changed_at=timezone.now(),
                wallet_id=account.wallet_id,
                quota_wallet=Wallet.objects.create(),
            )
            activity.record(by, "API user added", user, after={"login": login})
    except IntegrityError:
        raise LoginTaken(login) from None
    return user


def set_password(user: ApiUser, password: str, *, by: User | None) -> None:
    """Replace the password: the old one stops working at once; raises UnfitPassword."""
    with transaction.atomic():
        user.password = credentials.hashed(password)
        user.password_changed_at = timezone.now()
        user.save(update_fields=["password", "password_changed_at"])
        activity.record(by, "password changed", user)


def set_quota(user: ApiUser, quota: Decimal | None, *, by: User | None) -> bool:
    """Give, change or (None) switch off a quota; raises ledger.InsufficientCredits."""
    with transaction.atomic():
        locked = _locked(user)
        before = locked.wallet.credits if locked.has_quota else None
        if before == quota:
            return False
        ledger.set_quota(user, quota, by=by)
        activity.record(
            by,
            "quota changed",
            user,
            before={"quota": None if before is None else str(before)},
            after={"quota": None if quota is None else str(quota)},
        )
    return True


def set_limit(user: ApiUser, limit: Limit, *, by: User | None) -> bool:
    """Store when and whom to alert. A threshold that is new and reached already alerts once."""
    with transaction.atomic():
        locked = _locked(user)
        before = Limit(
            enabled=locked.alert_enabled,
            threshold=locked.alert_threshold,
            support=locked.alert_support,
            email=locked.alert_email,
            msisdn=locked.alert_msisdn,
        )
        if before == limit:
            return False
        locked.alert_enabled = limit.enabled
        locked.alert_threshold = limit.threshold
        locked.alert_support = limit.support
        locked.alert_email = limit.email
        locked.alert_msisdn = limit.msisdn
        locked.save(
            update_fields=[
                "alert_enabled",
                "alert_threshold",
                "alert_support",
                "alert_email",
                "alert_msisdn",
            ]
        )
        # This locks the purse: a debit at this moment meets the old threshold or the new
        # one, and the balance read below is the one that it left.
        ledger.refresh_threshold_hints(locked.wallet_id)
        locked.wallet.refresh_from_db(fields=["credits"])
        is_new = not before.enabled or before.threshold != limit.threshold
        if (
            limit.enabled
            and limit.threshold is not None
            and is_new
            and locked.wallet.credits <= limit.threshold
        ):
            Alert.objects.crossed([locked], balance=locked.wallet.credits, at=timezone.now())
        activity.record(by, "limit changed", user, before=_told(before), after=_told(limit))
    return True


def _told(limit: Limit) -> dict[str, object]:
    return {
        "enabled": limit.enabled,
        "threshold": None if limit.threshold is None else str(limit.threshold),
        "notification": limit.support,
        "email": limit.email,
        "number": limit.msisdn,
    }


def set_restrictions(user: ApiUser, networks: Sequence[str], *, by: User | None) -> bool:
    """Store from which networks (canonical, at most five) http2sms takes the user."""
    with transaction.atomic():
        locked = _locked(user)
        before = list(locked.restrictions)
        if before == list(networks):
            return False
        locked.restrictions = list(networks)
        locked.save(update_fields=["restrictions"])
        activity.record(
            by,
            "restrictions changed",
            user,
            before={"networks": before},
            after={"networks": list(networks)},
        )
    return True


def set_callback(user: ApiUser, url: str, *, by: User | None) -> bool:
    """Store the callback URL, or none. What waits for the old one goes to the new one."""
    with transaction.atomic():
        locked = _locked(user)
        before = locked.callback_url
        if before == url:
            return False
        locked.callback_url = url
        locked.save(update_fields=["callback_url"])
        _redirect(
            Callback.objects.filter(api_user=user, url=before, done_at=None, given_up_at=None), url
        )
        activity.record(by, "callback changed", user, before={"url": before}, after={"url": url})
    return True


def _redirect(waiting: QuerySet[Callback], url: str) -> None:
    """Send what waits for an old URL to a new one, or nowhere where there is none.

    A change that the new URL hears of already, as the account's callback, is told once.
    """
    now = timezone.now()
    if url:
        told = Callback.objects.filter(
            message=OuterRef("message"), sequence=OuterRef("sequence"), url=url
        )
        waiting.exclude(Exists(told)).update(url=url, due_at=now)
    waiting.update(given_up_at=now)


def set_enabled(user: ApiUser, enabled: bool, *, by: User | None) -> bool:
    """Let the user send, or stop it at once; its quota and history stay."""
    with transaction.atomic():
        if (
            not ApiUser.objects.filter(pk=user.pk)
            .exclude(is_enabled=enabled)
            .update(is_enabled=enabled)
        ):
            return False
        activity.record(by, "enabled" if enabled else "disabled", user)
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
        ledger.refresh_threshold_hints(locked.account.wallet_id)
        activity.record(
            by, "API user deleted", user, before={"login": user.login, "credits": str(held)}
        )
    return held


def note_address(user: ApiUser, address: Address, *, accepted: bool) -> None:
    """Remember that somebody with the right password called from an address.

    Stored at most once a minute for each user and address that is accepted, since it only
    says "lately"; each refusal counts.
    """
    now = timezone.now()
    rows = AddressUse.objects.filter(api_user=user, address=str(address))
    fresh = {"accepted_at": now} if accepted else {"refused_at": now}
    if accepted and rows.filter(accepted_at__gt=now - timedelta(minutes=1)).exists():
        return
    changes: dict[str, object] = dict(fresh)
    if not accepted:
        changes["refusals"] = F("refusals") + 1
    if rows.update(**changes):
        return
    AddressUse.objects.bulk_create(
        [
            AddressUse(
                api_user=user,
                address=str(address),
                refusals=0 if accepted else 1,
                **fresh,
            )
        ],
        ignore_conflicts=True,
    )


def _locked(user: ApiUser) -> ApiUser:
    return (
        ApiUser.objects.select_for_update(of=("self",), no_key=True)
        .select_related("account", "wallet")
        .get(pk=user.pk)
    )
