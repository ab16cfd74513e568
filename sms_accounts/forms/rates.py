"""The form that imports a price list from CSV: it tells every fault with its line."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.destinations import EVERYWHERE, prefix_of
from sms_accounts.forms.files import csv_rows, decoded
from sms_accounts.models import Rate
from sms_accounts.models.fields import HUNDREDTH, MOST_CREDITS
from sms_accounts.rate_lists import Line, Plan

LONGEST = 500_000
# What an exported list begins with; others call their columns otherwise.
COLUMNS = ("prefix", "credits", "description")
_OTHER_NAMES = {
    "country": "prefix",
    "destination": "prefix",
    "code": "prefix",
    "price": "credits",
    "rate": "credits",
    "name": "description",
}
_LONGEST_DESCRIPTION = 100

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?\Z")


@dataclass(frozen=True)
class Problem:
    """What is wrong in a line, and what to do."""

    line: int
    text: str


class RateListForm(forms.Form):
    """A price list as a file or as text; when it is valid, `lines` are all that is in it.

    `problems` says what is wrong, line by line: then nothing is changed, and the text stays to be
    mended. `shown` is the fingerprint of the changes that somebody saw and agrees to.
    """

    file = forms.FileField(label=gettext_lazy("CSV file"), required=False)
    text = forms.CharField(
        label=gettext_lazy("Or its text"),
        required=False,
        strip=False,
        max_length=LONGEST,
        widget=forms.Textarea(
            attrs={"rows": 12, "spellcheck": "false", "class": "vLargeTextField"}
        ),
    )
    removes_others = forms.BooleanField(
        label=gettext_lazy("Remove the rates that are not in the list"), required=False
    )
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        files: MultiValueDict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files)
        self.lines: list[Line] = []
        self.problems: list[Problem] = []

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if file is None:
            return ""
        if file.size > LONGEST:
            raise forms.ValidationError(_("The file is too long. Divide it."))
        return decoded(file.read())

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if self.errors:
            return cleaned
        cleaned["text"] = cleaned["file"] or cleaned["text"]
        if not cleaned["text"].strip():
            raise forms.ValidationError(_("Choose a file, or paste its text."))
        self._read(cleaned["text"])
        if self.problems:
            raise forms.ValidationError(_("Nothing was changed: mend these lines first."))
        if not self.lines:
            raise forms.ValidationError(_("There is no rate in this list."))
        return cleaned

    def keep(self, plan: Plan | None = None) -> None:
        """Show the text again that was read, and keep what is shown of it now."""
        text = self.cleaned_data.get("text", "")
        data = QueryDict(mutable=True)
        data.update({"text": text, "shown": plan.fingerprint if plan else ""})
        if self.cleaned_data.get("removes_others"):
            data["removes_others"] = "on"
        self.data = data

    def _read(self, text: str) -> None:
        seen: dict[str, int] = {}
        try:
            for number, values in self._rows(text):
                try:
                    line = _line(number, values)
                except forms.ValidationError as wrong:
                    self.problems.append(Problem(number, " ".join(wrong.messages)))
                    continue
                if first := seen.get(line.prefix):
                    words = {"prefix": line.prefix or EVERYWHERE, "line": first}
                    told = _("Line %(line)d has %(prefix)s already: take one of them out.") % words
                    self.problems.append(Problem(number, told))
                seen.setdefault(line.prefix, number)
                self.lines.append(line)
        except csv.Error as unreadable:
            self.problems.append(Problem(1, _("This is no CSV file: %s.") % unreadable))

    def _rows(self, text: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each line that is not empty as a column's values; faults of the form are noted."""
        columns: list[str] = []
        for number, cells in csv_rows(text):
            cells = [cell.strip() for cell in cells]
            while len(cells) > max(len(columns), 1) and not cells[-1]:
                cells.pop()
            if not columns:
                columns = [_OTHER_NAMES.get(cell.lower(), cell.lower()) for cell in cells]
                if columns.count("prefix") != 1 or columns.count("credits") != 1:
                    told = _("The first line must name each column once: %s.") % "; ".join(COLUMNS)
                    self.problems.append(Problem(number, told))
                    return
            elif len(cells) > len(columns):
                told = _(
                    "It has more cells than the first line. With decimal commas, part the cells "
                    "by semicolons."
                )
                self.problems.append(Problem(number, told))
            else:
                yield number, dict(zip(columns, cells, strict=False))


def rows_of(rates: Sequence[Rate]) -> Iterator[tuple[object, ...]]:
    """Yield a list of rates as the form takes it again, its first line included."""
    yield COLUMNS
    for rate in rates:
        yield rate.prefix or EVERYWHERE, rate.credits, rate.description


def _line(number: int, values: Mapping[str, str]) -> Line:
    typed = values.get("prefix", "")
    if not typed:
        raise forms.ValidationError(
            _("There is no prefix: give a country or digits, or %(sign)s for all others.")
            % {"sign": EVERYWHERE}
        )
    return Line(
        number=number,
        prefix="" if typed == EVERYWHERE else prefix_of(typed),
        credits=_credits(values.get("credits", "")),
        description=_description(values["description"]) if "description" in values else None,
    )


def _credits(typed: str) -> Decimal:
    plain = re.sub(r"\s", "", typed)
    if not _NUMBER.match(plain):
        raise forms.ValidationError(
            _("'%(typed)s' is no price: give a number such as 1.25 or 1,25.") % {"typed": typed}
        )
    credits = Decimal(plain.replace(",", "."))
    if credits != credits.quantize(HUNDREDTH):
        raise forms.ValidationError(
            _("%(typed)s has more than two decimals: round it.") % {"typed": typed}
        )
    if not HUNDREDTH <= credits <= MOST_CREDITS:
        raise forms.ValidationError(_("A rate is 0.01 at least and 999999999.99 at most."))
    return credits.quantize(HUNDREDTH)


def _description(typed: str) -> str:
    # An exported list keeps spreadsheets from taking it for a formula.
    text = typed[1:] if re.match(r"'[=+\-@]", typed) else typed
    if re.fullmatch(r"[0-9]+", text):
        raise forms.ValidationError(
            _("'%(typed)s' is no description. With decimal commas, part the cells by semicolons.")
            % {"typed": text}
        )
    if len(text) > _LONGEST_DESCRIPTION:
        raise forms.ValidationError(_("A description has at most 100 characters: shorten it."))
    return text
