"""Answers, taken from the threads that make them as fast as they make them.

A thread that waited for a client to read would be lost to all others, and so would its connection
to the database: a few clients that read a long file slowly, or not at all, would stop the panel.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

# What a client has not read yet. A thread that makes more waits for the client after all.
MOST_AHEAD = 64 * 1024 * 1024
# What is longer is kept in a file.
_MOST_IN_MEMORY = 256 * 1024
_PIECE = 64 * 1024


@asynccontextmanager
async def kept(send: Send) -> AsyncIterator[Send]:
    """Return what takes an answer without a wait; it ends when the client has all of it."""
    with SpooledTemporaryFile(max_size=_MOST_IN_MEMORY) as file:
        answer = _Answer(file, send)
        delivery = asyncio.create_task(answer.deliver())
        try:
            yield answer.take
            await delivery
        finally:
            delivery.cancel()


class _Answer:
    """An answer on its way from a thread to its client."""

    def __init__(self, file: IO[bytes], send: Send) -> None:
        self._file = file
        self._send = send
        self._taken = self._given = 0
        self._is_whole = self._is_over = False
        self._changed = asyncio.Condition()

    async def take(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        async with self._changed:
            await self._changed.wait_for(self._has_room)
            self._file.seek(self._taken)
            self._taken += self._file.write(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
            self._changed.notify_all()

    async def deliver(self) -> None:
        try:
            while piece := await self._next():
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            # Nothing waits for a client that is not there any more.
            async with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._is_over or self._taken - self._given < MOST_AHEAD

    async def _next(self) -> bytes:
        """Return what comes next, as soon as there is something; nothing at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._given < self._taken or self._is_whole)
            self._file.seek(self._given)
            piece = self._file.read(_PIECE)
            self._given += len(piece)
            self._changed.notify_all()
        return piece
