"""The one HTTP client for URLs that customers typed: it alone may connect to what they name.

A name is resolved once, every address it has is judged, and one of those very addresses is
connected to, so a name that changes its answer in between gains nothing. TLS is verified against
the name. Redirects are never followed and proxies never used. One deadline and one size limit
hold for the whole call, however the other side cuts its answer into pieces.

Request and answer are written and read on a socket of ours: of an HTTP library connection pools,
retries and decoding would all have to be switched off, and they log URLs, whose queries nobody may
log.
"""

import contextlib
import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from sms_accounts import http_wire
from sms_accounts.outbound_connections import Connections
from sms_accounts.outbound_urls import Target, allow, host_header, read
from sms_accounts.special_addresses import Address, Network, unmapped

# What of an answer's body is kept, and what is read of an answer in all, its head included.
BODY_KEPT = 1_024
MOST_READ = 64 * 1_024
# A name with hundreds of addresses must not turn one callback into hundreds of connections.
MOST_DIALLED = 4

_PORTION = 16 * 1_024

# The shape of `socket.getaddrinfo` and of `socket.create_connection`.
Resolve = Callable[..., Sequence[tuple[Any, Any, Any, Any, tuple[Any, ...]]]]
Connect = Callable[[tuple[str, int], float], socket.socket]


class Failure(StrEnum):
    """What became of a call without an answer, in words that tell nothing about the inside."""

    NAME_NOT_FOUND = "name not found"
    REFUSED = "connection refused"
    NO_CONNECTION = "no connection"
    TIMED_OUT = "timed out"
    CERTIFICATE = "certificate not valid"
    TLS = "no secure connection"
    CLOSED = "connection closed early"
    TOO_SLOW = "too slow"
    TOO_LARGE = "answer too large"
    NOT_HTTP = "no HTTP answer"


# The first that fits: several of these types are kinds of a later one.
_REASONS: tuple[tuple[type[Exception], Failure], ...] = (
    (socket.gaierror, Failure.NAME_NOT_FOUND),
    (TimeoutError, Failure.TIMED_OUT),
    (ConnectionRefusedError, Failure.REFUSED),
    (ssl.SSLCertVerificationError, Failure.CERTIFICATE),
    (ssl.SSLError, Failure.TLS),
    (ConnectionError, Failure.CLOSED),
    (http_wire.EndedEarly, Failure.CLOSED),
    (http_wire.NotHttp, Failure.NOT_HTTP),
)


class CallFailed(Exception):
    """No whole answer came. The other side may have got the request all the same."""

    def __init__(self, reason: Failure) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of any status, redirects included; `body_start` has 1 KiB at most."""

    status: int
    body_start: bytes
    duration: timedelta
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str:
        """Return the first value of a header, or nothing."""
        given = (value for known, value in self.headers if known.lower() == name.lower())
        return next(given, "")


@dataclass(frozen=True)
class _Deadline:
    at: float

    def left(self) -> float:
        """Return the seconds left; raise TimeoutError if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Unheard(ConnectionError):
    """The connection ended before anything came."""


def get(
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    trusted: Collection[Network] = (),
    timeout: timedelta = timedelta(seconds=10),
    connections: Connections | None = None,
    resolve: Resolve = socket.getaddrinfo,
    connect: Connect = socket.create_connection,
) -> Answer:
    """Call a URL and return its answer, whatever its status.

    `timeout` is for everything together, the look-up of the name included. Networks in `trusted`
    may be called although they are not public. With `connections`, one of these is used where it
    leads there; should it turn out to have ended before anything came, the call is made anew.
    Raises NotAllowed, before any connection, if one of the addresses of the name is neither;
    CallFailed if no whole answer came in time.
    """
    request = _Request(method="GET", headers=dict(headers))
    return _call(url, request, _Way(trusted, timeout, connections, resolve, connect))


def post(
    url: str,
    body: bytes,
    *,
    headers: Iterable[tuple[str, str]] = (),
    trusted: Collection[Network] = (),
    timeout: timedelta = timedelta(seconds=10),
    connections: Connections | None = None,
    resolve: Resolve = socket.getaddrinfo,
    connect: Connect = socket.create_connection,
) -> Answer:
    """Post a body to a URL, under the same rules as `get`."""
    request = _Request(method="POST", headers=dict(headers), body=body)
    return _call(url, request, _Way(trusted, timeout, connections, resolve, connect))


@dataclass(frozen=True, kw_only=True)
class _Request:
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def written(self, target: Target, *, is_last: bool) -> bytes:
        """Return its bytes, after which nothing more comes where it is the last."""
        headers = {
            **self.headers,
            "Host": host_header(target),
            "User-Agent": "sms-panel",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close" if is_last else "keep-alive",
        }
        return http_wire.request(self.method, target.path, headers.items(), self.body)


