"""Makes the secrets that sign callbacks, and alone knows what they are made of.

A secret is never stored: it is derived from a random seed, which is, and the panel's own key,
which is in no table. Whoever reads the database alone learns nothing, and a new key of the
panel makes all secrets new.

The scheme is that of Standard Webhooks (https://www.standardwebhooks.com), whose libraries
verify the headers.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from sms_accounts import activity
from sms_accounts.models import Account, ApiUser, CallbackSecret, User

# Whose calls are signed: those of a user, or those of the account's own callback.
Subject = ApiUser | Account

# How long a receiver has to learn a new secret while the old one still signs too.
OVERLAP = timedelta(hours=24)


def renew(subject: Subject, *, by: User | None) -> str:
    """Give a user or an account a first or a new secret and return it, as it is shown this once.

    The one before goes on signing for `OVERLAP`, beside the new one; older ones end at once.
    """
    now = timezone.now()
    with transaction.atomic():
        _lock(subject)
        valid = list(CallbackSecret.objects.of(subject).valid(now))
        for former in valid[:1]:
            former.ends_at = now + OVERLAP
            former.save(update_fields=["ends_at"])
        CallbackSecret.objects.filter(pk__in=[older.pk for older in valid[1:]]).delete()
        secret = CallbackSecret.objects.create(
            **_whose(subject), seed=secrets.token_urlsafe(32), created_at=now
        )
        told = {"former secret signs until": (now + OVERLAP).isoformat(timespec="minutes")}
        activity.record(by, "callback secret made", subject, after=told if valid else None)
    return "whsec_" + base64.b64encode(_key(secret)).decode()


def end_all(subject: Subject, *, by: User | None) -> bool:
    """Let calls go out unsigned from now on; return whether they were signed."""
    with transaction.atomic():
        ended, _each = CallbackSecret.objects.of(subject).delete()
        if ended:
            activity.record(by, "callback secrets ended", subject)
    return bool(ended)


def valid_keys(subjects: Collection[Subject], now: datetime) -> dict[Subject, list[bytes]]:
    """Return the keys that sign the calls of each of these, the newest first."""
    by_key: dict[tuple[int | None, int | None], Subject] = {
        (each.pk, None) if isinstance(each, ApiUser) else (None, each.pk): each for each in subjects
    }
    of_them = Q(api_user__in=[user for user, _account in by_key if user]) | Q(
        account__in=[account for _user, account in by_key if account]
    )
    keys: dict[Subject, list[bytes]] = {}
    for secret in CallbackSecret.objects.valid(now).filter(of_them):
        subject = by_key[secret.api_user_id, secret.account_id]
        keys.setdefault(subject, []).append(_key(secret))
    return keys


def _lock(subject: Subject) -> None:
    if isinstance(subject, ApiUser):
        ApiUser.objects.select_for_update(no_key=True).get(pk=subject.pk)
    else:
        Account.objects.select_for_update(no_key=True).get(pk=subject.pk)


def _whose(subject: Subject) -> dict[str, Any]:
    return {"api_user" if isinstance(subject, ApiUser) else "account": subject}


def signature(keys: Iterable[bytes], *, event: str, at: datetime, payload: bytes) -> str:
    """Return what `webhook-signature` has: one signature of each key."""
    signed = f"{event}.{int(at.timestamp())}.".encode() + payload
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _key(secret: CallbackSecret) -> bytes:
    return salted_hmac("sms_accounts.callback_secrets", secret.seed, algorithm="sha256").digest()
