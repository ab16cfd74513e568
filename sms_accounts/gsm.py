"""GSM 03.38 and UCS-2: which of the two a text needs, how long it is, and where it is split.

Sources: 3GPP TS 23.038 sections 6.2.1 and 6.2.1.1 (alphabets), TS 23.040 section
9.2.3.24.1 (concatenated short messages).
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Coding = Literal["gsm7", "ucs2"]

# What word processors and phones put in the place of characters that 7 bits have.
_PLAIN = {
    **dict.fromkeys("‘’‚‛′´ʼ`", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−•·", "-"),
    **dict.fromkeys("‹", "<"),
    **dict.fromkeys("›", ">"),
    # No-break and typographic spaces, tabs, and what is there but not seen.
    **dict.fromkeys("\t\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    **dict.fromkeys("\u2028\u2029", "\n"),
    "…": "...",
}

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"

_GSM7_TEXT = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*")
_ESCAPED = re.compile(f"[{re.escape(EXTENSION)}]")

# Units in a message of one part, and in each part of a longer one, where six octets of the
# user data are the header that joins the parts.
_SINGLE: dict[Coding, int] = {"gsm7": 160, "ucs2": 70}
_JOINED: dict[Coding, int] = {"gsm7": 153, "ucs2": 67}


_TO_PLAIN = str.maketrans(_PLAIN)
_NOT_GSM7 = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")


class Length(NamedTuple):
    """How long a text is: its coding, its units (septets, or 16-bit units), its parts."""

    coding: Coding
    units: int
    parts: int


def coding_of(text: str) -> Coding:
    """Return `gsm7` where every character is in the basic set or the extension table."""
    return "gsm7" if _GSM7_TEXT.fullmatch(text) else "ucs2"


def beyond_gsm7(text: str) -> list[str]:
    """Return the characters that make a text Unicode, each once, in the order they come."""
    return list(dict.fromkeys(_NOT_GSM7.findall(text)))


def with_plain_signs(text: str) -> str:
    """Return a text with plain quotes, dashes, dots and spaces instead of typographic ones.

    Letters and everything else that says something stay as they are.
    """
    return text.translate(_TO_PLAIN)


def measure(text: str, *, coding: Coding | None = None) -> Length:
    """Return the length of a text; `coding="ucs2"` asks for Unicode where 7 bits would do.

    A text that does not fit into 7 bits is measured as Unicode, whatever was asked for.
    Neither an escaped character nor a surrogate pair is split between two parts, so that a
    text can take one part more than its units alone would need.
    """
    chosen: Coding = "ucs2" if coding == "ucs2" else coding_of(text)
    units = _units(text, chosen)
    if units <= _SINGLE[chosen]:
        return Length(chosen, units, 1)
    return Length(chosen, units, sum(1 for _ in _cuts(text, chosen)))


def split(text: str, *, coding: Coding) -> list[str]:
    """Return the texts of the parts, in order; joined they are the text."""
    if _units(text, coding) <= _SINGLE[coding]:
        return [text]
    return list(_cuts(text, coding))


def _units(text: str, coding: Coding) -> int:
    if coding == "gsm7":
        return len(text) + len(_ESCAPED.findall(text))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cuts(text: str, coding: Coding) -> Iterator[str]:
    """Yield the parts of a long text: each takes as many whole characters as fit."""
    most = _JOINED[coding]
    start = 0
    while start < len(text):
        end = min(start + most, len(text))
        while (over := _units(text[start:end], coding) - most) > 0:
            # Each character takes two units at most.
            end -= (over + 1) // 2
        yield text[start:end]
        start = end