@dataclass(frozen=True)
class _Way:
    """How a target is reached."""

    trusted: Collection[Network]
    timeout: timedelta
    connections: Connections | None
    resolve: Resolve
    connect: Connect


def _call(url: str, request: _Request, way: _Way) -> Answer:
    target = read(url)
    started = time.monotonic()
    deadline = _Deadline(started + way.timeout.total_seconds())
    written = request.written(target, is_last=way.connections is None)
    try:
        reader = _over_kept(target, written, way, deadline) or _over_new(
            target, written, way, deadline
        )
    except (OSError, http_wire.EndedEarly, http_wire.NotHttp) as error:
        raise CallFailed(_reason(error)) from error
    duration = timedelta(seconds=time.monotonic() - started)
    return Answer(reader.status, reader.body, duration, tuple(reader.headers))


def _over_kept(
    target: Target, written: bytes, way: _Way, deadline: _Deadline
) -> http_wire.Reader | None:
    """Make a call over a connection that was kept, if there is one; else return None."""
    if way.connections is None or (kept := way.connections.take(target)) is None:
        return None
    try:
        return _asked(kept.line, target, written, way, deadline, made_at=kept.made_at)
    except _Unheard:
        return None


def _over_new(target: Target, written: bytes, way: _Way, deadline: _Deadline) -> http_wire.Reader:
    made_at = time.monotonic()
    addresses = _addresses(target, resolve=way.resolve, deadline=deadline)
    allow(addresses, trusted=way.trusted)
    plain = _dial(addresses, target.port, way.connect, deadline)
    try:
        line = _secured(plain, target, deadline)
    except BaseException:
        plain.close()
        raise
    return _asked(line, target, written, way, deadline, made_at=made_at)


def _asked(
    line: socket.socket,
    target: Target,
    written: bytes,
    way: _Way,
    deadline: _Deadline,
    *,
    made_at: float,
) -> http_wire.Reader:
    """Ask on a connection and return the answer; the connection is kept, or closed."""
    is_kept = False
    try:
        reader = _exchange(line, written, deadline)
        if way.connections is not None and reader.may_go_on:
            way.connections.keep(target, line, made_at=made_at)
            is_kept = True
        return reader
    finally:
        if not is_kept:
            line.close()


def _addresses(target: Target, *, resolve: Resolve, deadline: _Deadline) -> list[Address]:
    """Return every address of the target, each once.

    Resolvers have no deadline of their own, so a thread waits for them that may be left behind.
    """
    if target.address is not None:
        return [target.address]
    answer: Future[Sequence[tuple[Any, ...]]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(resolve(target.host, target.port, type=socket.SOCK_STREAM))
        except OSError as error:
            answer.set_exception(error)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    found = answer.result(timeout=deadline.left())
    if not found:
        raise socket.gaierror
    return list(dict.fromkeys(unmapped(ip_address(entry[4][0])) for entry in found))


def _dial(
    addresses: Sequence[Address], port: int, connect: Connect, deadline: _Deadline
) -> socket.socket:
    """Connect to the first address that answers; each gets its share of the time left."""
    *earlier, last = addresses[:MOST_DIALLED]
    for number, address in enumerate(earlier):
        with contextlib.suppress(OSError):
            return connect((str(address), port), deadline.left() / (len(earlier) + 1 - number))
    return connect((str(last), port), deadline.left())


def _secured(plain: socket.socket, target: Target, deadline: _Deadline) -> socket.socket:
    plain.settimeout(deadline.left())
    if target.scheme == "http":
        return plain
    return _tls().wrap_socket(plain, server_hostname=target.host)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return what verifies certificates against the system's authorities, or SSL_CERT_FILE's."""
    return ssl.create_default_context()


def _exchange(line: socket.socket, written: bytes, deadline: _Deadline) -> http_wire.Reader:
    """Send a request; return its answer with the start of the body."""
    reader, received = http_wire.Reader(kept=BODY_KEPT), 0
    try:
        line.settimeout(deadline.left())
        line.sendall(written)
        while not reader.is_done:
            line.settimeout(deadline.left())
            heard = line.recv(_PORTION)
            if not heard and not received:
                raise _Unheard
            received += len(heard)
            if received > MOST_READ:
                raise CallFailed(Failure.TOO_LARGE)
            reader.feed(heard)
    except TimeoutError as error:
        raise CallFailed(Failure.TOO_SLOW if received else Failure.TIMED_OUT) from error
    except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        if received:
            raise
        raise _Unheard from error
    return reader


def _reason(error: Exception) -> Failure:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return Failure.NO_CONNECTION
