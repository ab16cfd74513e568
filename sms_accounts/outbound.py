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
import re
import socket
import ssl
import string
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, quote, urlsplit

from sms_accounts.special_addresses import Address, Network, is_public, unmapped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# What may be typed, and what may be called once the caller has added values to it.
LONGEST_URL = 2_000
LONGEST_CALLED = 2_500
# What of an answer's body is kept, and what is read of an answer in all, its head included.
BODY_KEPT = 1_024
MOST_READ = 64 * 1_024
# A name with hundreds of addresses must not turn one callback into hundreds of connections.
MOST_DIALLED = 4

_PORTS = {"http": 80, "https": 443}
_NETLOC = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[^:]*))?")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
# As browsers have it: a last label like these makes the whole host an IPv4 address or nothing.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

# The shape of `socket.getaddrinfo` and of `socket.create_connection`.
Resolve = Callable[..., Sequence[tuple[Any, Any, Any, Any, tuple[Any, ...]]]]
Connect = Callable[[tuple[str, int], float], socket.socket]


class Refusal(StrEnum):
    """Why a URL is not called, as a sentence that says what is accepted."""

    LENGTH = "The URL may have at most 2,000 characters."
    CHARACTERS = "The URL may hold no spaces, backslashes or control characters."
    SCHEME = "The URL must start with http:// or https://."
    CREDENTIALS = "The URL may hold no user name and no password."
    HOST = "The URL needs a host name or an IP address, such as www.example.com."
    PORT = "The port of the URL must be a number from 1 to 65535."
    ADDRESS = "The URL must lead to an address on the public internet."


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


class NotAllowed(Exception):
    """The URL is not one to call; nothing was sent. Never tells what a name resolved to."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


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
class _Target:
    scheme: str
    host: str
    port: int
    path: str
    # The address that the host is a spelling of; None if it is a name to resolve.
    address: Address | None


@dataclass(frozen=True)
class _Deadline:
    at: float

    def left(self) -> float:
        """Return the seconds left; raise TimeoutError if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def check_url(url: str, *, trusted: Collection[Network] = ()) -> None:
    """Raise NotAllowed for a URL that `get` would refuse whatever its name resolves to.

    Asks nobody: this is for the moment a URL is saved. `get` judges the addresses again.
    """
    # In the form in which it is stored and indexed: letters like é take more than one place.
    if len(url.encode(errors="replace")) > LONGEST_URL:
        raise NotAllowed(Refusal.LENGTH)
    target = _read(url)
    if target.address is not None:
        _allow([target.address], trusted=trusted)


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


def query_sent(url: str) -> str:
    """Return the query of a URL byte for byte as `get` sends it; raises NotAllowed."""
    return _read(url).path.partition("?")[2]


def _call(
    url: str,
    request: _Request,
    trusted: Collection[Network],
    timeout: timedelta,
    resolve: Resolve,
    connect: Connect,
) -> Answer:
    target = _read(url)
    started = time.monotonic()
    deadline = _Deadline(started + timeout.total_seconds())
    try:
        addresses = _addresses(target, resolve=resolve, deadline=deadline)
        _allow(addresses, trusted=trusted)
        with (
            contextlib.closing(_dial(addresses, target.port, connect, deadline)) as plain,
            contextlib.closing(_secured(plain, target, deadline)) as line,
        ):
            status, head, body_start = _exchange(_Wire(line, deadline), target, request)
    except (OSError, http.client.HTTPException) as error:
        raise CallFailed(_reason(error)) from error
    return Answer(status, body_start, timedelta(seconds=time.monotonic() - started), head)


def _allow(addresses: Iterable[Address], *, trusted: Collection[Network]) -> None:
    """Raise NotAllowed if a single address is neither public nor trusted.

    A name with both kinds of addresses is an attack or a mistake, so it is not called at all.
    """
    for address in addresses:
        if not is_public(address) and not any(address in network for network in trusted):
            raise NotAllowed(Refusal.ADDRESS)


def _read(url: str) -> _Target:
    if len(url) > LONGEST_CALLED:
        raise NotAllowed(Refusal.LENGTH)
    # Parsers disagree about what these mean, and some drop them silently.
    if any(not character.isprintable() or character in " \\" for character in url):
        raise NotAllowed(Refusal.CHARACTERS)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise NotAllowed(Refusal.HOST) from error
    if parts.scheme not in _PORTS:
        raise NotAllowed(Refusal.SCHEME)
    if "@" in parts.netloc:
        raise NotAllowed(Refusal.CREDENTIALS)
    netloc = _NETLOC.fullmatch(parts.netloc)
    if netloc is None:
        raise NotAllowed(Refusal.HOST)
    host, address = _host(name=netloc["name"], ipv6=netloc["ipv6"])
    port = _port(netloc["port"]) or _PORTS[parts.scheme]
    return _Target(parts.scheme, host, port, _path(parts), address)


def _host(*, name: str | None, ipv6: str | None) -> tuple[str, Address | None]:
    """Return the host in its one ASCII spelling, and the address if it is one."""
    if name is not None:
        return _named_host(name)
    try:
        address = IPv6Address(ipv6 or "")
    except ValueError as error:
        raise NotAllowed(Refusal.HOST) from error
    # A zone names an interface of this machine, which is nothing a customer can know.
    if address.scope_id is not None:
        raise NotAllowed(Refusal.HOST)
    plain = unmapped(address)
    return str(plain), plain


def _named_host(typed: str) -> tuple[str, Address | None]:
    # The standard library knows the older IDNA, in which these two become other letters, and
    # the call would go to somebody else's domain. Their owners know the xn-- spelling.
    if any(letter in typed for letter in "ßς"):
        raise NotAllowed(Refusal.HOST)
    try:
        name = typed.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise NotAllowed(Refusal.HOST) from error
    if not _NAME.fullmatch(name):
        raise NotAllowed(Refusal.HOST)
    # Always this machine (RFC 6761). Not resolved, as it would be ::1 too, which nobody lists.
    if name == "localhost" or name.endswith(".localhost"):
        return name, IPv4Address("127.0.0.1")
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name, None
    try:
        # The rules that resolvers use: decimal, octal and hexadecimal, one to four numbers.
        address = IPv4Address(socket.inet_aton(name))
    except OSError as error:
        raise NotAllowed(Refusal.HOST) from error
    return str(address), address


def _port(typed: str | None) -> int | None:
    if not typed:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", typed) or not 1 <= int(typed) <= 65_535:
        raise NotAllowed(Refusal.PORT)
    return int(typed)


def _path(parts: SplitResult) -> str:
    """Return path and query as they were typed; only what is not ASCII is encoded."""
    query = f"?{parts.query}" if parts.query else ""
    return quote((parts.path or "/") + query, safe=string.punctuation)


def _addresses(target: _Target, *, resolve: Resolve, deadline: _Deadline) -> list[Address]:
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


def _secured(plain: socket.socket, target: _Target, deadline: _Deadline) -> socket.socket:
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
    wire: _Wire, target: _Target, request: _Request
) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Send the request; return the status, the headers and the start of the body."""
    ours = {
        "Host": _host_header(target),
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


def _host_header(target: _Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == _PORTS[target.scheme] else f"{host}:{target.port}"


def _reason(error: OSError | http.client.HTTPException) -> Failure:
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return Failure.NO_CONNECTION
