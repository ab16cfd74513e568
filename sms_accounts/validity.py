"""Ends messages whose final report never came."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.utils import timezone

from sms_accounts import settling
from sms_accounts.models import Message, State

log = structlog.get_logger(__name__)

# How many are looked up at once, and after how many a run leaves the rest to the next one, so
# that it never takes a worker away from what is due for long.
_BATCH = 100
_A_RUN = 2000


def end_overdue() -> int:
    """End messages of which nothing was heard for the time of validity; return how many.

    A message that the carrier may have becomes unknown (ptt 6) and stays paid. One that was
    parked before it was handed over is refused, and its credits go back.
    """
    ended = 0
    left: list[int] = []
    since = timezone.now() - settings.VALIDITY
    while ended < _A_RUN and (batch := _overdue(since, but_not=left)):
        for message_id in batch:
            if _ended(message_id, since):
                ended += 1
            else:
                left.append(message_id)
    return ended


def _ended(message_id: int, since: datetime) -> bool:
    try:
        return _end(message_id, since)
    except OperationalError:
        # The database is at fault and not the message, which is found again.
        raise
    except Exception:
        # Logged; the others go on.
        log.exception("overdue_not_ended", message=message_id)
        return False


def _overdue(since: datetime, *, but_not: list[int]) -> list[int]:
    with_carrier = Message.objects.overdue(since).exclude(pk__in=but_not)
    parked = Message.objects.parked_before(since).exclude(pk__in=but_not)
    return [
        *with_carrier.values_list("pk", flat=True)[:_BATCH],
        *parked.values_list("pk", flat=True)[:_BATCH],
    ]


@transaction.atomic
def _end(message_id: int, since: datetime) -> bool:
    """End a message unless a report moved it on, or a worker has it, until it was locked."""
    message = settling.locked(message_id)
    now = timezone.now()
    is_claimed = message.claimed_until is not None and message.claimed_until >= now
    if message.is_final or message.state_since > since or is_claimed:
        return False
    if message.state == State.QUEUED and message.parked_at is None:
        return False
    hours = settings.VALIDITY // timedelta(hours=1)
    if message.state == State.QUEUED:
        settling.end(message, at=now, cause=f"Parked for {hours} hours")
    else:
        settling.end(message, at=now, cause=f"No final report within {hours} hours")
    return True
