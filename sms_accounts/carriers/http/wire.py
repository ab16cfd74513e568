"""Makes one HTTP call on a connection that is kept; alone decides whether anything was written.

Staff chose the address, so that private networks are allowed. Link-local addresses are not: there
the metadata of a cloud answers. Redirects are not followed and proxies not used, an answer is cut
at a size, and its time is measured as a whole.
"""

import select
import socket
import ssl
import string
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from typing import NoReturn
from urllib.parse import quote, urlsplit

from sms_accounts import http_wire
from sms_accounts.carriers.base import OutcomeUnknown, TryLater
from sms_accounts.special_addresses import unmapped

LONGEST_ANSWER = 64 * 1024
_PORTION = 16 * 1024
# Of an answer whose head does not end, no more than this.
_MOST_READ = 2 * LONGEST_ANSWER

_CONNECT_WITHIN = timedelta(seconds=3)
# Servers close what stands idle, some after five seconds. What is written in that moment is lost
# without anybody knowing, so that a connection is not used any more when it may come.
_IDLE = timedelta(seconds=3)

_MOST_SECONDS_TO_WAIT = 86_400


@dataclass(frozen=True, kw_only=True)
class Request:
    """A call as it goes out; URL, headers and body hold secrets, numbers and texts."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, of any status."""

    status: int
    # By their names in small letters.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def retry_after(self) -> timedelta | None:
        """Return for how long the carrier wants to be left alone, where it said so in seconds."""
        said = self.headers.get("retry-after", "")
        if not (said.isascii() and said.isdecimal() and len(said) <= 10):
            return None
        return timedelta(seconds=min(int(said), _MOST_SECONDS_TO_WAIT))


class Line:
    """The connections to one carrier. Safe to share among threads.

    As many as calls are under way; each is used again until it may be closed over there.
    """

    def __init__(self, url: str, *, answer_within: timedelta, certificates: str = "") -> None:
        self._answer_within = answer_within.total_seconds()
        parts = urlsplit(url)
        self._host = _in_ascii(parts.hostname or "")
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._host_header = f"[{self._host}]" if ":" in self._host else self._host
        if parts.port is not None:
            self._host_header += f":{parts.port}"
        self._tls = _tls(certificates) if parts.scheme == "https" else None
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)

    def call(self, request: Request) -> Answer:
        """Make a call; raises TryLater if nothing was written, OutcomeUnknown without an answer.

        Never a second time by itself: after the first byte was written, only the carrier knows
        whether it took the part.
        """
        try:
            written = self._written(request)
        except ValueError as failed:
            raise TryLater(f"the request could not be written: {type(failed).__name__}") from None
        connection = self._kept() or self._new()
        try:
            reader = connection.ask(written, within=self._answer_within)
        except (OSError, http_wire.EndedEarly, http_wire.NotHttp) as broken:
            connection.close()
            raise OutcomeUnknown(_words_for(broken)) from None
        except BaseException:
            connection.close()
            raise
        if reader.may_go_on:
            self._keep(connection)
        else:
            connection.close()
        headers = {name.lower(): value for name, value in reader.headers}
        return Answer(status=reader.status, headers=headers, body=reader.body)

    def _written(self, request: Request) -> bytes:
        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # What staff have set stands in the place of ours, however they write its name; the length
        # is that of the body.
        given = {name.lower(): (name, value) for name, value in request.headers}
        given.pop("content-length", None)
        ours = {
            "Host": self._host_header,
            "User-Agent": "sms-panel",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        }
        headers = [each for each in ours.items() if each[0].lower() not in given]
        return http_wire.request(
            request.method,
            quote(target, safe=string.punctuation),
            [*headers, *given.values()],
            request.body,
        )

    def _kept(self) -> "_Connection | None":
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_of_use:
                    return connection
                connection.close()
        return None

    def _keep(self, connection: "_Connection") -> None:
        with self._lock:
            self._idle.append(connection)
            # The last is used first: those that nobody came for are the first here.
            while self._idle and not self._idle[0].is_fresh:
                self._idle.pop(0).close()

    def _new(self) -> "_Connection":
        try:
            plain = socket.create_connection(
                (self._host, self._port), _CONNECT_WITHIN.total_seconds()
            )
        except (OSError, UnicodeError) as failed:
            _not_connected(_words_for(failed, connecting=True))
        try:
            if _is_link_local(plain.getpeername()[0]):
                _not_connected("a link-local address")
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return _Connection(plain)
            return _Connection(self._tls.wrap_socket(plain, server_hostname=self._host))
        except OSError as failed:
            plain.close()
            _not_connected(_words_for(failed, connecting=True))
        except BaseException:
            plain.close()
            raise


class _Connection:
    """One connection, for one call at a time."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._heard_at = time.monotonic()
        self._poll = select.poll()
        self._poll.register(line, select.POLLIN)

    def close(self) -> None:
        self._line.close()

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self._heard_at < _IDLE.total_seconds()

    @property
    def is_of_use(self) -> bool:
        """Tell whether it can be written to; what comes now was not asked for, or is its end."""
        return self.is_fresh and not self._poll.poll(0)

    def ask(self, written: bytes, *, within: float) -> http_wire.Reader:
        """Write a request and read its answer, as much of it as anybody looks at."""
        ends_at = time.monotonic() + within
        reader, received = http_wire.Reader(kept=LONGEST_ANSWER), 0
        self._line.settimeout(within)
        self._line.sendall(written)
        while not reader.is_done:
            if (left := ends_at - time.monotonic()) <= 0:
                raise TimeoutError
            self._line.settimeout(left)
            heard = self._line.recv(_PORTION)
            received += len(heard)
            if received > _MOST_READ:
                raise http_wire.NotHttp
            reader.feed(heard)
        self._heard_at = time.monotonic()
        return reader


def _close_all(idle: "list[_Connection]") -> None:
    for connection in idle:
        connection.close()


def _in_ascii(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        # Nobody has that name; whoever asks for it is told so.
        return host


def _not_connected(why: str) -> NoReturn:
    raise TryLater(f"the carrier could not be reached: {why}") from None


def _tls(certificates: str) -> ssl.SSLContext:
    """Return what verifies certificates, against the system's authorities or against these."""
    return ssl.create_default_context(cadata=certificates or None)


def _is_link_local(peer: str) -> bool:
    return unmapped(ip_address(peer.partition("%")[0])).is_link_local


def _words_for(failed: Exception, *, connecting: bool = False) -> str:
    """Return what staff can make something of; never the URL, which holds secrets."""
    for kind, words in (
        ((socket.gaierror, UnicodeError), "its name was not found"),
        (TimeoutError, "no connection in time" if connecting else "no answer in time"),
        (ssl.SSLCertVerificationError, "its certificate is not valid"),
        (ssl.SSLError, "no secure connection"),
        (ConnectionRefusedError, "connection refused"),
        ((http_wire.EndedEarly, ConnectionError), "the connection was closed early"),
        (http_wire.NotHttp, "no HTTP answer"),
    ):
        if isinstance(failed, kind):
            return words
    return type(failed).__name__
