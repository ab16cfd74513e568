"""Ends messages whose final report never came, or whose carrier never came back."""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.utils import timezone

from sms_accounts import lanes, settling
from sms_accounts.models import Message, State

log = structlog.get_logger(__name__)

# How many are looked up at once, and after how many a run leaves the rest to the next one, so
# that it never takes a worker away from what is due for long.
_BATCH = 100
_A_RUN = 2000


def end_overdue() -> int:
    """End messages of which nothing was heard for the time of validity; return how many.

    A message that the carrier may have becomes unknown (ptt 6) and stays paid. One that was
    parked before it was handed over is refused, and its credits go back; so is one that waited
    for carriers which have all been away for that time.
    """
    ended = 0
    left: list[int] = []
    since = timezone.now() - settings.VALIDITY
    forsaken = lanes.forsaken(since)
    while ended < _A_RUN and (batch := _overdue(since, forsaken, but_not=left)):
        for message_id in batch:
            if _ended(message_id, since, forsaken):
                ended += 1
            else:
                left.append(message_id)
    return ended


def _ended(message_id: int, since: datetime, forsaken: Collection[int]) -> bool:
    try:
        return _end(message_id, since, forsaken)
    except OperationalError:
        # The database is at fault and not the message, which is found again.
        raise
    except Exception:
        # Logged; the others go on.
        log.exception("overdue_not_ended", message=message_id)
        return False


def _overdue(since: datetime, forsaken: Collection[int], *, but_not: list[int]) -> list[int]:
    kinds = [
        Message.objects.overdue(since),
        Message.objects.parked_before(since),
        *(Message.objects.due_in(lane, since) for lane in sorted(forsaken)),
    ]
    return [
        key
        for kind in kinds
        for key in kind.exclude(pk__in=but_not).values_list("pk", flat=True)[:_BATCH]
    ]


@transaction.atomic
def _end(message_id: int, since: datetime, forsaken: Collection[int]) -> bool:
    """End a message unless a report moved it on, or a worker has it, until it was locked."""
    message = settling.locked(message_id)
    now = timezone.now()
    is_claimed = message.claimed_until is not None and message.claimed_until >= now
    if message.is_final or message.state_since > since or is_claimed:
        return False
    hours = settings.VALIDITY // timedelta(hours=1)
    if message.state != State.QUEUED:
        settling.end(message, at=now, cause=f"No final report within {hours} hours")
    elif message.parked_at is not None:
        settling.end(message, at=now, cause=f"Parked for {hours} hours")
    elif message.lane in forsaken and message.due_at <= since:
        settling.end(message, at=now, cause=f"No carrier to take it for {hours} hours")
    else:
        return False
    return True
