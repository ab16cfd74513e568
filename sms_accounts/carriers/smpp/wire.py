"""One TCP connection with or without TLS; alone touches sockets.

Two threads use it at once: one waits for what comes in, others write. A TLS connection must not
be read and written at the same moment, so the waiting is done outside the lock.
"""

import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import timedelta

from sms_accounts.carriers.smpp.options import Options

CONNECT_WITHIN = timedelta(seconds=5)
WRITE_WITHIN = timedelta(seconds=10)

_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Unreachable(Exception):
    """No connection came about; the text says why, for staff."""


class NotWritten(Exception):
    """Not one octet went out."""


class Closed(Exception):
    """The connection has ended; what was written last may or may not have arrived."""


class Wire:
    """A connection to the place that the options name; raises Unreachable."""

    def __init__(self, options: Options) -> None:
        try:
            plain = socket.create_connection(
                (options.host, options.port), timeout=CONNECT_WITHIN.total_seconds()
            )
        except OSError as refused:
            raise Unreachable(_reason(refused)) from None
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket = _secured(plain, options) if options.uses_tls else plain
        except (OSError, ValueError) as refused:
            plain.close()
            raise Unreachable(f"TLS: {_reason(refused)}") from None
        self._socket.setblocking(False)
        self._lock = threading.Lock()

    @property
    def security(self) -> str:
        """Return the version of TLS, or nothing where there is none."""
        return (self._socket.version() or "") if isinstance(self._socket, ssl.SSLSocket) else ""

    def receive(self, *, within: timedelta) -> bytes:
        """Return what has come in, or nothing where nothing came in that time; raises Closed."""
        try:
            if not self._has_pending() and not self._is_ready(select.POLLIN, within):
                return b""
            with self._lock:
                received = self._socket.recv(65_536)
        except _AGAIN:
            return b""
        except (OSError, ValueError) as broken:
            raise Closed(_reason(broken)) from None
        if not received:
            raise Closed("the carrier closed the connection")
        return received

    def send(self, octets: bytes) -> None:
        """Write everything; raises NotWritten if nothing was, or Closed if perhaps a part was."""
        deadline = time.monotonic() + WRITE_WITHIN.total_seconds()
        is_begun = False
        with self._lock:
            while octets:
                try:
                    octets = octets[self._socket.send(octets) :]
                    is_begun = True
                except _AGAIN:
                    # TLS may have kept a part of it, and must be given the same again.
                    is_begun = is_begun or isinstance(self._socket, ssl.SSLSocket)
                    left = timedelta(seconds=deadline - time.monotonic())
                    if left <= timedelta(0) or not self._is_ready(select.POLLOUT, left):
                        raise self._broken(is_begun, "the carrier reads no more") from None
                except (OSError, ValueError) as broken:
                    is_begun = is_begun or isinstance(self._socket, ssl.SSLSocket)
                    raise self._broken(is_begun, _reason(broken)) from None

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _broken(self, is_begun: bool, reason: str) -> NotWritten | Closed:
        return Closed(reason) if is_begun else NotWritten(reason)

    def _has_pending(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _is_ready(self, event: int, within: timedelta) -> bool:
        poll = select.poll()
        poll.register(self._socket, event)
        return bool(poll.poll(max(within.total_seconds(), 0) * 1000))


def _secured(plain: socket.socket, options: Options) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=options.certificates or None)
    return context.wrap_socket(plain, server_hostname=options.host)


def _reason(broken: Exception) -> str:
    if isinstance(broken, TimeoutError):
        return "nobody answers"
    if isinstance(broken, ssl.SSLCertVerificationError):
        return broken.verify_message
    if isinstance(broken, OSError) and broken.strerror:
        return broken.strerror.lower()
    return str(broken) or type(broken).__name__
