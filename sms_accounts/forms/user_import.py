"""The form that imports API users from CSV: it tells every fault with its line."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from sms_accounts import credentials, outbound_urls, user_imports
from sms_accounts.forms.credits import credits_field
from sms_accounts.forms.files import CsvField, csv_rows
from sms_accounts.forms.layout import laid_out
from sms_accounts.forms.numbers import international
from sms_accounts.forms.restrictions import RestrictionsForm
from sms_accounts.limits import Limit
from sms_accounts.models import Account, ApiUser
from sms_accounts.models.api_user import LOGIN, MOST_RESTRICTIONS
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.user_imports import Newcomer

LONGEST = 200_000

Support = ApiUser.Support


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong in a line; `column` is empty where it is the line as a whole."""

    line: int
    column: str
    text: str


class LineForm(forms.Form):
    """One line of the file; the columns are the names of the fields."""

    login = forms.CharField(
        max_length=40,
        validators=[LOGIN],
        error_messages={
            "max_length": LOGIN.message,
            "required": gettext_lazy("Each user needs an ID."),
        },
    )
    password = forms.CharField(
        required=False,
        validators=[
            RegexValidator(
                rf"\A[A-Za-z0-9]{{{credentials.SHORTEST},{credentials.LONGEST}}}\Z",
                gettext_lazy("Use 8 to 64 letters and digits, nothing else."),
            )
        ],
    )
    quota = credits_field(
        "",
        least=0,
        accepted=gettext_lazy("Enter credits from 0, with at most two decimals, such as 12.50."),
    )
    threshold = credits_field(
        "",
        least=1,
        accepted=gettext_lazy("Enter credits from 1, with at most two decimals, such as 20."),
    )
    email = forms.EmailField(
        required=False,
        max_length=254,
        error_messages={
            "invalid": gettext_lazy("Enter one e-mail address, such as name@example.com.")
        },
    )
    number = forms.CharField(required=False, max_length=40)
    restrictions = forms.CharField(required=False, max_length=500)
    callback = forms.CharField(required=False)

    def clean_number(self) -> str:
        return international(self.cleaned_data["number"])

    def clean_restrictions(self) -> list[str]:
        places = self.cleaned_data["restrictions"].split()
        if len(places) > MOST_RESTRICTIONS:
            raise forms.ValidationError(
                _("At most %(most)d addresses and networks, with spaces between them.")
                % {"most": MOST_RESTRICTIONS}
            )
        typed = {f"restriction_{number}": place for number, place in enumerate(places, start=1)}
        form = RestrictionsForm(_as_sent(typed), stored=[], observed=False, in_use=[])
        if not form.is_valid():
            raise forms.ValidationError([text for texts in form.errors.values() for text in texts])
        return form.networks()

    def clean_callback(self) -> str:
        url: str = self.cleaned_data["callback"]
        if not url:
            return ""
        try:
            outbound_urls.check_url(url, trusted=settings.CALLBACK_TRUSTED_NETWORKS)
        except outbound_urls.NotAllowed as refused:
            raise forms.ValidationError(_(refused.refusal.value)) from None
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        has_address = cleaned.get("email") or cleaned.get("number")
        if cleaned.get("threshold") is not None and not has_address and not self.errors:
            self.add_error("threshold", _("The alert needs an e-mail address or a number."))
        if cleaned.get("threshold") is None and has_address and "threshold" not in self.errors:
            self.add_error("threshold", _("The alert needs a threshold."))
        return cleaned

    def newcomer(self) -> Newcomer:
        """Return who is to be added; the password is empty where one is to be generated."""
        typed = self.cleaned_data
        return Newcomer(
            login=typed["login"],
            password=typed["password"],
            quota=typed["quota"],
            limit=self._limit(),
            restrictions=tuple(typed["restrictions"]),
            callback=typed["callback"],
        )

    def _limit(self) -> Limit | None:
        typed = self.cleaned_data
        if typed["threshold"] is None:
            return None
        support = Support.EMAIL if typed["email"] else Support.SMS
        if typed["email"] and typed["number"]:
            support = Support.BOTH
        return Limit(
            enabled=True,
            threshold=typed["threshold"],
            support=support,
            email=typed["email"],
            msisdn=typed["number"],
        )


COLUMNS = tuple(LineForm.base_fields)


def _as_sent(values: Mapping[str, str]) -> QueryDict:
    sent = QueryDict(mutable=True)
    sent.update(values)
    return sent


