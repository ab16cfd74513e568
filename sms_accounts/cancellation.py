"""Cancels messages whose time has not come yet, and gives their credits back."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from sms_accounts import activity, settling
from sms_accounts.models import Message, User


class TooLate(Exception):
    """The message is no longer scheduled; nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """What became of several: the keys of the messages that were cancelled, and of the others."""

    cancelled: tuple[int, ...]
    too_late: tuple[int, ...]


@transaction.atomic
def cancel(message: Message, *, by: User | None) -> None:
    """Cancel a scheduled message, or raise TooLate where it was queued meanwhile.

    Whoever locks the row first decides: a message that is cancelled is never sent, and one that
    is queued is never paid back.
    """
    found = settling.locked(message.pk)
    reason = f"Cancelled by {by}" if by else "Cancelled"
    due_at = found.due_at
    if not settling.cancel(found, at=timezone.now(), reason=reason):
        raise TooLate
    activity.record(
        by,
        "message cancelled",
        found.submission.api_user or found.account,
        before={"scheduled_at": due_at.isoformat()},
        after={"message": found.pk, "credits": str(found.credits)},
    )


def cancel_all(messages: Iterable[Message], *, by: User | None) -> Cancelled:
    """Cancel those of the messages that are still scheduled, each in its own transaction."""
    cancelled, too_late = [], []
    for message in messages:
        try:
            cancel(message, by=by)
        except TooLate:
            too_late.append(message.pk)
        else:
            cancelled.append(message.pk)
    return Cancelled(cancelled=tuple(cancelled), too_late=tuple(too_late))
