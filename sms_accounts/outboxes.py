"""What is due, and how long each kind may be due before somebody should look."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from sms_accounts.models import (
    Batch,
    BooksCheck,
    Callback,
    DlrPost,
    MassCancellation,
    Message,
    MessageExport,
    Notice,
    Notification,
    ReceivedPost,
    SenderNotice,
    State,
)


@dataclass(frozen=True, kw_only=True)
class Outbox:
    """Rows that are due, the oldest first, and how long one may be before somebody should look."""

    name: str
    label: StrOrPromise
    rows: Callable[[datetime], QuerySet[Any]]
    since: str
    warn_after: timedelta
    fail_after: timedelta
    advice: StrOrPromise


OUTBOXES = (
    Outbox(
        name="batches",
        label=gettext_lazy("Orders from the browser to go on with"),
        rows=lambda now: Batch.objects.due(now),
        since="due_at",
        warn_after=timedelta(minutes=1),
        fail_after=timedelta(minutes=10),
        advice=gettext_lazy("See whether beat and a worker for the queue delivery run."),
    ),
    Outbox(
        name="exports",
        label=gettext_lazy("CSV files to write"),
        rows=lambda now: MessageExport.objects.due(now),
        since="due_at",
        warn_after=timedelta(minutes=10),
        fail_after=timedelta(hours=1),
        advice=gettext_lazy("See whether beat and a worker for the queue delivery run."),
    ),
    Outbox(
        name="books_checks",
        label=gettext_lazy("Books to check"),
        rows=lambda now: BooksCheck.objects.due(now),
        since="due_at",
        warn_after=timedelta(minutes=1),
        fail_after=timedelta(minutes=10),
        advice=gettext_lazy("See whether beat and a worker for the queue delivery run."),
    ),
    Outbox(
        name="mass_cancellations",
        label=gettext_lazy("Cancellations of many messages to go on with"),
        rows=lambda now: MassCancellation.objects.due(now),
        since="due_at",
        warn_after=timedelta(minutes=1),
        fail_after=timedelta(minutes=10),
        advice=gettext_lazy("See whether beat and a worker for the queue delivery run."),
    ),
    Outbox(
        name="scheduled",
        label=gettext_lazy("Scheduled messages past their time"),
        rows=lambda now: Message.objects.come(now),
        since="due_at",
        warn_after=timedelta(seconds=30),
        fail_after=timedelta(minutes=5),
        advice=gettext_lazy("See whether beat and a worker for the queue delivery run."),
    ),
    Outbox(
        name="submitting",
        label=gettext_lazy("Messages whose worker is gone"),
        rows=lambda now: Message.objects.abandoned(now).order_by("claimed_until"),
        since="claimed_until",
        warn_after=timedelta(minutes=1),
        fail_after=timedelta(minutes=10),
        advice=gettext_lazy("See whether beat and a worker for the queue delivery run."),
    ),
    Outbox(
        name="unanswered",
        label=gettext_lazy("Messages that the carrier never answered"),
        rows=lambda now: Message.objects.filter(
            state=State.SUBMITTING, claimed_until=None
        ).order_by("state_since"),
        since="state_since",
        warn_after=timedelta(days=1),
        fail_after=timedelta(days=7),
        advice=gettext_lazy(
            "Ask the carrier what became of them; their history has the reference."
        ),
    ),
    Outbox(
        name="dlrs",
        label=gettext_lazy("DLRs to read"),
        rows=lambda now: DlrPost.objects.filter(read_at=None).order_by("id"),
        since="received_at",
        warn_after=timedelta(minutes=1),
        fail_after=timedelta(minutes=10),
        advice=gettext_lazy("See whether beat and a worker for the queue incoming run."),
    ),
    Outbox(
        name="replies",
        label=gettext_lazy("Replies to read"),
        rows=lambda now: ReceivedPost.objects.filter(read_at=None).order_by("id"),
        since="received_at",
        warn_after=timedelta(minutes=1),
        fail_after=timedelta(minutes=10),
        advice=gettext_lazy("See whether beat and a worker for the queue incoming run."),
    ),
    Outbox(
        name="callbacks",
        label=gettext_lazy("Callbacks to call"),
        # Without the backlogs of receivers that are down: no worker can help those.
        rows=lambda now: (
            Callback.objects.open()
            .filter(backlog_of=None, due_at__lte=now)
            .order_by("due_at", "id")
        ),
        since="due_at",
        warn_after=timedelta(minutes=5),
        fail_after=timedelta(hours=1),
        advice=gettext_lazy(
            "See whether a worker for the queue callbacks runs; if so, add another: receivers "
            "are slow."
        ),
    ),
    Outbox(
        name="notifications",
        label=gettext_lazy("Alerts to send"),
        rows=lambda now: Notification.objects.due(now),
        since="due_at",
        warn_after=timedelta(minutes=1),
        fail_after=timedelta(minutes=10),
        advice=gettext_lazy("See whether beat and a worker for the queue alerts run."),
    ),
    Outbox(
        name="sender_notices",
        label=gettext_lazy("Decisions on senders to tell"),
        rows=lambda now: SenderNotice.objects.due(now),
        since="due_at",
        warn_after=timedelta(minutes=5),
        fail_after=timedelta(hours=1),
        advice=gettext_lazy("See whether beat and a worker for the queue alerts run."),
    ),
    Outbox(
        name="notices",
        label=gettext_lazy("Pauses and quotas to tell of"),
        rows=lambda now: Notice.objects.due(now),
        since="due_at",
        warn_after=timedelta(minutes=5),
        fail_after=timedelta(hours=1),
        advice=gettext_lazy("See whether beat and a worker for the queue alerts run."),
    ),
)
