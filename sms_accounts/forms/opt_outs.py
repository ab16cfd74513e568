"""The forms of the tab of opt-outs: numbers to put on the list, and to take off it."""

import csv
import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sms_accounts.forms.files import CsvField, csv_rows
from sms_accounts.forms.layout import in_a_row, laid_out
from sms_accounts.forms.numbers import international
from sms_accounts.models import Account, OptOut

LONGEST = 500_000
MOST = 10_000
# More would bury the field.
MOST_TOLD = 10
LONGEST_NOTE = 200
_APART = re.compile(r"[\n\r,;]+")
_SIGNS = re.compile(r"[^0-9]+")


class AddForm(forms.Form):
    """Numbers typed or from a file; when it is valid, `notes` has the note of each.

    The first line of a file may name the columns, of which `number` and `note` are read; where
    it does not, every cell is a number.
    """

    numbers = forms.CharField(
        label=gettext_lazy("Numbers"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "inputmode": "tel"}),
        help_text=gettext_lazy("In international format, one a line or with commas between them."),
    )
    file = CsvField(
        label=gettext_lazy("Or a CSV file"),
        longest=LONGEST,
        help_text=gettext_lazy("With a column number, and note if you like; or numbers alone."),
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=LONGEST_NOTE,
        help_text=gettext_lazy("Such as how and when they asked. It is kept with each number."),
    )

    def __init__(
        self,
        data: QueryDict | None,
        files: MultiValueDict[str, UploadedFile[bytes]] | None,
        *,
        account: Account,
    ) -> None:
        super().__init__(data, files)
        self._home_country = account.home_country
        self.notes: dict[str, str] = {}
        self.helper = laid_out("numbers", "file", "note", confirm=_("Add"))

    @property
    def source(self) -> OptOut.Source:
        return OptOut.Source.IMPORT if self.cleaned_data["file"] else OptOut.Source.HAND

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if self.errors:
            return cleaned
        self._read("numbers", self._typed(cleaned["numbers"]))
        try:
            self._read("file", self._of_file(cleaned["file"]))
        except csv.Error as unreadable:
            self.add_error("file", _("This is no CSV file: %s.") % unreadable)
        if not self.errors and not self.notes:
            self.add_error("numbers", _("Enter a number, or choose a file."))
        if len(self.notes) > MOST:
            text = _("At most %(most)d numbers can be added at once.")
            self.add_error(None, text % {"most": MOST})
        return cleaned

    def _typed(self, text: str) -> Iterator[tuple[str, str, str]]:
        for word in _APART.split(text):
            yield word.strip(), self.cleaned_data["note"], word.strip()

    def _of_file(self, text: str) -> Iterator[tuple[str, str, str]]:
        columns: list[str] | None = None
        for line, cells in csv_rows(text):
            place = _("line %d") % line
            if columns is None:
                named = [cell.strip().lower() for cell in cells]
                columns = named if "number" in named else []
                if columns:
                    continue
            if columns:
                row = dict(zip(columns, cells, strict=False))
                note = row.get("note", "").strip() or self.cleaned_data["note"]
                yield row.get("number", "").strip(), note, place
            else:
                yield from ((cell.strip(), self.cleaned_data["note"], place) for cell in cells)

    def _read(self, field: str, found: Iterator[tuple[str, str, str]]) -> None:
        """Keep what are numbers; say of the others where they stand."""
        wrong = []
        for typed, note, place in found:
            if not typed:
                continue
            try:
                number = international(typed, home_country=self._home_country)
            except forms.ValidationError:
                wrong.append(place)
            else:
                self.notes.setdefault(number, note[:LONGEST_NOTE])
        if wrong:
            text = ngettext(
                "Nothing was added. This is no number in international format: %(places)s.",
                "Nothing was added. These are no numbers in international format: %(places)s.",
                len(wrong),
            )
            shown = ", ".join(wrong[:MOST_TOLD]) + (", …" if len(wrong) > MOST_TOLD else "")
            self.add_error(field, text % {"places": shown})


class SearchForm(forms.Form):
    """Which numbers are shown: those that begin with these digits, or all."""

    q = forms.CharField(label=gettext_lazy("Number begins with"), required=False, max_length=40)

    def __init__(self, data: QueryDict) -> None:
        super().__init__({"q": data.get("q", "").replace("\0", "")}, auto_id="filter_%s")
        self.helper = in_a_row("q")
        self.is_valid()

    @property
    def digits(self) -> str:
        typed = str(self.cleaned_data.get("q", "")).strip().removeprefix("00")
        return _SIGNS.sub("", typed)


class RemoveForm(forms.Form):
    """Confirms that numbers may be sent to again."""

    confirmed = forms.CharField(widget=forms.HiddenInput, initial="yes")

    def __init__(self, data: QueryDict | None, *, chosen: QuerySet[OptOut]) -> None:
        super().__init__(data)
        self.fields["opt_out"] = forms.ModelMultipleChoiceField(
            chosen, initial=chosen, widget=forms.MultipleHiddenInput
        )
        self.helper = laid_out("confirmed", "opt_out", confirm=_("Yes, remove"), is_dangerous=True)
