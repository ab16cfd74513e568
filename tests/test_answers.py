"""Long answers, and clients that read them slowly, not at all, or not to their end."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware

from panel import answers
from panel.answers import kept
from panel.asgi import Application
from tests.asgi_scopes import scope_of

PIECES = [bytes([number]) * 10_000 for number in range(100)]
THREADS = 2


class Client:
    """A client that reads when it is let."""

    def __init__(self, *, reads: bool = True, is_gone: bool = False) -> None:
        self.may_read = asyncio.Event()
        if reads:
            self.may_read.set()
        self._is_gone = is_gone
        self.answer: list[MutableMapping[str, Any]] = []

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            if self._is_gone:
                raise ConnectionResetError
            await self.may_read.wait()
        self.answer.append(message)

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.answer)

    @property
    def has_all(self) -> bool:
        return bool(self.answer) and not self.answer[-1].get("more_body", False)


async def nothing() -> MutableMapping[str, Any]:
    raise AssertionError("nobody asks for a body that there is not")


async def give(client: Client, pieces: list[bytes], given: list[bytes] | None = None) -> None:
    """Give an answer in pieces, and note those that were taken."""
    async with kept(client.send) as take:
        await take({"type": "http.response.start", "status": 200, "headers": []})
        for piece in pieces:
            await take({"type": "http.response.body", "body": piece, "more_body": True})
            if given is not None:
                given.append(piece)
        await take({"type": "http.response.body", "body": b""})


class TestKept:
    @pytest.mark.parametrize("pieces", [[], [b"a"], [b"a", b"", b"b"], PIECES])
    def test_reaches_the_client_as_it_was_made(self, pieces):
        client = Client()

        asyncio.run(give(client, pieces))

        assert client.content == b"".join(pieces)
        assert client.answer[0]["type"] == "http.response.start"
        assert client.has_all

    def test_is_taken_from_its_maker_before_the_client_reads(self):
        async def slow() -> Client:
            client, given = Client(reads=False), list[bytes]()
            answer = asyncio.create_task(give(client, PIECES, given))
            async with asyncio.timeout(5):
                while len(given) < len(PIECES):
                    await asyncio.sleep(0.01)
            assert client.content == b""
            client.may_read.set()
            await answer
            return client

        client = asyncio.run(slow())

        assert client.content == b"".join(PIECES)
        assert client.has_all

    def test_is_not_taken_without_end(self, monkeypatch):
        monkeypatch.setattr(answers, "MOST_AHEAD", 200_000)

        async def slow() -> tuple[int, Client]:
            client, given = Client(reads=False), list[bytes]()
            answer = asyncio.create_task(give(client, PIECES, given))
            await asyncio.sleep(0.2)
            before = len(given)
            client.may_read.set()
            await answer
            return before, client

        before, client = asyncio.run(slow())

        # One piece is on its way to the client, that is some 64 kB.
        assert 20 <= before < 30
        assert client.content == b"".join(PIECES)

    def test_lets_its_maker_end_when_the_client_is_gone(self, monkeypatch):
        monkeypatch.setattr(answers, "MOST_AHEAD", 200_000)
        client = Client(is_gone=True)

        with pytest.raises(ConnectionResetError):
            asyncio.run(asyncio.wait_for(give(client, PIECES), 5))

    def test_ends_with_what_goes_wrong_in_its_midst(self):
        client = Client()

        async def broken() -> None:
            async with kept(client.send) as take:
                await take({"type": "http.response.body", "body": b"a", "more_body": True})
                raise ValueError("no such row")

        with pytest.raises(ValueError, match="no such row"):
            asyncio.run(broken())

        assert not client.has_all


def test_clients_that_read_nothing_hold_no_thread():
    def pages(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter(PIECES if environ["PATH_INFO"] == "/long" else [b"short"])

    async def ask() -> Client:
        application = Application()
        application._pages = WSGIMiddleware(pages, workers=THREADS)
        slow = [Client(reads=False) for _ in range(THREADS + 1)]
        tasks = [
            asyncio.create_task(application(scope_of("/long"), nothing, client.send))
            for client in slow
        ]
        other = Client()
        page = application(scope_of("/short"), nothing, other.send)
        await asyncio.wait_for(page, 5)
        for client in slow:
            client.may_read.set()
        await asyncio.gather(*tasks)
        assert all(client.content == b"".join(PIECES) for client in slow)
        return other

    assert asyncio.run(ask()).content == b"short"
