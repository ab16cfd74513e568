"""Writes the change log that a holder can read: who changed what, before and after."""

from collections.abc import Mapping

from django.utils import timezone

from sms_accounts.models import Account, Activity, ApiUser, User


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
        action=action,
        before=dict(before or {}),
        after=dict(after or {}),
        at=timezone.now(),
    )
