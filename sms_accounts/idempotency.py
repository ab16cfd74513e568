"""Knows a call that is repeated: alone reads and writes the keys that callers chose."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.crypto import salted_hmac

from sms_accounts.models import ApiUser, IdempotencyKey, Submission

KEPT = timedelta(hours=24)
LONGEST = 255
_PURGED_AT_ONCE = 1000


class KeyUsedOtherwise(Exception):
    """The key came before, with another order; nothing was sent now."""


def fingerprint(order: Mapping[str, object]) -> str:
    """Return what tells one order from another; nobody can read the order out of it."""
    told = json.dumps(order, sort_keys=True, default=str)
    return salted_hmac("sms_accounts.idempotency", told, algorithm="sha256").hexdigest()


def find(user: ApiUser, key: str, *, fingerprint: str, now: datetime) -> IdempotencyKey | None:
    """Return the order that this key stood for in the last 24 hours; raises KeyUsedOtherwise."""
    found = (
        IdempotencyKey.objects.select_related("submission")
        .filter(api_user=user, key=key, created_at__gt=now - KEPT)
        .first()
    )
    if found is not None and found.fingerprint != fingerprint:
        raise KeyUsedOtherwise(key)
    return found


def keep(
    submission: Submission, user: ApiUser, key: str, *, fingerprint: str, invalid: tuple[str, ...]
) -> None:
    """Store the key of a submission, to be called before anything is paid for it.

    A second call with the same key waits here for the transaction of the first. Raises
    IntegrityError if that one goes through.
    """
    now = submission.created_at
    IdempotencyKey.objects.filter(api_user=user, key=key, created_at__lte=now - KEPT).delete()
    IdempotencyKey.objects.create(
        api_user=user,
        key=key,
        fingerprint=fingerprint,
        submission=submission,
        invalid=list(invalid),
        created_at=now,
    )


def purge() -> int:
    """Forget the keys that are older than 24 hours; return how many."""
    forgotten = 0
    old = IdempotencyKey.objects.filter(created_at__lte=timezone.now() - KEPT).order_by("pk")
    while pks := list(old.values_list("pk", flat=True)[:_PURGED_AT_ONCE]):
        forgotten += IdempotencyKey.objects.filter(pk__in=pks).delete()[0]
    return forgotten