class ImportForm(forms.Form):
    """A CSV file, or its text; when it is valid, `newcomers` are all who are in it.

    `problems` says what is wrong, line by line. Sent without the answer, the page says who would
    be added; `ask` makes it the form of that page.
    """

    file = CsvField(label=gettext_lazy("CSV file"), longest=LONGEST)
    text = forms.CharField(
        label=gettext_lazy("Or its text"),
        required=False,
        strip=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
    )
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None,
        files: MultiValueDict[str, UploadedFile[bytes]] | None,
        *,
        account: Account,
    ) -> None:
        super().__init__(data, files)
        self._account = account
        self.newcomers: list[Newcomer] = []
        self.problems: list[Problem] = []
        self.helper = laid_out("file", "text", confirm=_("Check"))

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if self.errors:
            return cleaned
        cleaned["text"] = cleaned["file"] or cleaned["text"]
        if not cleaned["text"].strip():
            raise forms.ValidationError(_("Choose a file, or paste its text."))
        self._read(cleaned["text"])
        if self.problems:
            # Of a file as well: it can be mended on the page.
            self.data = {"text": cleaned["text"]}
            count = len(self.problems)
            raise forms.ValidationError(
                ngettext(
                    "Nothing was added: %(count)d thing is wrong.",
                    "Nothing was added: %(count)d things are wrong.",
                    count,
                )
                % {"count": count}
            )
        return cleaned

    @property
    def is_confirmed(self) -> bool:
        return bool(self.cleaned_data["confirmed"])

    def ask(self) -> None:
        """Keep the text, out of sight, behind a button that goes ahead."""
        self.data = {"text": self.cleaned_data["text"], "confirmed": "yes"}
        del self.fields["file"]
        self.fields["text"].widget = forms.HiddenInput()
        self.helper = laid_out("text", "confirmed", confirm=_("Add them"))

    def with_passwords(self) -> list[Newcomer]:
        """Return all newcomers, with a password for those who have none yet."""
        return [
            each if each.password else replace(each, password=credentials.generate())
            for each in self.newcomers
        ]

    def _read(self, text: str) -> None:
        lines: dict[str, int] = {}
        try:
            for number, values in self._lines(text):
                form = LineForm(values)
                if not form.is_valid():
                    self._note(number, form)
                    continue
                newcomer = form.newcomer()
                key = newcomer.login.lower()
                if key in lines:
                    self._fault(number, "login", _("Line %d has it already.") % lines[key])
                lines.setdefault(key, number)
                self.newcomers.append(newcomer)
        except csv.Error as unreadable:
            self._fault(1, "", _("This is no CSV file: %s.") % unreadable)
        self._judge_as_a_whole(lines)

    def _lines(self, text: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each line that is not empty as a column's values; faults of the form are noted."""
        columns: list[str] = []
        for line, cells in csv_rows(text):
            if not columns:
                columns = [cell.strip().lower() for cell in cells]
                if not self._are_known(columns, line=line):
                    return
            elif len(cells) > len(columns):
                self._fault(line, "", _("It has more cells than the first line."))
            else:
                yield line, dict(zip(columns, cells, strict=False))

    def _are_known(self, columns: Sequence[str], *, line: int) -> bool:
        before = len(self.problems)
        if "login" not in columns:
            self._fault(line, "login", _("The first line must name the columns, and this one."))
        for column in columns:
            if column not in COLUMNS:
                known = ", ".join(COLUMNS)
                self._fault(line, column, _("There is no such column. Known are %s.") % known)
            elif columns.count(column) > 1:
                self._fault(line, column, _("It stands there twice."))
        return len(self.problems) == before

    def _judge_as_a_whole(self, lines: Mapping[str, int]) -> None:
        for login in sorted(user_imports.taken(self._account, lines), key=lines.__getitem__):
            text = _("The account has an API user of that name already.")
            self._fault(lines[login], "login", text)
        if not self.problems and not self.newcomers:
            self._fault(1, "", _("There is nobody in it."))
        if len(self.newcomers) > user_imports.MOST:
            text = _("At most %d users can be added at once. Divide the file.") % user_imports.MOST
            self._fault(1, "", text)
        left = self._account.wallet.spendable
        if (quotas := user_imports.quotas_of(self.newcomers)) > left:
            self._fault(1, "quota", _too_much(quotas, left=left))
        self.problems.sort(key=lambda problem: problem.line)

    def _note(self, line: int, form: LineForm) -> None:
        for column, texts in form.errors.items():
            for text in texts:
                self._fault(line, column, str(text))

    def _fault(self, line: int, column: str, text: str) -> None:
        self.problems.append(Problem(line=line, column=column, text=text))


def _too_much(quotas: Decimal, *, left: Decimal) -> str:
    text = _("All quotas together are %(quotas)s credits; the account has %(left)s left.")
    return text % {"quotas": shown_credits(quotas), "left": shown_credits(left)}
