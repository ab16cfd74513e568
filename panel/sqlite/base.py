"""SQLite whose writers wait in a queue of the kernel's, not by sleeping and asking again.

SQLite lets one transaction write at a time. Those who wait for it poll, with sleeps of up to a
tenth of a second between two looks, so that under load most of the time nobody writes and the
unlucky wait for long. Here a transaction first takes an exclusive lock on a file beside the
database: the kernel wakes the next writer the moment the last one has committed, and lets go of
the lock of a process that was killed. So does a statement that writes and is a transaction of its
own: beside such a queue it would find the database free by luck alone.
"""

import fcntl
import os
from collections.abc import Callable
from typing import Any

from django.db.backends.sqlite3 import base

_WRITING = {"INSERT", "UPDATE", "DELETE"}


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection, and its place in the queue of writers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue: int | None = None
        self.execute_wrappers.append(self._in_turn)

    def _in_turn(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        if self.in_atomic_block or sql.lstrip()[:6].upper() not in _WRITING:
            return execute(sql, params, many, context)
        self._wait_in_queue()
        try:
            return execute(sql, params, many, context)
        finally:
            self._leave_queue()

    def _start_transaction_under_autocommit(self) -> None:
        self._wait_in_queue()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in the stubs
        except BaseException:
            self._leave_queue()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]  # not in the stubs
        finally:
            self._leave_queue()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]  # not in the stubs
        finally:
            self._leave_queue()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # not in the stubs
        finally:
            if self._queue is not None:
                os.close(self._queue)
                self._queue = None

    def _wait_in_queue(self) -> None:
        if self.is_in_memory_db():
            return
        if self._queue is None:
            file = f"{self.settings_dict['NAME']}-writers"
            self._queue = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._queue, fcntl.LOCK_EX)

    def _leave_queue(self) -> None:
        if self._queue is not None:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
