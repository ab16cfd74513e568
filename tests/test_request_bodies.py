"""Requests whose bodies are long, or slow to come, between the web server and Django."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import connections

from panel import request_bodies
from panel.asgi import Application
from panel.request_bodies import whole
from tests.asgi_scopes import scope_of

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"


def post(path: str, *, length: int, content_type: str = FORM) -> dict[str, Any]:
    headers = {"content-length": str(length), "content-type": content_type}
    return scope_of(path, method="POST", headers=headers)


class Client:
    """A client that sends its body in pieces, and what it is answered."""

    def __init__(self, *pieces: bytes, is_stalled: bool = False) -> None:
        self.to_come = list(pieces)
        self._is_stalled = is_stalled
        self.answer: list[MutableMapping[str, Any]] = []
        self.had_sent_all = False

    async def receive(self) -> dict[str, Any]:
        if not self.to_come:
            await asyncio.Event().wait()
        piece = self.to_come.pop(0)
        more = bool(self.to_come) or self._is_stalled
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if not self.answer:
            self.had_sent_all = not self.to_come
        self.answer.append(message)

    @property
    def status(self) -> int | None:
        return self.answer[0]["status"] if self.answer else None

    @property
    def text(self) -> str:
        return b"".join(each.get("body", b"") for each in self.answer).decode()


@asynccontextmanager
async def served() -> AsyncIterator[Application]:
    application = Application()
    yield application
    executor = application._pages.executor
    executor.submit(connections.close_all).result()
    executor.shutdown()


def asked(client: Client, scope) -> Client:
    async def ask() -> None:
        async with served() as application:
            await asyncio.wait_for(application(scope, client.receive, client.send), 20)

    asyncio.run(ask())
    return client


class TestSlowClients:
    @pytest.mark.parametrize("path", ["/auth/login/", "/http2sms"])
    @pytest.mark.parametrize("content_type", [FORM, MULTIPART])
    def test_hold_no_thread(self, path, content_type):
        clients = [Client(b"login=", is_stalled=True) for _ in range(settings.WEB_THREADS + 1)]
        other = Client()

        async def ask() -> None:
            async with served() as application:
                stalled = [
                    asyncio.create_task(
                        application(
                            post(path, length=100, content_type=content_type),
                            client.receive,
                            client.send,
                        )
                    )
                    for client in clients
                ]
                await asyncio.sleep(0.1)
                page = application(scope_of("/auth/login/"), other.receive, other.send)
                await asyncio.wait_for(page, 20)
                for task in stalled:
                    task.cancel()
                await asyncio.gather(*stalled, return_exceptions=True)

        asyncio.run(ask())

        assert other.status == 200
        assert not any(client.answer for client in clients)

    def test_are_told_when_they_were_too_slow(self, monkeypatch):
        monkeypatch.setattr(request_bodies, "LONGEST_WAIT", timedelta(milliseconds=50))

        client = asked(Client(b"a", is_stalled=True), post("/auth/login/", length=100))

        assert client.status == 408
        assert client.text.startswith("The request was not there in")


class TestLongBodies:
    PIECES = [b"a" * 100_000] * 12

    @pytest.mark.parametrize("path", ["/auth/login/", "/http2sms", "/nowhere"])
    def test_are_heard_before_they_are_refused(self, path):
        length = sum(map(len, self.PIECES))

        client = asked(Client(*self.PIECES), post(path, length=length))

        assert client.had_sent_all
        assert client.status in {200, 403, 404}
        if path == "/http2sms":
            assert client.text == "KO\nInvalid request: the body is longer than 1048576 bytes\n"

    def test_are_refused_in_the_midst_when_there_is_no_end_of_them(self, monkeypatch):
        monkeypatch.setattr(request_bodies, "MOST_HEARD", 300_000)

        client = asked(Client(*self.PIECES), post("/http2sms", length=1_200_000))

        assert not client.had_sent_all
        assert "longer than 1048576 bytes" in client.text


def read(*pieces: bytes, **client: bool) -> tuple[bytes, list[bytes]]:
    """What is kept of a body, whole and in the pieces that Django gets."""

    async def ask() -> tuple[bytes, list[bytes]]:
        async with whole(Client(*pieces, **client).receive) as body:
            content = body.content()
            given = [await body.receive()]
            while given[-1]["more_body"]:
                given.append(await body.receive())
            return content, [message["body"] for message in given]

    return asyncio.run(ask())


class TestBody:
    @pytest.mark.parametrize("length", [0, 1, 65_536, 65_537, 3_000_000])
    def test_is_given_as_it_came(self, length):
        body = bytes(range(256)) * (length // 256 + 1)
        pieces = [body[at : at + 10_000] for at in range(0, length, 10_000)] or [b""]

        content, given = read(*pieces)

        assert content == b"".join(given) == b"".join(pieces)

    def test_is_not_given_cut(self, monkeypatch):
        monkeypatch.setattr(request_bodies, "LONGEST", 10)

        with pytest.raises(RequestDataTooBig, match="longer than 10 bytes"):
            read(b"a" * 8, b"a" * 8)
