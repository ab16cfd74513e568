"""Cancels all scheduled messages that a search finds, in portions, and gives their credits back.

The row is the job. A portion is one transaction: messages, their refunds, and how far it is.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import structlog
from django.db import OperationalError, transaction
from django.db.models import F, Max, QuerySet, Sum
from django.utils import timezone

from sms_accounts import activity, message_searches, settling
from sms_accounts.models import Account, MassCancellation, Message, User
from sms_accounts.models import State as MessageState
from sms_accounts.models.message_work import MessageWork, MessageWorkQuerySet

log = structlog.get_logger(__name__)

State = MassCancellation.State

# Messages of one transaction; others who send from the account come in between.
PORTION = 200
A_RUN = timedelta(seconds=20)
# So many are cancelled while somebody waits.
MOST_AT_ONCE = 400
# One over which the program itself stumbles fails after so many tries.
MOST_FAULTS = 3
TRY_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Scheduled:
    """What a search finds that is still scheduled; `upto` is the key of the newest."""

    count: int
    credits: Decimal
    upto: int


def scheduled(account: Account, query: str) -> Scheduled:
    """Return how much of what a search finds could be cancelled; raises Unreadable."""
    found = _scheduled(account, query).order_by()
    told = found.aggregate(newest=Max("pk"), credits=Sum("credits"))
    return Scheduled(
        count=found.count(), credits=told["credits"] or Decimal(0), upto=told["newest"] or 0
    )


def _scheduled(account: Account, query: str) -> QuerySet[Message]:
    found = message_searches.found_again(account, query)
    return found.filter(state=MessageState.SCHEDULED)


def cancel_found(account: Account, query: str, *, upto: int, by: User) -> MassCancellation:
    """Cancel what a search finds, but nothing newer than `upto`; raises Unreadable.

    A few are cancelled at once; of many, workers cancel the rest.
    """
    asked = _scheduled(account, query).filter(pk__lte=upto).count()
    now = timezone.now()
    with transaction.atomic():
        cancellation = MassCancellation.objects.create(
            account=account,
            by=by,
            query=query,
            upto_message=upto,
            asked=asked,
            due_at=now,
            made_at=now,
        )
        activity.record(by, "cancellation asked for", account, after={"messages": asked})
    if asked <= MOST_AT_ONCE:
        while _cancel_one_portion(MassCancellation.objects.filter(pk=cancellation.pk)):
            pass
        cancellation.refresh_from_db()
    return cancellation


def stop(cancellation: MassCancellation, *, by: User) -> bool:
    """Leave alone what is still scheduled; return whether it was at work."""
    with transaction.atomic():
        rows = MassCancellation.objects.select_for_update(of=("self",), no_key=True)
        found = rows.select_related("account", "by").get(pk=cancellation.pk)
        if found.is_over:
            return False
        activity.record(by, "cancellation stopped", found.account)
        _end(found, State.STOPPED)
    return True


def cancel_due(*, within: timedelta = A_RUN) -> int:
    """Cancel portions of all that is asked for, in turn; return how many portions."""
    until = time.monotonic() + within.total_seconds()
    portions = 0
    while time.monotonic() < until and _cancel_one_portion(MassCancellation.objects.all()):
        portions += 1
    return portions


def _cancel_one_portion(among: MessageWorkQuerySet) -> bool:
    """Cancel a portion of one that is due; return whether there was one."""
    due = among.due(timezone.now())
    # Mostly there is none: then nobody needs to wait for whoever writes to SQLite.
    if not due.exists():
        return False
    found: MassCancellation | None = None
    try:
        with transaction.atomic():
            rows = due.select_for_update(skip_locked=True, of=("self",), no_key=True)
            found = rows.select_related("account", "by").first()
            if found is None:
                return False
            _cancel_portion(found)
    except OperationalError:
        # The database is at fault: it goes on when that is back.
        raise
    except Exception:
        # Logged and counted; the next one goes on.
        log.exception("mass_cancellation_failed", cancellation=found and found.pk)
        if found is None:
            raise
        _count_fault(found)
    return True


def _count_fault(cancellation: MassCancellation) -> None:
    with transaction.atomic():
        MassCancellation.objects.filter(pk=cancellation.pk).update(
            faults=F("faults") + 1, due_at=timezone.now() + TRY_AGAIN
        )
        if cancellation.faults + 1 >= MOST_FAULTS:
            _end(cancellation, State.FAILED)


def _cancel_portion(job: MassCancellation) -> None:
    """Cancel the next messages, in the caller's transaction that has the job locked."""
    found = _scheduled(job.account, job.query).filter(
        pk__gt=job.last_message, pk__lte=job.upto_message
    )
    keys = list(found.order_by("pk").values_list("pk", flat=True)[:PORTION])
    reason = f"Cancelled by {job.by}" if job.by else "Cancelled"
    messages = settling.locked_all(keys)
    cancelled = settling.cancel_all(messages, at=timezone.now(), reason=reason)
    job.cancelled += len(cancelled)
    job.too_late += len(keys) - len(cancelled)
    job.credits += sum((message.credits for message in cancelled), Decimal(0))
    job.last_message = keys[-1] if keys else job.last_message
    job.due_at = timezone.now()
    job.faults = 0
    job.save(update_fields=["cancelled", "too_late", "credits", "last_message", "due_at", "faults"])
    if len(keys) < PORTION:
        _end(job, State.DONE)


def _end(job: MassCancellation, state: MessageWork.State) -> None:
    MassCancellation.objects.filter(pk=job.pk).update(
        # What was searched for may be a number.
        state=state,
        ended_at=timezone.now(),
        query="",
    )
    activity.record(
        job.by,
        "messages cancelled",
        job.account,
        after={
            "messages": job.cancelled,
            "credits": str(job.credits),
            "too late": job.too_late,
        },
    )
