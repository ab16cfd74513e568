"""Writes HTTP requests and reads answers, as bytes: alone knows the parser, which is llhttp's.

Knows no connection: whoever has one hands over what it hears. With urllib3 a call takes two and a
half times as much of a processor, and workers make three calls for each message.
"""

import re
from collections.abc import Iterable

import httptools

MOST_HEADERS = 100

_NAME = re.compile(r"[^:\s\x00-\x1f\x7f]+")
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class NotHttp(Exception):
    """What came is no HTTP answer."""


class EndedEarly(Exception):
    """The connection ended before the answer did."""


def request(
    method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None = None
) -> bytes:
    """Return a request, with the length of its body where it has one.

    Raises ValueError for a header that would break out of its line or that Latin-1 cannot write.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers:
        if not _NAME.fullmatch(name) or _BREAKS.search(value):
            raise ValueError(f"the header {name!r} cannot be sent")
        lines.append(f"{name}: {value}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")


class Reader:
    """Reads one answer; provisional ones before it are passed over.

    `may_go_on` says whether the connection takes another request after it.
    """

    def __init__(self, *, kept: int) -> None:
        """Keep so many bytes of the body: with more of it, the answer is done."""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.has_head = False
        self.is_done = False
        self.may_go_on = False
        self._kept = kept
        self._parser = httptools.HttpResponseParser(self)
        # Scripts of customers end their lines so.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)

    def feed(self, heard: bytes) -> None:
        """Read what came; nothing at all is the end of the connection.

        Raises NotHttp, and EndedEarly.
        """
        if not heard:
            self._end()
            return
        try:
            self._parser.feed_data(heard)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.is_done:
                raise NotHttp from None
            self.may_go_on = False

    def _end(self) -> None:
        says_length = {"content-length", "transfer-encoding"}
        if not self.has_head or any(name.lower() in says_length for name, _ in self.headers):
            raise EndedEarly
        self.is_done = True

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        if self.is_done:
            # Nobody asked for that.
            self.may_go_on = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_done:
            return
        if len(self.headers) == MOST_HEADERS:
            raise NotHttp
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if not self.is_done:
            self.status = self._parser.get_status_code()
            self.may_go_on = self._parser.should_keep_alive()
            self.has_head = True

    def on_body(self, part: bytes) -> None:
        if self.is_done:
            return
        self.body += part
        if len(self.body) > self._kept:
            self.body = self.body[: self._kept]
            self.is_done, self.may_go_on = True, False

    def on_message_complete(self) -> None:
        if 100 <= self.status < 200 and self.status != 101:
            self.headers, self.has_head = [], False
        else:
            self.is_done = True
