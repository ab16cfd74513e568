"""Sends orders from the browser, which were confirmed, in portions.

The row is the job. A portion is one transaction: messages, their payment, and which receiver
became which of them. Whoever dies in it has sent nothing of it, and nobody is sent to twice.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

import structlog
from django.db import OperationalError, transaction
from django.db.models import F, OuterRef, Subquery, Sum
from django.utils import timezone

from sms_accounts import ledger, orders, submission
from sms_accounts.batches import Because, end, left_of
from sms_accounts.models import Batch, BatchReceiver, Message, Submission

log = structlog.get_logger(__name__)

# Receivers of one transaction; others who send from the account come in between.
PORTION = 500
# One over which the program itself stumbles is stopped after so many tries.
MOST_FAULTS = 3
TRY_AGAIN = timedelta(seconds=10)
# A time that is all but there is now.
SOON = timedelta(seconds=5)


def send_due() -> int:
    """Send portions of all orders that are under way, in turn; return how many messages."""
    sent = 0
    while (portion := _send_one_portion()) is not None:
        sent += portion
    return sent


def _send_one_portion() -> int | None:
    now = timezone.now()
    due = Batch.objects.due(now)
    # Mostly there is none: then nobody needs to wait for whoever writes to SQLite.
    if not due.exists():
        return None
    batch: Batch | None = None
    try:
        with transaction.atomic():
            rows = due.select_for_update(skip_locked=True, of=("self",), no_key=True)
            batch = rows.select_related("account").first()
            return None if batch is None else _send_portion(batch, now)
    except OperationalError:
        # The database is at fault: it goes on when that is back.
        raise
    except Exception:
        # Logged and counted; the next order goes on.
        log.exception("batch_failed", batch=batch and batch.pk)
        if batch is None:
            raise
        _count_fault(batch)
        return 0


def _count_fault(batch: Batch) -> None:
    Batch.objects.filter(pk=batch.pk).update(
        faults=F("faults") + 1, due_at=timezone.now() + TRY_AGAIN
    )
    if batch.faults + 1 >= MOST_FAULTS:
        end(batch, because=Because.FAULT)


def _send_portion(batch: Batch, now: datetime) -> int:
    """Send to the next receivers, in the caller's transaction; return to how many."""
    if not batch.account.is_enabled:
        end(batch, because=Because.ACCOUNT)
        return 0
    try:
        sender = orders.enabled_sender(batch.account, batch.sender, api_user=None)
    except orders.SenderNotEnabled:
        end(batch, because=Because.SENDER)
        return 0
    left = left_of(batch)
    if batch.last_receiver is not None:
        left = left.filter(pk__lte=batch.last_receiver)
    rows = list(left[:PORTION])
    decided, priced = set[int](), []
    for keys, order in _orders(batch, rows, now):
        try:
            quote = orders.quote(order)
        except orders.Refused as refused:
            log.warning("batch_receivers_refused", batch=batch.pk, kind=type(refused).__name__)
            decided.update(keys)
        else:
            priced.append((keys, orders.Priced(order=order, sender=sender, quote=quote, at=now)))
    submissions = []
    outcomes = submission.store_each([one for _keys, one in priced])
    for (keys, _one), outcome in zip(priced, outcomes, strict=True):
        if isinstance(outcome, submission.Receipt):
            submissions.append(outcome.submission_id)
            decided.update(keys)
        elif isinstance(outcome, orders.Refused):
            decided.update(keys)
        elif not isinstance(outcome, ledger.InsufficientCredits):
            # Nobody's key, pace or memory is part of such an order.
            raise outcome
    accepted = _record(batch, decided, submissions)
    if len(decided) < len(rows):
        end(batch, because=Because.CREDITS)
    elif len(rows) < PORTION:
        end(batch, because=Because.PART if left_of(batch).exists() else None)
    return accepted


def _orders(
    batch: Batch, rows: Sequence[BatchReceiver], now: datetime
) -> Iterator[tuple[list[int], orders.Order]]:
    """Yield an order for those beside each other who get the same text, and their keys."""
    is_later = batch.scheduled_at is not None and batch.scheduled_at > now + SOON
    for text, same in groupby(rows, key=lambda row: row.text):
        of_order = list(same)
        yield (
            [row.pk for row in of_order],
            orders.Order(
                account=batch.account,
                api_user=None,
                channel=Submission.Channel.PANEL,
                sender=batch.sender,
                receivers=[row.msisdn for row in of_order],
                text=text or batch.text,
                stop_clause=batch.stop_clause,
                message_class=0 if batch.is_flash else None,
                tag=batch.tag,
                scheduled_at=batch.scheduled_at if is_later else None,
            ),
        )


def _record(batch: Batch, decided: Collection[int], submissions: Sequence[int]) -> int:
    """Write down which receiver became which message; return how many did."""
    messages = Message.objects.filter(submission__in=submissions, msisdn=OuterRef("msisdn"))
    rows = BatchReceiver.objects.filter(pk__in=decided)
    rows.update(is_waiting=False)
    # Django leaves a statement out whose subquery can find nothing.
    if submissions:
        rows.update(message=Subquery(messages.values("pk")[:1]))
    accepted = rows.filter(message__isnull=False).count()
    # What was stored, and not what was asked: somebody may be left out at the last moment.
    paid = Submission.objects.filter(pk__in=submissions).aggregate(sum=Sum("credits"))["sum"]
    # The transaction has the row locked: these are the figures of now.
    Batch.objects.filter(pk=batch.pk).update(
        accepted=batch.accepted + accepted,
        refused=batch.refused + len(decided) - accepted,
        spent=batch.spent + (paid or Decimal(0)),
        # Behind the others that are due.
        due_at=timezone.now(),
        faults=0,
    )
    return accepted
