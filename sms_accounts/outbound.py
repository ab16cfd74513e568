"""The one HTTP client for URLs that customers typed: it alone may connect to what they name.

A name is resolved once, every address it has is judged, and one of those very addresses is
connected to, so a name that changes its answer in between gains nothing. TLS is verified against
the name. Redirects are never followed and proxies never used. One deadline and one size limit
hold for the whole call, however the other side cuts its answer into pieces.

The standard library's parser is used bare, on a socket of ours: connection pools, retries and
decoding would all have to be switched off, and they log URLs, whose queries nobody may log.
"""

import contextlib
import functools
import http.client
import io
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
from typing import TYPE_CHECKING, Any, cast

from sms_accounts.outbound_urls import Target, allow, host_header, read
from sms_accounts.special_addresses import Address, Network, unmapped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# What of an answer's body is kept, and what is read of an answer in all, its head included.
BODY_KEPT = 1_024
MOST_READ = 64 * 1_024
# A name with hundreds of addresses must not turn one callback into hundreds of connections.
MOST_DIALLED = 4

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
    (http.client.IncompleteRead, Failure.CLOSED),
    (http.client.HTTPException, Failure.NOT_HTTP),
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


@dataclass(frozen=True, kw_only=True)
class _Request:
    method: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True)
class _Deadline:
    at: float

    def left(self) -> float:
        """Return the seconds left; raise TimeoutError if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def get(
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    trusted: Collection[Network] = (),
    timeout: timedelta = timedelta(seconds=10),
    resolve: Resolve = socket.getaddrinfo,
    connect: Connect = socket.create_connection,
) -> Answer:
    """Call a URL and return its answer, whatever its status.

    `timeout` is for everything together, the look-up of the name included. Networks in `trusted`
    may be called although they are not public. Raises NotAllowed, before any connection, if one
    of the addresses of the name is neither; CallFailed if no whole answer came in time.
    """
    request = _Request(method="GET", headers=dict(headers))
    return _call(url, request, trusted, timeout, resolve, connect)


def post(
    url: str,
    body: bytes,
    *,
    headers: Iterable[tuple[str, str]] = (),
    trusted: Collection[Network] = (),
    timeout: timedelta = timedelta(seconds=10),
    resolve: Resolve = socket.getaddrinfo,
    connect: Connect = socket.create_connection,
) -> Answer:
    """Post a body to a URL, under the same rules as `get`."""
    request = _Request(method="POST", headers=dict(headers), body=body)
    return _call(url, request, trusted, timeout, resolve, connect)


def _call(
    url: str,
    request: _Request,
    trusted: Collection[Network],
    timeout: timedelta,
    resolve: Resolve,
    connect: Connect,
) -> Answer:
    target = read(url)
    started = time.monotonic()
    deadline = _Deadline(started + timeout.total_seconds())
    try:
        addresses = _addresses(target, resolve=resolve, deadline=deadline)
        allow(addresses, trusted=trusted)
        with (
            contextlib.closing(_dial(addresses, target.port, connect, deadline)) as plain,
            contextlib.closing(_secured(plain, target, deadline)) as line,
        ):
            status, head, body_start = _exchange(_Wire(line, deadline), target, request)
    except (OSError, http.client.HTTPException) as error:
        raise CallFailed(_reason(error)) from error
    return Answer(status, body_start, timedelta(seconds=time.monotonic() - started), head)


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


class _Wire(io.RawIOBase):
    """What `http.client` takes for its socket: keeps the deadline and counts what comes in."""

    def __init__(self, line: socket.socket, deadline: _Deadline) -> None:
        self._line = line
        self._deadline = deadline
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        try:
            self._line.settimeout(self._deadline.left())
            count = self._line.recv_into(buffer)
        except TimeoutError as error:
            raise CallFailed(Failure.TOO_SLOW if self._received else Failure.TIMED_OUT) from error
        self._received += count
        if self._received > MOST_READ:
            raise CallFailed(Failure.TOO_LARGE)
        return count

    def sendall(self, data: "ReadableBuffer") -> None:
        self._line.settimeout(self._deadline.left())
        self._line.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def close(self) -> None:
        """Leave the socket open: `http.client` closes before it has read the body, `get` after."""


def _exchange(
    wire: _Wire, target: Target, request: _Request
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Send the request; return the status, the headers and the start of the body."""
    ours = {
        "Host": host_header(target),
        "User-Agent": "sms-panel",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = cast(socket.socket, wire)
    headers = {**request.headers, **ours}
    connection.request(request.method, target.path, body=request.body, headers=headers)
    try:
        response = connection.getresponse()
        return response.status, tuple(response.getheaders()), response.read(BODY_KEPT)
    except ValueError as error:
        # The parser takes some malformed chunk sizes for numbers and stumbles over them later.
        raise http.client.HTTPException from error


def _reason(error: OSError | http.client.HTTPException) -> Failure:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return Failure.NO_CONNECTION
