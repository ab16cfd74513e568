"""Makes one HTTP call on a connection that is kept; alone decides whether anything was written.

Staff chose the address, so that private networks are allowed. Link-local addresses are not: there
the metadata of a cloud answers. Redirects are not followed and proxies not used, an answer is cut
at a size, and its time is measured as a whole.
"""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from sms_accounts.carriers.base import OutcomeUnknown, TryLater
from sms_accounts.special_addresses import unmapped

LONGEST_ANSWER = 64 * 1024
_PORTION = 16 * 1024

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
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def retry_after(self) -> timedelta | None:
        """Return for how long the carrier wants to be left alone, where it said so in seconds."""
        said = self.headers.get("Retry-After", "")
        if not (said.isascii() and said.isdecimal() and len(said) <= 10):
            return None
        return timedelta(seconds=min(int(said), _MOST_SECONDS_TO_WAIT))


class _NotConnected(HTTPError):
    """There is no connection: not a byte of the request went out."""


class _Kept(HTTPConnection):
    """A connection that tells its own failures from those of a call, and knows its age."""

    _heard_at = 0.0

    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as failed:
            raise _NotConnected(_words_for(failed)) from None
        if self.sock is not None and _is_link_local(self.sock.getpeername()[0]):
            self.close()
            raise _NotConnected("a link-local address")
        self._heard_at = time.monotonic()

    @property
    def is_connected(self) -> bool:
        is_fresh = time.monotonic() - self._heard_at < _IDLE.total_seconds()
        return is_fresh and super().is_connected

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        response = super().getresponse()
        self._heard_at = time.monotonic()
        return response


class _KeptOverTls(_Kept, HTTPSConnection):
    """The same over TLS; a certificate that is not valid is a failure to connect."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Kept


class _PoolOverTls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _KeptOverTls


class Line:
    """The connections to one carrier. Safe to share among threads."""

    def __init__(
        self, url: str, *, at_once: int, answer_within: timedelta, certificates: str = ""
    ) -> None:
        self._answer_within = answer_within
        parts = urlsplit(url)
        # Never a retry of urllib3's own: after the first byte was written, only the carrier
        # knows whether it took the part.
        timeout = urllib3.Timeout(
            connect=_CONNECT_WITHIN.total_seconds(), read=answer_within.total_seconds()
        )
        host = parts.hostname or ""
        self._pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            self._pool = _PoolOverTls(
                host,
                parts.port,
                maxsize=at_once,
                retries=False,
                timeout=timeout,
                ssl_context=_tls(certificates),
            )
        else:
            self._pool = _Pool(host, parts.port, maxsize=at_once, retries=False, timeout=timeout)

    def call(self, request: Request) -> Answer:
        """Make a call; raises TryLater if nothing was written, OutcomeUnknown without an answer."""
        ends_at = time.monotonic() + self._answer_within.total_seconds()
        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            response = self._pool.urlopen(
                request.method,
                target,
                body=request.body,
                headers={"User-Agent": "sms-panel", "Accept": "*/*", **dict(request.headers)},
                redirect=False,
                preload_content=False,
            )
            return Answer(
                status=response.status,
                headers=response.headers,
                body=_body_of(response, ends_at),
            )
        except _NotConnected as failed:
            raise TryLater(f"the carrier could not be reached: {failed}") from None
        except (HTTPError, OSError) as broken:
            raise OutcomeUnknown(_words_for(broken)) from None


def _body_of(response: urllib3.BaseHTTPResponse, ends_at: float) -> bytes:
    """Return an answer's body, as much of it as anybody looks at."""
    body = b""
    try:
        while portion := response.read1(_PORTION):
            body += portion
            if len(body) > LONGEST_ANSWER or time.monotonic() > ends_at:
                # The rest is not waited for, and the connection not used again.
                response.close()
                break
    finally:
        response.release_conn()
    return body[:LONGEST_ANSWER]


def _tls(certificates: str) -> ssl.SSLContext:
    """Return what verifies certificates, against the system's authorities or against these."""
    return ssl.create_default_context(cadata=certificates or None)


def _is_link_local(peer: str) -> bool:
    return unmapped(ip_address(peer.partition("%")[0])).is_link_local


def _words_for(failed: Exception) -> str:
    """Return what staff can make something of; never the URL, which holds secrets."""
    names = {
        "NameResolutionError": "its name was not found",
        "ConnectTimeoutError": "no connection in time",
        "NewConnectionError": "connection refused",
        "SSLError": "no secure connection",
        "SSLCertVerificationError": "its certificate is not valid",
        "ReadTimeoutError": "no answer in time",
        "ProtocolError": "the connection was closed early",
    }
    kind = type(failed).__name__
    return names.get(kind, kind)
