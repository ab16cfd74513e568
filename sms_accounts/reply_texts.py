"""Reads the octets of a message from a phone, and what somebody may mean by one: STOP, START.

Sources: 3GPP TS 23.038 (alphabet and its extension), SMPP v3.4 section 5.2.19 (codings).
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import Literal

from sms_accounts import gsm

Keyword = Literal["", "stop", "start"]

# What people and guides write for it, without spaces, signs and accents.
_STOP = frozenset({"stop", "stopp", "stopall", "stopsms", "unsubscribe", "arret"})
_START = frozenset({"start", "unstop"})

_ESCAPE = 0x1B
# In the alphabet's order its places are the codes, but for that of the escape itself.
_BASIC = gsm.BASIC[:_ESCAPE] + "\u00a0" + gsm.BASIC[_ESCAPE:]
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_CODECS = {
    "text": "utf-8",
    "ucs2": "utf-16-be",
    "latin1": "latin-1",
    "ascii": "ascii",
    "cyrillic": "iso8859-5",
    "hebrew": "iso8859-8",
    "kanji": "shift-jis",
}
_UNREADABLE = "\ufffd"


def text_of(parts: Iterable[tuple[str, bytes]]) -> str:
    """Return the text of all parts, each given by its coding and its octets, in their order.

    Parts in one coding are joined before they are read. What cannot be read is a replacement
    character; 8-bit data are hex digits. Any database takes what is returned.
    """
    joined = (
        (coding, b"".join(octets for _coding, octets in together))
        for coding, together in groupby(parts, key=lambda part: part[0])
    )
    text = "".join(_read(coding, octets) for coding, octets in joined)
    return text.replace("\0", _UNREADABLE)


def _read(coding: str, octets: bytes) -> str:
    if coding == "binary":
        return octets.hex().upper()
    if coding == "gsm7":
        return _gsm7(octets)
    return octets.decode(_CODECS[coding], "replace")


def _gsm7(octets: bytes) -> str:
    """Return a text in GSM 03.38 with a septet in each octet, as SMPP has it."""
    read: list[str] = []
    left = iter(octets)
    for octet in left:
        if octet == _ESCAPE:
            # An extension that the table lacks is shown as the letter of the same code.
            after = next(left, None)
            read.append("" if after is None else _EXTENSION.get(after) or _letter(after))
        else:
            read.append(_letter(octet))
    return "".join(read)


def _letter(octet: int) -> str:
    return _BASIC[octet] if octet < len(_BASIC) else _UNREADABLE


def keyword_of(text: str, *, number: str) -> Keyword:
    """Return whether a whole text is a word for no more messages, or for messages again.

    Case, accents, spaces and signs make no difference, nor does the `number` that was asked
    (STOP 36184). A text that says more is a message for somebody to read.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    word = re.sub(r"[\W_]|[\u0300-\u036f]", "", plain)
    word = word.removesuffix(number)
    if word in _STOP:
        return "stop"
    return "start" if word in _START else ""
