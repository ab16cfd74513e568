"""Lets callers that have something to store at the same time do it in one transaction.

What comes while nothing is being stored goes at once, alone. What comes meanwhile is stored
together after that. Those who have just had their answer come again, most of them, and are waited
for then: without that they and the others would take turns, in groups of half the size.
"""

import asyncio
import copy
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

MOST_AT_ONCE = 200
# Who waits while others are stored waits for these to come again, for this part of the time that
# storing them took, and no longer than that.
PART_OF_STORING = 0.5
LONGEST_GATHERING = timedelta(milliseconds=5)
# After a rest like this nobody knows whether the connection to the database is still there.
_REST = timedelta(seconds=1)


class _Waiting(Generic[Item, Outcome]):
    """One item on its way, and what is to be called when something has come of it."""

    __slots__ = ("_failure", "_outcome", "done", "item")

    def __init__(self, item: Item, done: Callable[[], object]) -> None:
        self.item = item
        self.done = done
        self._outcome: list[Outcome] = []
        self._failure: BaseException | None = None

    def end(self, outcome: Outcome) -> None:
        self._outcome.append(outcome)

    def fail(self, failure: BaseException) -> None:
        self._failure = failure

    def result(self) -> Outcome:
        if self._failure is not None:
            # Each who waited raises an exception of his own.
            raise copy.copy(self._failure)
        return self._outcome[0]


class Group(Generic[Item, Outcome]):
    """Stores what several callers bring at once by one call of a function."""

    def __init__(self, store: Callable[[Sequence[Item]], Sequence[Outcome]]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._queue: list[_Waiting[Item, Outcome]] = []
        self._is_storing = False
        self._stored_at = 0.0
        # How many were stored last, and in how many seconds.
        self._last = 0
        self._took = 0.0
        # With how many in the queue there is nobody left to wait for.
        self._all = 0
        self._all_are_here = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")

    def take(self, item: Item) -> Outcome:
        """Return what came of an item, once it is stored; raise what its storing raised.

        An item that comes alone is stored by the thread that brings it.
        """
        stored = threading.Lock()
        stored.acquire()
        mine: _Waiting[Item, Outcome] = _Waiting(item, stored.release)
        if self._is_first(mine) and self._store_some():
            self._thread.submit(self._store_all)
        stored.acquire()
        return mine.result()

    async def take_from(self, item: Item, outbox: "Outbox") -> Outcome:
        """Do what `take` does for a coroutine; the storing is done by a thread of its own."""
        stored = outbox.future()
        mine: _Waiting[Item, Outcome] = _Waiting(item, lambda: outbox.put(stored))
        if self._is_first(mine):
            self._thread.submit(self._store_all)
        await stored
        return mine.result()

    def _is_first(self, mine: _Waiting[Item, Outcome]) -> bool:
        with self._lock:
            self._queue.append(mine)
            if len(self._queue) == self._all:
                self._all_are_here.set()
            is_first = not self._is_storing
            self._is_storing = True
        return is_first

    def _store_all(self) -> None:
        if self._stored_at < time.monotonic() - _REST.total_seconds():
            close_old_connections()
        while self._store_some():
            self._gather()
        self._stored_at = time.monotonic()

    def _gather(self) -> None:
        """Wait a moment for those who were stored last, who may come again."""
        with self._lock:
            self._all = len(self._queue) + self._last
            self._all_are_here.clear()
        longest = LONGEST_GATHERING.total_seconds()
        self._all_are_here.wait(min(PART_OF_STORING * self._took, longest))

    def _store_some(self) -> bool:
        """Store what waits just now; return whether more has come meanwhile."""
        with self._lock:
            together = self._queue[:MOST_AT_ONCE]
            del self._queue[:MOST_AT_ONCE]
        began = time.monotonic()
        self._store_together(together)
        self._last, self._took = len(together), time.monotonic() - began
        for one in together:
            one.done()
        with self._lock:
            self._is_storing = has_more = bool(self._queue)
        # Not what stands there now: whoever came since stores on his own.
        return has_more

    def _store_together(self, together: Sequence[_Waiting[Item, Outcome]]) -> None:
        """Store items, and keep what came of each; whoever brought it raises what was raised."""
        try:
            outcomes = self._store([one.item for one in together])
        except (OperationalError, InterfaceError) as away:
            close_old_connections()
            for one in together:
                one.fail(away)
        except BaseException as failure:  # noqa: BLE001  # all who wait are told of it
            if len(together) == 1 or not isinstance(failure, Exception):
                for one in together:
                    one.fail(failure)
                return
            # What is wrong with one of them is not to be the trouble of the others.
            for one in together:
                self._store_together([one])
        else:
            for one, outcome in zip(together, outcomes, strict=True):
                one.end(outcome)


class Outbox:
    """Brings what a thread has done back to an event loop: once for all that came together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: list[asyncio.Future[None]] = []

    def future(self) -> "asyncio.Future[None]":
        """Return what a coroutine of the loop can wait for."""
        # Not by asking which loop is running: that asks the system for the process each time.
        return self._loop.create_future()

    def put(self, future: "asyncio.Future[None]") -> None:
        self._done.append(future)
        if len(self._done) == 1:
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        done, self._done = self._done, []
        for future in done:
            # Whoever waited may have gone away.
            if not future.done():
                future.set_result(None)
