"""Writes the change log that a holder can read: who changed what, before and after."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils import timezone

from sms_accounts.models import Account, Activity, ApiUser, User

# From which address the work at hand was asked for. Changes are recorded deep in use cases, and
# not one of them has any other business with it.
_address: ContextVar[str | None] = ContextVar("address", default=None)


@contextmanager
def asked_from(address: str | None) -> Iterator[None]:
    """Let whatever is recorded in the body say that it was asked for from this address."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def record(
    by: User | None,
    action: str,
    subject: ApiUser | Account,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Store one change; `by` is None for a command. Values must be fit for JSON, never secret.

    To be called in the transaction of the change.
    """
    is_user = isinstance(subject, ApiUser)
    Activity.objects.create(
        account_id=subject.account_id if isinstance(subject, ApiUser) else subject.pk,
        api_user_id=subject.pk if is_user else None,
        by=by,
        address=_address.get(),
        action=action,
        before=dict(before or {}),
        after=dict(after or {}),
        at=timezone.now(),
    )
