"""CSV files, given as their lines are read, however long they are."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from django.http import StreamingHttpResponse

from sms_accounts.csv_lines import lines

# Each piece of an answer goes from one thread to another by itself.
_LINES_OF_A_PIECE = 500


def csv_file(
    name: str, rows: Iterable[Sequence[object]], *, delimiter: str = ","
) -> StreamingHttpResponse:
    """Return an answer that a browser saves under this name, in UTF-8."""
    answer = StreamingHttpResponse(
        _pieces(lines(rows, delimiter=delimiter)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    while piece := "".join(islice(lines, _LINES_OF_A_PIECE)):
        yield piece


def csv_text(rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> str:
    """Return all lines at once, for a file that stands in a page."""
    return "".join(lines(rows, delimiter=delimiter))
