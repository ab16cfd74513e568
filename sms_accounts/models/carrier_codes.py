"""Tables of codes as staff type them: a line for each, a code and what it means."""

from collections.abc import Iterator
from typing import Literal

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from sms_accounts import codes

LATER: Literal["later"] = "later"
_LONGEST_CODE = 20


def err_codes(text: str) -> dict[str, int]:
    """Return the ptt of each code; raises ValidationError with the line that is wrong."""
    found = {}
    for line, code, meaning in lines(text):
        if len(code) > _LONGEST_CODE or " " in code:
            raise wrong(line)
        # Carriers write the same code with and without the zeros before it.
        found[code] = found[code.lstrip("0") or code] = ptt_in(line, meaning)
    return found


def statuses(text: str) -> dict[int, int | Literal["later"]]:
    """Return what each status means; raises ValidationError with the line that is wrong."""
    found: dict[int, int | Literal["later"]] = {}
    for line, code, meaning in lines(text):
        try:
            status = int(code, 0)
        except ValueError:
            raise wrong(line) from None
        if not 0 < status <= 0xFFFF_FFFF:
            raise wrong(line)
        is_later = meaning.lower() == LATER
        found[status] = LATER if is_later else ptt_in(line, meaning, is_final=True)
    return found


def check_err_codes(text: str) -> None:
    err_codes(text)


def check_statuses(text: str) -> None:
    statuses(text)


def lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield each line, its code and its meaning; raises ValidationError with one that has none."""
    for line in filter(None, map(str.strip, text.splitlines())):
        code, equals, meaning = (part.strip() for part in line.partition("="))
        if not (code and equals and meaning and line.isascii()):
            raise wrong(line)
        yield line, code, meaning


def ptt_in(line: str, meaning: str, *, is_final: bool = False) -> int:
    """Return the ptt that a line names, one of an end if it has to be; raises ValidationError."""
    if not meaning.isdecimal() or int(meaning) not in codes.PTTS:
        raise wrong(line)
    if is_final and not codes.PTTS[int(meaning)].is_final:
        raise wrong(line)
    return int(meaning)


def wrong(line: str) -> ValidationError:
    """Return what tells staff which line it is."""
    return ValidationError(_("This line says nothing: %(line)s"), params={"line": line[:60]})
