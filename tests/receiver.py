"""An HTTP receiver of callbacks on a free port: keeps each request and answers as told."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One call as it came in; `values` are those of the query, in their order."""

    target: str
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        return urlsplit(self.target).query

    @property
    def values(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)

    def value(self, name: str) -> str:
        """Return the one value of this name."""
        [value] = [value for given, value in self.values if given == name]
        return value


class Receiver:
    """To be used in a `with`; `url` is where it listens.

    `status` is what it answers; `before_answer` is called first and may take its time.
    """

    def __init__(self, *, status: int = 200):
        self.status = status
        self.headers: dict[str, str] = {}
        self.body = b"thanks"
        self.before_answer: Callable[[Request], object] = lambda request: None
        self.requests: list[Request] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.take()

            def do_POST(self):
                self.take(self.rfile.read(int(self.headers["Content-Length"])))

            def take(self, body=b""):
                request = Request(self.path, dict(self.headers), self.command, body)
                receiver.requests.append(request)
                receiver.before_answer(request)
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.body)))
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, *args):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/dlr"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
