"""What beat and the edges ring: each task looks for rows that are due, and carries no data."""

import threading
import time
from datetime import timedelta

import structlog
from celery import Task, shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from sms_accounts import (
    alerts,
    batch_sending,
    batches,
    book_checks,
    callback_endpoints,
    callbacks,
    carrier_tallies,
    counting,
    delivery,
    failover,
    followups,
    idempotency,
    mass_cancellations,
    message_exports,
    notices,
    pauses,
    receiving,
    renewals,
    reports,
    retention,
    senders,
    validity,
)

log = structlog.get_logger(__name__)


@shared_task
def deliver_due() -> None:
    if delivery.deliver_due(on_recorded=callback_bell.ring):
        ring(alert_due)
        ring(call_due)


@shared_task
def watch_carriers() -> None:
    if failover.watch():
        ring(deliver_due)


@shared_task
def send_batches() -> None:
    if batch_sending.send_due():
        ring(deliver_due)
        ring(alert_due)


@shared_task
def write_exports() -> None:
    message_exports.write_due()


@shared_task
def check_books() -> None:
    book_checks.check_due()


@shared_task
def cancel_many() -> None:
    if mass_cancellations.cancel_due():
        ring(call_due)


@shared_task
def record_dlrs() -> None:
    if reports.record_dlrs(on_recorded=callback_bell.ring):
        ring(call_due)


@shared_task
def read_received() -> None:
    if receiving.read_received():
        ring(call_due)
        # Of STOP follows an answer.
        ring(deliver_due)


@shared_task
def call_due() -> None:
    callbacks.call_due()


@shared_task
def tell_of_callbacks() -> None:
    callback_endpoints.tell_due()


@shared_task
def tell_of_senders() -> None:
    senders.tell_due()


@shared_task
def tell_of_notices() -> None:
    notices.tell_due()


@shared_task
def alert_due() -> None:
    if alerts.alert_due():
        ring(deliver_due)


@shared_task
def alert_sms_due() -> None:
    # Rung by beat beside `alert_due`, on another queue: mails that a server lets wait would
    # keep its workers.
    if alerts.sms_due():
        ring(deliver_due)


@shared_task
def follow_up() -> None:
    if followups.follow_up():
        ring(alert_due)


@shared_task
def count_figures() -> None:
    counting.count()
    if pauses.judge_due():
        ring(tell_of_notices)


@shared_task
def renew_quotas() -> None:
    if renewals.renew_due():
        ring(alert_due)


@shared_task
def end_overdue() -> None:
    if validity.end_overdue():
        ring(call_due)


@shared_task
def purge() -> None:
    idempotency.purge()
    batches.empty_old()
    carrier_tallies.purge()
    message_exports.remove_old()


@shared_task
def remove_old() -> None:
    retention.remove_old()


def ring(*tasks: Task[[], None]) -> None:
    """Wake a worker for each task, to be called after the commit; never fails.

    Without a broker the row is found when beat rings next, or when the broker is back.
    """
    for task in tasks:
        try:
            task.apply_async(expires=10, retry=False, ignore_result=True)
        except (OperationalError, RedisError, OSError) as away:
            log.warning("broker_away", task=task.name, problem=type(away).__name__)
            return


class Bell:
    """Rings for a task without letting anybody wait for the broker.

    For those who ring for every message: a thread rings, once for all who do so meanwhile.
    """

    # A worker that was woken goes on until nothing is due; who rings meanwhile wakes another one.
    PAUSE = timedelta(milliseconds=100)
    # Where so many ring in one pause the worker is at it all the time, and hearing a ring keeps it
    # from that: the next comes so long after the last.
    MANY = 25
    LONGER_PAUSE = timedelta(milliseconds=400)

    def __init__(self, task: Task[[], None], *, pause: timedelta = PAUSE) -> None:
        self._task = task
        self._pause = pause
        self._is_wanted = threading.Event()
        # How many rang since the last ring, roughly: nobody waits to be counted.
        self._rings = 0
        self._starting = threading.Lock()
        self._has_thread = False

    def ring(self) -> None:
        self._rings += 1
        if self._is_wanted.is_set():
            return
        self._is_wanted.set()
        if not self._has_thread:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if not self._has_thread:
                self._has_thread = True
                threading.Thread(target=self._go_on, name="bell", daemon=True).start()

    def _go_on(self) -> None:
        while self._is_wanted.wait():
            self._is_wanted.clear()
            self._rings = 0
            ring(self._task)
            time.sleep(self._pause.total_seconds())
            if self._rings >= self.MANY:
                time.sleep((self.LONGER_PAUSE - self._pause).total_seconds())


delivery_bell = Bell(deliver_due)
# Where one report follows the other, the next look may gather some: each ring costs a worker as
# much as a report does.
dlr_bell = Bell(record_dlrs, pause=timedelta(milliseconds=300))
callback_bell = Bell(call_due)
reply_bell = Bell(read_received)
