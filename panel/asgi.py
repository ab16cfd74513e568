"""The ASGI callable that a web server runs: pages by Django, and http2sms beside it."""

import gc
from collections.abc import MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote_from_bytes

import structlog
from a2wsgi import WSGIMiddleware

from panel.wsgi import application as pages

# isort: split
# Only now are there settings and models.
from django.conf import settings

from panel.answers import IN_SCOPE, kept, while_wanted
from panel.client import Client, Receive, Send
from panel.request_bodies import (
    LONGEST_WAIT,
    NO_BODY,
    Body,
    TooSlow,
    has_body,
    whole,
)
from sms_accounts.endpoints.http2sms_at_once import AtOnce, Response
from sms_accounts.http2sms import PATH, SHORT_PATH

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]

_FORM = b"application/x-www-form-urlencoded"
_ASCII = bytes(range(128)).decode()

_TOO_SLOW: Response = (
    408,
    {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"},
    f"The request was not there in {LONGEST_WAIT.total_seconds():g} seconds\n".encode(),
)

# So many objects are there for the calls under way at a time. With Python's own 700 the collector
# goes over them at every twentieth call, and finds no garbage.
_NEW_OBJECTS = 5000


class Application:
    """Gives each request to a thread of Django's, but for calls of http2sms that need none."""

    def __init__(self) -> None:
        # Their types of a request differ in what they call optional.
        django: Any = pages
        self._pages: Any = WSGIMiddleware(while_wanted(django), workers=settings.WEB_THREADS)
        self._paths = {f"/{path}" for path in (PATH, SHORT_PATH)}
        self._at_once: AtOnce | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        named = dict(scope["headers"])
        if not has_body(named):
            await self._answer(scope, named, NO_BODY, Client(receive, send))
            return
        # Whoever went away in the middle of a request waits for no answer.
        with suppress(ConnectionResetError):
            try:
                async with whole(receive) as body:
                    await self._answer(scope, named, body, Client(receive, send))
            except TooSlow:
                await _write(_TOO_SLOW, send)

    async def _answer(
        self, scope: Scope, named: dict[bytes, bytes], body: Body, client: Client
    ) -> None:
        if scope["path"] in self._paths:
            is_form = _has_short_form(scope, named)
            if is_form or scope["method"] == "GET":
                form = body.content() if is_form else b""
                if response := await self._answered(scope, named, form):
                    return await _write(response, client.send)
        return await self._ask_django(scope, body, client)

    async def _answered(
        self, scope: Scope, named: dict[bytes, bytes], form: bytes
    ) -> Response | None:
        if b"idempotency-key" in named:
            return None
        if self._at_once is None:
            self._at_once = AtOnce()
        try:
            return await self._at_once.answer(
                query=scope["query_string"],
                form=form,
                authorization=named.get(b"authorization", b"").decode("latin-1"),
                peer=scope["client"][0] if scope.get("client") else "",
                forwarded_for=named.get(b"x-forwarded-for", b"").decode("latin-1"),
            )
        except Exception:
            # Not by the web server: it would write down what a database quotes. Nor is it tried
            # by Django: nobody knows what has been stored.
            log.exception("http2sms_failed")
            return 500, {"Content-Type": "text/plain; charset=utf-8"}, b"Server error\n"

    async def _ask_django(self, scope: Scope, body: Body, client: Client) -> None:
        if not scope["query_string"].isascii():
            # WSGI has room for it, the way there has not.
            quoted = quote_from_bytes(scope["query_string"], safe=_ASCII).encode()
            scope = {**scope, "query_string": quoted}
        async with kept(client) as answer:
            await self._pages({**scope, IN_SCOPE: answer}, body.receive, answer.take)


def _has_short_form(scope: Scope, named: dict[bytes, bytes]) -> bool:
    length = named.get(b"content-length", b"")
    return (
        scope["method"] == "POST"
        and length.isdigit()
        and int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        and named.get(b"content-type", b"").partition(b";")[0].strip().lower() == _FORM
    )


@lru_cache(maxsize=100)
def _encoded(named: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in named]


async def _write(response: Response, send: Send) -> None:
    status, named, content = response
    length = (b"content-length", str(len(content)).encode())
    headers = [*_encoded(tuple(named.items())), length]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


application = Application()

# What is loaded by now stays, and takes the collector a tenth of a second to go over.
gc.collect()
gc.freeze()
gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
