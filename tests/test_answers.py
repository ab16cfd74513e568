"""Long answers, and clients that read them slowly, not at all, or not to their end."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware

from panel import answers
from panel.answers import kept, while_wanted
from panel.asgi import Application
from panel.children import is_web_ready
from panel.client import Client
from tests.asgi_scopes import scope_of
from tests.simulator_rig import unused_port, wait_until

PIECES = [bytes([number]) * 10_000 for number in range(100)]
THREADS = 2


class Reader:
    """A client that reads when it is let."""

    def __init__(self, *, reads: bool = True, is_gone: bool = False) -> None:
        self.may_read = asyncio.Event()
        if reads:
            self.may_read.set()
        self._is_gone = is_gone
        self.leaves = asyncio.Event()
        self.answer: list[MutableMapping[str, Any]] = []

    async def receive(self) -> MutableMapping[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

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


async def give(client: Reader, pieces: list[bytes], given: list[bytes] | None = None) -> None:
    """Give an answer in pieces, and note those that were taken."""
    async with kept(Client(client.receive, client.send)) as answer:
        await answer.take({"type": "http.response.start", "status": 200, "headers": []})
        for piece in pieces:
            await answer.take({"type": "http.response.body", "body": piece, "more_body": True})
            if given is not None:
                given.append(piece)
        await answer.take({"type": "http.response.body", "body": b""})


class TestKept:
    @pytest.mark.parametrize("pieces", [[], [b"a"], [b"a", b"", b"b"], PIECES])
    def test_reaches_the_client_as_it_was_made(self, pieces):
        client = Reader()

        asyncio.run(give(client, pieces))

        assert client.content == b"".join(pieces)
        assert client.answer[0]["type"] == "http.response.start"
        assert client.has_all

    def test_is_taken_from_its_maker_before_the_client_reads(self):
        async def slow() -> Reader:
            client, given = Reader(reads=False), list[bytes]()
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

        async def slow() -> tuple[int, Reader]:
            client, given = Reader(reads=False), list[bytes]()
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
        client = Reader(is_gone=True)

        with pytest.raises(ConnectionResetError):
            asyncio.run(asyncio.wait_for(give(client, PIECES), 5))

    def test_is_not_kept_when_the_client_is_gone(self, monkeypatch):
        monkeypatch.setattr(answers, "MOST_AHEAD", 200_000)

        async def leave() -> tuple[Reader, list[bytes]]:
            client, given = Reader(reads=False), list[bytes]()
            answer = asyncio.create_task(give(client, PIECES, given))
            await asyncio.sleep(0.1)
            assert len(given) < len(PIECES)
            client.leaves.set()
            client.may_read.set()
            await asyncio.wait_for(answer, 5)
            return client, given

        client, given = asyncio.run(leave())

        assert given == PIECES
        assert len(client.content) < 200_000

    def test_ends_with_what_goes_wrong_in_its_midst(self):
        client = Reader()

        async def broken() -> None:
            async with kept(Client(client.receive, client.send)) as answer:
                await answer.take({"type": "http.response.body", "body": b"a", "more_body": True})
                raise ValueError("no such row")

        with pytest.raises(ValueError, match="no such row"):
            asyncio.run(broken())

        assert not client.has_all


class Pages:
    """An answer longer than anybody waits for."""

    MOST = 100_000

    def __init__(self) -> None:
        self.made = 0
        self.is_closed = threading.Event()

    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        if self.made == self.MOST:
            raise StopIteration
        self.made += 1
        return PIECES[0]

    def close(self) -> None:
        self.is_closed.set()


def test_is_made_no_further_when_the_client_is_gone():
    pages = Pages()

    async def leave() -> None:
        application = Application()
        application._pages = WSGIMiddleware(while_wanted(pages), workers=1)
        client = Reader()
        asked = application(scope_of("/long"), client.receive, client.send)
        task = asyncio.create_task(asked)
        async with asyncio.timeout(5):
            while pages.made < 10:
                await asyncio.sleep(0.01)
        assert not pages.is_closed.is_set()
        client.leaves.set()
        await asyncio.wait_for(task, 5)

    asyncio.run(leave())

    assert pages.is_closed.is_set()
    assert pages.made < Pages.MOST


def test_clients_that_read_nothing_hold_no_thread():
    def pages(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter(PIECES if environ["PATH_INFO"] == "/long" else [b"short"])

    async def ask() -> Reader:
        application = Application()
        application._pages = WSGIMiddleware(pages, workers=THREADS)
        slow = [Reader(reads=False) for _ in range(THREADS + 1)]
        tasks = [
            asyncio.create_task(application(scope_of("/long"), client.receive, client.send))
            for client in slow
        ]
        other = Reader()
        page = application(scope_of("/short"), other.receive, other.send)
        await asyncio.wait_for(page, 5)
        for client in slow:
            client.may_read.set()
        await asyncio.gather(*tasks)
        assert all(client.content == b"".join(PIECES) for client in slow)
        return other

    assert asyncio.run(ask()).content == b"short"


@pytest.mark.parametrize("read", [1, 40])
def test_the_web_server_tells_when_a_client_is_gone(tmp_path, read):
    """A client that read all the time, or one that has long stopped."""
    made, port = tmp_path / "made", unused_port()
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--port", str(port)]
    command += ["--workers-kill-timeout", "1"]
    environment = {**os.environ, "ENDLESS": str(tmp_path), "PANEL_DATA_DIR": str(tmp_path)}
    with subprocess.Popen([*command, "tests.endless:application"], env=environment) as server:
        try:
            wait_until(lambda: is_web_ready("127.0.0.1", port), reason="no server")
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
                for _each in range(read):
                    assert client.recv(10_000)
                wait_until(lambda: made.stat().st_size > read, reason="no pieces")
                assert not (tmp_path / "closed").exists()
            wait_until((tmp_path / "closed").exists, reason="it is made for nobody")
        finally:
            server.terminate()
