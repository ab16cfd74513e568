"""Lets workers and beat say that they are there, so that the self-check notices who is not.

Not by a task: a ring is heard by one worker of several, and by none while all threads are busy
with a backlog, and then the healthiest installation would look dead.
"""

import socket
import time
from typing import Any

from celery import Celery, bootsteps, signals

from panel.own_rounds import is_ending


class WorkerPulse(bootsteps.StartStopStep):
    """Beats in the loop in which a worker listens: it is silent while the broker is away."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._entry: Any = None

    def start(self, consumer: Any) -> None:
        # Here, since models can be imported only after Django is set up.
        from sms_accounts import heartbeats

        # Each time that the broker was lost and found: the timer forgets all at that.
        self._note(consumer)
        self._entry = consumer.timer.call_repeatedly(
            heartbeats.BETWEEN.total_seconds(), self._note, (consumer,)
        )

    def stop(self, consumer: Any) -> None:
        from sms_accounts import heartbeats
        from sms_accounts.models import Heartbeat

        if self._entry is not None:
            self._entry.cancel()
            self._entry = None
        if is_ending():
            heartbeats.end(Heartbeat.Kind.WORKER, consumer.hostname)

    def _note(self, consumer: Any) -> None:
        from sms_accounts import heartbeats
        from sms_accounts.models import Heartbeat

        heartbeats.note(
            Heartbeat.Kind.WORKER,
            consumer.hostname,
            queues=[queue.name for queue in consumer.task_consumer.queues],
        )


class BeatPulse:
    """Beats when a ring has reached the broker, and not more often than anybody wants to know."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, **_: Any) -> None:
        from sms_accounts import heartbeats
        from sms_accounts.models import Heartbeat

        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + heartbeats.BETWEEN.total_seconds()
        heartbeats.note(Heartbeat.Kind.BEAT, f"beat@{socket.gethostname()}")


def install(app: Celery) -> None:
    """Give every worker and beat of an application its pulse."""
    app.steps["consumer"].add(WorkerPulse)
    signals.beat_init.connect(_start_beat, weak=False)


def _start_beat(**_: Any) -> None:
    signals.after_task_publish.connect(BeatPulse(), weak=False)
