"""The ASGI callable that a web server runs: pages by Django, and http2sms beside it."""

import gc
from collections.abc import Awaitable, Callable, MutableMapping
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

from sms_accounts.endpoints.http2sms_at_once import AtOnce, Response
from sms_accounts.http2sms import PATH, SHORT_PATH

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FORM = b"application/x-www-form-urlencoded"
_ASCII = bytes(range(128)).decode()

# So many objects are there for the calls under way at a time. With Python's own 700 the collector
# goes over them at every twentieth call, and finds no garbage.
_NEW_OBJECTS = 5000


class Application:
    """Gives each request to a thread of Django's, but for calls of http2sms that need none."""

    def __init__(self) -> None:
        # Their types of a request differ in what they call optional.
        django: Any = pages
        self._pages: Any = WSGIMiddleware(django, workers=settings.WEB_THREADS)
        self._paths = {f"/{path}" for path in (PATH, SHORT_PATH)}
        self._at_once: AtOnce | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Whoever went away in the middle of a request waits for no answer.
        with suppress(ConnectionResetError):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._paths:
            named = dict(scope["headers"])
            form = b""
            if _has_short_form(scope, named):
                form, receive = await _read(receive)
            elif scope["method"] != "GET":
                return await self._ask_django(scope, receive, send)
            if response := await self._answered(scope, named, form):
                return await _write(response, send)
        return await self._ask_django(scope, receive, send)

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

    async def _ask_django(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["query_string"].isascii():
            # WSGI has room for it, the way there has not.
            quoted = quote_from_bytes(scope["query_string"], safe=_ASCII).encode()
            scope = {**scope, "query_string": quoted}
        await self._pages(scope, _complete(receive), send)


def _has_short_form(scope: Scope, named: dict[bytes, bytes]) -> bool:
    length = named.get(b"content-length", b"")
    return (
        scope["method"] == "POST"
        and length.isdigit()
        and int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        and named.get(b"content-type", b"").partition(b";")[0].strip().lower() == _FORM
    )


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Return a whole body, and what gives it once more."""
    body = b""
    more = True
    receive = _complete(receive)
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)

    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


def _complete(receive: Receive) -> Receive:
    """Let nobody take for a whole body what a client that went away had sent of it."""

    async def checked() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away")
        return message

    return checked


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
