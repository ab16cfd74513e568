"""Writes lines of CSV that no spreadsheet takes for formulas."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """What csv writes to: a line is returned instead of kept."""

    def write(self, line: str) -> str:
        return line


def lines(rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> Iterator[str]:
    """Yield each row as a line, as it is read."""
    writer = csv.writer(_Line(), delimiter=delimiter)
    for row in rows:
        yield writer.writerow([_safe(cell) for cell in row])


def _safe(cell: object) -> str:
    """Keep a spreadsheet from taking for a formula what somebody else has written."""
    text = "" if cell is None else str(cell)
    # A number is none, also where it is below zero.
    if isinstance(cell, int | Decimal):
        return text
    return f"'{text}" if text.startswith(_FORMULA) else text


def written(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return a moment as ISO 8601 has it, in a time zone; nothing for None."""
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else ""
