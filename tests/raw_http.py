"""A client that sends whatever bytes it is told, over one connection after another."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """Status, headers by their names in small letters, and body."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """Keeps its connection as long as the server does."""

    def __init__(self, url: str, *, timeout: float = 30) -> None:
        parts = urlsplit(url)
        self._place = (str(parts.hostname), int(parts.port or 80))
        self._timeout = timeout
        self._socket: socket.socket | None = None

    @property
    def host(self) -> bytes:
        return f"{self._place[0]}:{self._place[1]}".encode()

    def ask(self, request: bytes) -> Answer:
        """Send a whole request and return its answer; raises OSError where none comes."""
        for is_last in (False, True):
            with suppress(ConnectionError):
                return self._ask(request)
            self.close()
            if is_last:
                break
        raise ConnectionError("the server hung up without an answer")

    def send_and_hang_up(self, request: bytes) -> None:
        """Send a request, or a part of one, and wait for nothing."""
        with socket.create_connection(self._place, self._timeout) as connection:
            connection.sendall(request)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, request: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(self._place, self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):
            # A server that refuses in the midst of a request closes its side; the answer is there.
            self._socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        is_chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = 0 if request.startswith(b"HEAD") else int(headers.get("content-length", "0"))
        while len(body) < length or (is_chunked and not body.endswith(b"0\r\n\r\n")):
            body += self._more()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(first.split()[1]), headers, body)

    def _more(self) -> bytes:
        assert self._socket is not None
        received = self._socket.recv(65_536)
        if not received:
            raise ConnectionError("the server hung up")
        return received
