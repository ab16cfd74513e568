"""CSV files, given line by line as they are read, however long they are."""

from collections.abc import Iterable, Sequence

from django.http import StreamingHttpResponse

from sms_accounts.csv_lines import lines


def csv_file(
    name: str, rows: Iterable[Sequence[object]], *, delimiter: str = ","
) -> StreamingHttpResponse:
    """Return an answer that a browser saves under this name, in UTF-8."""
    answer = StreamingHttpResponse(
        lines(rows, delimiter=delimiter), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def csv_text(rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> str:
    """Return all lines at once, for a file that stands in a page."""
    return "".join(lines(rows, delimiter=delimiter))
