"""CSV files as people upload them."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

_APART = ";,\t"


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, or as spreadsheets of Western Europe write it."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def csv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that is not empty with its number; raises csv.Error.

    Cells are parted by what the first line has most of: semicolons, commas or tabs.
    """
    text = text.lstrip("\ufeff")
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_APART, key=first.count))
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


class CsvField(forms.FileField):
    """A CSV file that need not be there; its value is its text, and empty without one."""

    def __init__(self, *, label: StrOrPromise, longest: int, help_text: StrOrPromise = "") -> None:
        super().__init__(label=label, required=False, help_text=help_text)
        self._longest = longest

    def clean(self, data: Any, initial: Any = None) -> str:
        file = super().clean(data, initial)
        if file is None:
            return ""
        if file.size > self._longest:
            raise forms.ValidationError(_("The file is too long. Divide it."))
        return decoded(file.read())
