"""Answers, taken from the threads that make them as fast as they make them.

A thread that waited for a client to read would be lost to all others, and so would its connection
to the database: a few clients that read a long file slowly, or not at all, would stop the panel.
Nor is it kept busy with an answer whose client has gone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from a2wsgi.wsgi_typing import StartResponse, WSGIApp

from panel.client import Client, Message

# Where a request has its answer.
IN_SCOPE = "panel.answer"
# What a client has not read yet. A thread that makes more waits for the client after all.
MOST_AHEAD = 64 * 1024 * 1024
# What is longer is kept in a file.
_MOST_IN_MEMORY = 256 * 1024
_PIECE = 64 * 1024


class Answer:
    """An answer on its way from a thread to its client."""

    def __init__(self, file: IO[bytes], client: Client) -> None:
        self._file = file
        self._client = client
        self._taken = self._given = 0
        self._is_whole = False
        self._changed = asyncio.Condition()
        # Nobody is there any more who would read it.
        self.is_over = False

    async def take(self, message: Message) -> None:
        """Take a piece without a wait, and leave it where nobody wants it."""
        if message["type"] != "http.response.body":
            await self._client.send(message)
            return
        async with self._changed:
            await self._changed.wait_for(self._has_room)
            if not self.is_over:
                self._file.seek(self._taken)
                self._taken += self._file.write(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
            self._changed.notify_all()

    async def deliver(self) -> None:
        try:
            while (piece := await self._next()) and not self.is_over:
                await self._client.send(
                    {"type": "http.response.body", "body": piece, "more_body": True}
                )
            await self._client.send({"type": "http.response.body", "body": b""})
        finally:
            await self._end()

    async def watch(self) -> None:
        await self._client.gone()
        await self._end()

    async def _end(self) -> None:
        """Have nothing wait for a client that is not there any more."""
        async with self._changed:
            self.is_over = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self.is_over or self._taken - self._given < MOST_AHEAD

    async def _next(self) -> bytes:
        """Return what comes next, as soon as there is something; nothing at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._given < self._taken or self._is_whole)
            self._file.seek(self._given)
            piece = self._file.read(_PIECE)
            self._given += len(piece)
            self._changed.notify_all()
        return piece


@asynccontextmanager
async def kept(client: Client) -> AsyncIterator[Answer]:
    """Return what takes an answer without a wait; it ends when the client has all of it."""
    with SpooledTemporaryFile(max_size=_MOST_IN_MEMORY) as file:
        answer = Answer(file, client)
        delivery = asyncio.create_task(answer.deliver())
        watch = asyncio.create_task(answer.watch())
        try:
            yield answer
            await delivery
        finally:
            delivery.cancel()
            watch.cancel()


def while_wanted(pages: WSGIApp) -> WSGIApp:
    """Have answers made no further when their client has gone; each is in its request's scope."""

    def wanted(environ: Any, start_response: StartResponse) -> Iterator[bytes]:
        answer: Answer = environ["asgi.scope"][IN_SCOPE]
        made: Any = pages(environ, start_response)
        with closing(made):
            for piece in made:
                yield piece
                if answer.is_over:
                    break

    return wanted
