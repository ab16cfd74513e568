"""Sends orders from the browser, which were confirmed, in portions.

The row is the job. A portion is one transaction: messages, their payment, and which receiver
became which of them. Whoever dies in it has sent nothing of it, and nobody is sent to twice.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

import structlog
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import ledger, orders, submission
from sms_accounts.batches import Because, end, left_of
from sms_accounts.models import Batch, BatchReceiver, Submission

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
    left = left_of(batch)
    if batch.last_receiver is not None:
        left = left.filter(pk__lte=batch.last_receiver)
    rows = list(left[:PORTION])
    try:
        priced = list(_orders(batch, rows, now))
    except orders.SenderNotEnabled:
        end(batch, because=Because.SENDER)
        return 0
    spent, is_short = Decimal(0), False
    outcomes = submission.store_each([one for _rows, one in priced])
    for (of_order, one), outcome in zip(priced, outcomes, strict=True):
        if isinstance(outcome, submission.Receipt):
            ids = dict(zip(one.quote.credits, outcome.message_ids, strict=True))
            spent += one.quote.total
            for row in of_order:
                row.message_id = ids.get(row.msisdn)
                row.is_waiting = False
        elif isinstance(outcome, ledger.InsufficientCredits):
            is_short = True
        else:
            # Nobody else's key, pace or memory is part of such an order.
            raise outcome
    return _record(batch, rows, spent=spent, is_short=is_short)


def _orders(
    batch: Batch, rows: Sequence[BatchReceiver], now: datetime
) -> Iterator[tuple[list[BatchReceiver], orders.Priced]]:
    """Yield what is to be sent, with the receivers of each; who cannot be sent to is marked."""
    is_later = batch.scheduled_at is not None and batch.scheduled_at > now + SOON
    for text, same in groupby(rows, key=lambda row: row.text):
        of_order = list(same)
        order = orders.Order(
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
        )
        try:
            priced = orders.priced(order)
        except orders.SenderNotEnabled:
            raise
        except orders.Refused as refused:
            log.warning("batch_receivers_refused", batch=batch.pk, kind=type(refused).__name__)
            for row in of_order:
                row.is_waiting = False
        else:
            yield of_order, priced


def _record(batch: Batch, rows: Sequence[BatchReceiver], *, spent: Decimal, is_short: bool) -> int:
    decided = [row for row in rows if not row.is_waiting]
    accepted = sum(row.message_id is not None for row in decided)
    BatchReceiver.objects.bulk_update(decided, ["message", "is_waiting"])
    # The transaction has the row locked: these are the figures of now.
    Batch.objects.filter(pk=batch.pk).update(
        accepted=batch.accepted + accepted,
        refused=batch.refused + len(decided) - accepted,
        spent=batch.spent + spent,
        # Behind the others that are due.
        due_at=timezone.now(),
        faults=0,
    )
    if is_short:
        end(batch, because=Because.CREDITS)
    elif len(rows) < PORTION:
        end(batch, because=Because.PART if left_of(batch).exists() else None)
    return accepted
