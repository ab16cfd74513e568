"""CSV files, given line by line as they are read, however long they are."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.http import StreamingHttpResponse
from django.utils import timezone

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """What csv writes to: a line is returned instead of kept."""

    def write(self, line: str) -> str:
        return line


def csv_file(
    name: str, rows: Iterable[Sequence[object]], *, delimiter: str = ","
) -> StreamingHttpResponse:
    """Return an answer that a browser saves under this name, in UTF-8."""
    answer = StreamingHttpResponse(_lines(rows, delimiter), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def csv_text(rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> str:
    """Return all lines at once, for a file that stands in a page."""
    return "".join(_lines(rows, delimiter))


def _lines(rows: Iterable[Sequence[object]], delimiter: str) -> Iterator[str]:
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
    return timezone.localtime(moment, zone).isoformat(timespec="seconds") if moment else ""
