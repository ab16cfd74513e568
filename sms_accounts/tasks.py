"""What beat and the edges ring: each task looks for rows that are due, and carries no data."""

import structlog
from celery import Task, shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from sms_accounts import alerts, callbacks, delivery, idempotency, reports, retention, validity

log = structlog.get_logger(__name__)


@shared_task
def deliver_due() -> None:
    if delivery.deliver_due():
        ring(alert_due)
        ring(call_due)


@shared_task
def record_dlrs() -> None:
    if reports.record_dlrs():
        ring(call_due)


@shared_task
def call_due() -> None:
    callbacks.call_due()


@shared_task
def alert_due() -> None:
    if alerts.alert_due():
        ring(deliver_due)


@shared_task
def end_overdue() -> None:
    if validity.end_overdue():
        ring(call_due)


@shared_task
def purge() -> None:
    idempotency.purge()


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
