"""Twenty ways in which a receiver of callbacks can be bad, each on a port of its own."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_HEAD = b"HTTP/1.1 200 OK\r\n"


@dataclass
class Kind:
    """How one receiver answers its nth call; `heals` says whether events get through in time."""

    name: str
    answer: Callable[[socket.socket, int], object]
    heals: bool = False
    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    successes: Counter[str] = field(default_factory=Counter)


def _says(data: bytes) -> Callable[[socket.socket, int], object]:
    return lambda line, nth: line.sendall(data)


def _status(status: int, head: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{head}Content-Length: 0\r\n\r\n".encode()


def _drips(start: bytes, every: bytes) -> Callable[[socket.socket, int], object]:
    def answer(line: socket.socket, nth: int) -> None:
        line.sendall(start)
        for _ in range(400):
            time.sleep(0.02)
            line.sendall(every)

    return answer


def _floods(start: bytes, piece: bytes) -> Callable[[socket.socket, int], object]:
    def answer(line: socket.socket, nth: int) -> None:
        line.sendall(start)
        # A gigabyte, if anybody took it.
        for _ in range(1 << 30 >> 16):
            line.sendall(piece)

    return answer


def _resets(line: socket.socket, nth: int) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _flaps(line: socket.socket, nth: int) -> None:
    line.sendall(OK if nth % 3 == 0 else _status(500))


def _silent(line: socket.socket, nth: int) -> None:
    with contextlib.suppress(OSError):
        line.recv(1)


def kinds() -> list[Kind]:
    return [
        Kind("good", _says(OK), heals=True),
        Kind("silent", _silent),
        Kind("slow drip of the head", _drips(b"H", b"T")),
        Kind("slow drip of the body", _drips(_HEAD + b"Content-Length: 900\r\n\r\n", b"x")),
        Kind("endless headers", _floods(_HEAD, (b"X: " + b"y" * 1021) * 64)),
        Kind("endless continues", _floods(b"", b"HTTP/1.1 100 Go\r\n\r\n" * 3_000)),
        Kind("a body of a gigabyte", _floods(_HEAD + b"\r\n", b"x" * 65_536), heals=True),
        Kind("reset", _resets),
        Kind("closes at once", _says(b"")),
        Kind("not HTTP", _says(b"220 mail.example ESMTP\r\n")),
        Kind("nonsense chunks", _says(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")),
        Kind("redirect", _says(_status(302, "Location: http://127.0.0.1/\r\n"))),
        Kind("redirect to inside", _says(_status(307, "Location: http://10.0.0.1/\r\n"))),
        Kind("410", _says(_status(410))),
        Kind("429", _says(_status(429, "Retry-After: 7200\r\n"))),
        Kind("503", _says(_status(503, "Retry-After: 1\r\n"))),
        Kind("500", _says(_status(500))),
        Kind("404", _says(_status(404))),
        Kind("flapping", _flaps, heals=True),
        Kind("bad TLS", _says(OK)),
    ]


@contextlib.contextmanager
def receivers() -> Iterator[list[Kind]]:
    """Let all of them listen; each counts calls and 2xx answers by the id of the event."""
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(_listening(kind)) for kind in kinds()]
        yield listening


@contextlib.contextmanager
def _listening(kind: Kind) -> Iterator[Kind]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        threading.Thread(target=_serve, args=(server, kind), daemon=True).start()
        scheme = "https" if kind.name == "bad TLS" else "http"
        kind.url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/dlr"
        try:
            yield kind
        finally:
            server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, kind: Kind) -> None:
    with contextlib.suppress(OSError):
        while True:
            line, _address = server.accept()
            threading.Thread(target=_take, args=(line, kind), daemon=True).start()


def _take(line: socket.socket, kind: Kind) -> None:
    with line, contextlib.suppress(OSError, ssl.SSLError):
        line.settimeout(30)
        request = b""
        while b"\r\n\r\n" not in request and (piece := line.recv(4096)):
            request += piece
        event = _header(request, "webhook-id")
        kind.calls[event] += 1
        if kind.heals and (kind.name != "flapping" or kind.calls[event] % 3 == 0):
            kind.successes[event] += 1
        kind.answer(line, kind.calls[event])


def _header(request: bytes, name: str) -> str:
    for field_ in request.decode("latin-1").split("\r\n"):
        if field_.lower().startswith(f"{name}:"):
            return field_.partition(":")[2].strip()
    return ""
