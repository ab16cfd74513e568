"""Lets workers and beat be heard of."""

from datetime import timedelta

from django.db.models.functions import Now
from django.utils import timezone

from sms_accounts.models import Heartbeat


def hear(
    kind: Heartbeat.Kind,
    name: str,
    *,
    queues: str = "",
    ago: timedelta = timedelta(0),
    ahead: timedelta = timedelta(0),
) -> None:
    Heartbeat.objects.create(
        kind=kind,
        name=name,
        queues=queues,
        at=Now() - ago,
        own_clock=timezone.now() - ago + ahead,
    )


def hear_all() -> None:
    """Everybody is there, as after a minute of `serve`."""
    hear(Heartbeat.Kind.WORKER, "worker@a", queues="alerts,delivery")
    hear(Heartbeat.Kind.WORKER, "incoming@a", queues="incoming")
    hear(Heartbeat.Kind.WORKER, "callbacks@a", queues="callbacks")
    hear(Heartbeat.Kind.BEAT, "beat@a")
