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
    for line, code, meaning in _lines(text):
        if len(code) > _LONGEST_CODE or " " in code:
            raise _wrong(line)
        # Carriers write the same code with and without the zeros before it.
        found[code] = found[code.lstrip("0") or code] = _ptt(line, meaning)
    return found


def statuses(text: str) -> dict[int, int | Literal["later"]]:
    """Return what each status means; raises ValidationError with the line that is wrong."""
    found: dict[int, int | Literal["later"]] = {}
    for line, code, meaning in _lines(text):
        try:
            status = int(code, 0)
        except ValueError:
            raise _wrong(line) from None
        if not 0 < status <= 0xFFFF_FFFF:
            raise _wrong(line)
        found[status] = LATER if meaning.lower() == LATER else _ptt(line, meaning)
        if found[status] != LATER and not codes.PTTS[int(found[status])].is_final:
            raise _wrong(line)
    return found


def check_err_codes(text: str) -> None:
    err_codes(text)


def check_statuses(text: str) -> None:
    statuses(text)


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        code, equals, meaning = (part.strip() for part in line.partition("="))
        if not (code and equals and meaning and line.isascii()):
            raise _wrong(line)
        yield line, code, meaning


def _ptt(line: str, meaning: str) -> int:
    if not meaning.isdecimal() or int(meaning) not in codes.PTTS:
        raise _wrong(line)
    return int(meaning)


def _wrong(line: str) -> ValidationError:
    return ValidationError(_("This line says nothing: %(line)s"), params={"line": line[:60]})
