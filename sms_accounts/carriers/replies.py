"""Messages that phones send back: what a carrier hands over of one, and the plain form of it.

A carrier with words of its own `HasReplies`. All others send the plain form over HTTP: `from`,
`to`, `text` and `id`, in a query string, as a form, or as JSON, there one or a list. But in JSON
the `charset` of the text may be another one than UTF-8.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import parse_qsl

Coding = Literal["text", "gsm7", "ucs2", "latin1", "ascii", "cyrillic", "hebrew", "kanji", "binary"]

LONGEST_NUMBER = 20
LONGEST_ID = 100
LONGEST_TEXT = 10_000

# The names that charsets have over HTTP and in Kannel, without regard to case.
_CHARSETS = {
    "": "utf-8",
    "utf-8": "utf-8",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
    "us-ascii": "ascii",
}


class MalformedReply(Exception):
    """What came as a message from a phone is none, or lacks what makes it one."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which part of a longer text this is: `number` of `total`, of the text with a reference."""

    reference: int
    number: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One short message of a phone, or one part of a longer one.

    `octets` are the text in its coding, without any header; of `text` they are UTF-8. An escaped
    character or a pair of units may be split between two parts, so that only the joined octets can
    be read. `carrier_id` is empty where the carrier gives none.
    """

    sender: str = field(repr=False)
    receiver: str = field(repr=False)
    coding: Coding
    octets: bytes = field(repr=False)
    carrier_id: str = ""
    part: Part | None = None


@runtime_checkable
class HasReplies(Protocol):
    """A carrier whose messages from phones come in words of its own."""

    def parse_replies(self, body: bytes, headers: Mapping[str, str]) -> list[Reply]:
        """Return the messages in one call of the carrier; raises MalformedReply."""


def parse_plain(body: bytes, headers: Mapping[str, str]) -> list[Reply]:
    """Return the messages in a call of the plain form; raises MalformedReply."""
    if "json" in headers.get("Content-Type", "").lower():
        return [_reply(values) for values in _listed(body)]
    values = _fields(body)
    codec = _CHARSETS.get(values.get("charset", "").lower())
    if codec is None:
        raise MalformedReply("'charset' is none that is known here")
    octets = _fields(body, encoding="latin-1").get("text", "").encode("latin-1")
    return [_reply(values | {"text": octets.decode(codec, "replace")})]


def _fields(body: bytes, *, encoding: str = "utf-8") -> dict[str, str]:
    try:
        pairs = parse_qsl(
            _decoded(body), keep_blank_values=True, encoding=encoding, max_num_fields=100
        )
    except ValueError:
        raise MalformedReply("too many fields") from None
    # Of a field that comes twice the first one counts.
    return dict(reversed(pairs))


def _decoded(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedReply("not a form: letters with accents have to be encoded") from None


def _listed(body: bytes) -> list[Mapping[str, object]]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedReply("the body is not JSON") from None
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(each, dict) for each in listed):
        raise MalformedReply("the body is neither an object nor a list of them")
    return listed


def _reply(values: Mapping[str, object]) -> Reply:
    text = _word(values, "text", longest=LONGEST_TEXT)
    if not text.strip():
        raise MalformedReply("'text' is missing")
    return Reply(
        sender=_printable(values, "from", longest=LONGEST_NUMBER, needed=True),
        receiver=_printable(values, "to", longest=LONGEST_NUMBER),
        coding="text",
        octets=text.encode("utf-8", "replace"),
        carrier_id=_printable(values, "id", longest=LONGEST_ID),
    )


def _printable(
    values: Mapping[str, object], name: str, *, longest: int, needed: bool = False
) -> str:
    # In a query string a plus sign that was not encoded stands for a space.
    word = _word(values, name, longest=longest + 2).strip()
    if len(word) > longest or not (word.isascii() and word.isprintable()):
        raise MalformedReply(f"'{name}' must be at most {longest} printable ASCII characters")
    if needed and not word:
        raise MalformedReply(f"'{name}' is missing")
    return word


def _word(values: Mapping[str, object], name: str, *, longest: int) -> str:
    value = values.get(name, "")
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > longest:
        raise MalformedReply(f"'{name}' must be a text of at most {longest} characters")
    return value
