"""The client of a request, as the web server lets it be heard and answered (ASGI)."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Client(NamedTuple):
    receive: Receive
    send: Send

    async def gone(self) -> None:
        """Wait until the client has gone; of one that still sends, nobody hears whether it has."""
        while (message := await self.receive())["type"] != "http.disconnect":
            if message.get("more_body", False):
                await asyncio.Event().wait()
