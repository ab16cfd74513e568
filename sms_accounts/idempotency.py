"""Knows a call that is repeated: alone reads and writes the keys that callers chose."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.crypto import salted_hmac

from sms_accounts.models import ApiUser, IdempotencyKey

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


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A key, and the submission that it is to stand for."""

    submission_id: int
    api_user_id: int
    key: str
    fingerprint: str
    invalid: tuple[str, ...]
    at: datetime


def keep(keys: Iterable[Kept]) -> list[int]:
    """Store keys, to be called before anything is paid for their submissions.

    Returns the submissions whose keys stand for another one already. Whoever comes with the
    same key waits here for the end of this transaction.
    """
    # In one order, so that two who have several keys in common do not wait for each other.
    ordered = sorted(keys, key=lambda kept: (kept.api_user_id, kept.key))
    if not ordered:
        return []
    IdempotencyKey.objects.filter(
        api_user_id__in={kept.api_user_id for kept in ordered},
        key__in={kept.key for kept in ordered},
        created_at__lte=max(kept.at for kept in ordered) - KEPT,
    ).delete()
    IdempotencyKey.objects.bulk_create(
        [
            IdempotencyKey(
                api_user_id=kept.api_user_id,
                key=kept.key,
                fingerprint=kept.fingerprint,
                submission_id=kept.submission_id,
                invalid=list(kept.invalid),
                created_at=kept.at,
            )
            for kept in ordered
        ],
        ignore_conflicts=True,
    )
    submissions = [kept.submission_id for kept in ordered]
    stored = set(
        IdempotencyKey.objects.filter(submission_id__in=submissions).values_list(
            "submission_id", flat=True
        )
    )
    return [submission_id for submission_id in submissions if submission_id not in stored]


def drop(submissions: Iterable[int]) -> None:
    """Forget the keys of submissions that were not stored after all."""
    if unpaid := list(submissions):
        IdempotencyKey.objects.filter(submission_id__in=unpaid).delete()


def purge() -> int:
    """Forget the keys that are older than 24 hours; return how many."""
    forgotten = 0
    old = IdempotencyKey.objects.filter(created_at__lte=timezone.now() - KEPT).order_by("pk")
    while pks := list(old.values_list("pk", flat=True)[:_PURGED_AT_ONCE]):
        forgotten += IdempotencyKey.objects.filter(pk__in=pks).delete()[0]
    return forgotten
