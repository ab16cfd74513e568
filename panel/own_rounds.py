"""Lets a worker look for what is due by itself while its broker is away and nobody can ring.

The rows are the jobs. The broker only tells sooner that there are some, so that its absence may
cost seconds and nothing else, however long it lasts.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Protocol

import structlog
from celery import Celery, Task, bootsteps
from celery.worker import state
from django.db import connections

log = structlog.get_logger(__name__)

BETWEEN = timedelta(seconds=2)
# What beat rings more seldom than this can wait for the broker.
_OFTEN = timedelta(seconds=5)


class OwnRounds(bootsteps.StartStopStep):
    """Goes through the tasks of a worker's queues from the loss of the broker to its return."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        # A worker that has just been started has not found the broker yet.
        self._is_away = threading.Event()
        self._is_away.set()
        app = consumer.app
        threading.Thread(
            target=self._go_on,
            args=(Round(tasks_of(app, queues=app.amqp.queues.consume_from)),),
            name="own-rounds",
            daemon=True,
        ).start()

    def start(self, consumer: Any) -> None:
        self._is_away.clear()

    def stop(self, consumer: Any) -> None:
        self._is_away.set()

    def _go_on(self, tasks: "Round") -> None:
        while not is_ending():
            self._is_away.wait()
            # One that is back at once is not worth a round.
            time.sleep(BETWEEN.total_seconds())
            if self._is_away.is_set() and not is_ending():
                tasks.begin()


class Runs(Protocol):
    """What a round runs: a task, for one."""

    name: str

    def __call__(self) -> None: ...


class Round:
    """Tasks that are run side by side, each of them once at a time."""

    def __init__(self, tasks: Sequence[Runs]) -> None:
        self._tasks = tasks
        self._threads = ThreadPoolExecutor(max(len(tasks), 1), thread_name_prefix="own-round")
        self._under_way: dict[str, Future[None]] = {}

    def begin(self) -> None:
        """Begin with each task that is not under way any more; wait for none."""
        for task in self._tasks:
            before = self._under_way.get(task.name)
            if before is None or before.done():
                self._under_way[task.name] = self._threads.submit(_run, task)


def _run(task: Runs) -> None:
    try:
        task()
    except Exception as failed:
        # As where a ring is heard: the next round begins anew.
        log.exception("own_round_failed", task=task.name, problem=type(failed).__name__)
    finally:
        connections.close_all()


def tasks_of(app: Celery, *, queues: Sequence[str]) -> list["Task[[], None]"]:
    """Return the tasks that beat rings every few seconds and that go to these queues."""
    often = {
        entry["task"] for entry in app.conf.beat_schedule.values() if entry["schedule"] <= _OFTEN
    }
    return [app.tasks[name] for name in sorted(often) if _queue_of(app, name) in queues]


def _queue_of(app: Celery, name: str) -> str:
    route = app.conf.task_routes.get(name, {})
    return str(route.get("queue", app.conf.task_default_queue))


def is_ending() -> bool:
    """Say whether this worker was asked to stop."""
    # Their types say that they are never set.
    asked: tuple[Any, ...] = (state.should_stop, state.should_terminate)
    return any(each is not None for each in asked)
