"""Lets several threads do something at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connection, connections

from tests.simulator_rig import wait_until

Result = TypeVar("Result")


def at_once(*doings: Callable[[], Result]) -> list[Result]:
    """Return what each came to, in their order; raises what the first of them raised."""
    start = threading.Barrier(len(doings))

    def run(do):
        start.wait(10)
        try:
            return do()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(doings)) as pool:
        return list(pool.map(run, doings))


def overlapping(
    first: Callable[[], object], second: Callable[[], object], *, while_in: tuple[Any, str]
) -> None:
    """Start `second` while `first` has changed its rows, and let `first` commit when it waits.

    `while_in` is the module and name of a function that `first` calls in its transaction.
    PostgreSQL alone lets two transactions come so far.
    """
    has_changed, may_commit = threading.Event(), threading.Event()
    module, name = while_in
    called = getattr(module, name)

    def slow(*args, **given):
        result = called(*args, **given)
        if threading.current_thread().name == "first":
            has_changed.set()
            assert may_commit.wait(10)
        return result

    def run(do):
        try:
            do()
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=(first,), name="first"),
        threading.Thread(target=run, args=(second,), name="second"),
    ]
    with pytest.MonkeyPatch.context() as slowed:
        slowed.setattr(module, name, slow)
        threads[0].start()
        assert has_changed.wait(10)
        threads[1].start()
        wait_until(_somebody_waits, reason="the second one waits for a row of the first")
        may_commit.set()
        for thread in threads:
            thread.join()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])
