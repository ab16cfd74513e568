"""Bodies of requests, each read to its end before anything looks at its request.

There are few threads, and one that waited for the rest of a body would be lost to all others: a
dozen clients that send half a form and then nothing would stop the panel. And most clients listen
when they have sent everything: one that is answered before, since nobody wants so much, hears that
its connection broke, and not why.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO

from django.core.exceptions import RequestDataTooBig

from panel.client import Message, Receive

# More than any form takes: a form says itself of a file that it is too large.
LONGEST = 16 * 1024 * 1024
# Of what is longer so much is heard, and not kept.
MOST_HEARD = 64 * 1024 * 1024
LONGEST_WAIT = timedelta(minutes=2)
# What is longer is kept in a file.
_MOST_IN_MEMORY = 1024 * 1024
_PIECE = 64 * 1024


class TooSlow(Exception):
    """A body was not there in `LONGEST_WAIT`."""


class Body:
    """The body of a request, all of it, unless it is longer than `LONGEST`."""

    def __init__(self, file: IO[bytes], *, length: int) -> None:
        self._file = file
        self._length = length

    def content(self) -> bytes:
        self._file.seek(0)
        content = self._file.read()
        self._file.seek(0)
        return content

    async def receive(self) -> Message:
        """Give the next piece of it; raises RequestDataTooBig."""
        if self._length > LONGEST:
            raise RequestDataTooBig(f"The body is longer than {LONGEST} bytes.")
        piece = self._file.read(_PIECE)
        more = self._file.tell() < self._length
        return {"type": "http.request", "body": piece, "more_body": more}


NO_BODY = Body(io.BytesIO(), length=0)


def has_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request has a body, by its headers in small letters."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


@asynccontextmanager
async def whole(receive: Receive) -> AsyncIterator[Body]:
    """Read a body; raises TooSlow, and ConnectionResetError where its sender went away."""
    with SpooledTemporaryFile(max_size=_MOST_IN_MEMORY) as file:
        try:
            async with asyncio.timeout(LONGEST_WAIT.total_seconds()):
                length = await _keep(receive, file)
        except TimeoutError:
            raise TooSlow from None
        file.seek(0)
        yield Body(file, length=length)


async def _keep(receive: Receive, file: IO[bytes]) -> int:
    """Write a body into a file as far as it may be kept; return how long it is."""
    length = 0
    more = True
    while more and length <= MOST_HEARD:
        message = await receive()
        if message["type"] == "http.disconnect":
            # Nobody may take what had come for a whole body.
            raise ConnectionResetError("the client went away")
        length += len(message.get("body", b""))
        if length <= LONGEST:
            file.write(message.get("body", b""))
        more = message.get("more_body", False)
    return length
