"""Signs of life: alone writes when each worker and beat was last there."""

from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now
from django.utils import timezone

from sms_accounts.models import Heartbeat

log = structlog.get_logger(__name__)

BETWEEN = timedelta(seconds=10)
# Who has been silent for so long is gone: three in a row may be lost to a busy machine.
SILENT_AFTER = timedelta(seconds=45)
# A process that was killed is missed for so long; then it is taken for one that was moved.
MISSED_FOR = timedelta(days=1)


def note(kind: Heartbeat.Kind, name: str, *, queues: Iterable[str] = ()) -> None:
    """Store that a process is there; never fails, since it has other work to do."""
    heartbeat = Heartbeat(
        kind=kind,
        name=name[:255],
        queues=",".join(sorted(queues))[:200],
        # Machines may differ about the time, and then one would look silent to another.
        at=Now(),
        own_clock=timezone.now(),
    )
    try:
        Heartbeat.objects.bulk_create(
            [heartbeat],
            update_conflicts=True,
            unique_fields=["kind", "name"],
            update_fields=["queues", "at", "own_clock"],
        )
        Heartbeat.objects.filter(at__lt=Now() - MISSED_FOR).delete()
    except (DatabaseError, InterfaceError) as away:
        log.warning("heartbeat_not_noted", process=name, problem=type(away).__name__)
    finally:
        connection.close()


def end(kind: Heartbeat.Kind, name: str) -> None:
    """Forget a process that was asked to stop: nobody misses it."""
    try:
        Heartbeat.objects.filter(kind=kind, name=name[:255]).delete()
    except (DatabaseError, InterfaceError) as away:
        log.warning("heartbeat_not_ended", process=name, problem=type(away).__name__)
    finally:
        connection.close()
