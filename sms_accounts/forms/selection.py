"""The forms that change the quota or the limit of several API users: first asked, then done."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from crispy_bootstrap5.bootstrap5 import Switch
from crispy_forms.layout import Div
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.credits import credits_field
from sms_accounts.forms.layout import laid_out
from sms_accounts.forms.numbers import international
from sms_accounts.models import ApiUser
from sms_accounts.selections import LimitChange

_LONGEST_KEY = 18


def keys_in(texts: Sequence[str]) -> list[int]:
    """Return the keys among these texts, each of which may hold several with commas between."""
    words = [word for text in texts for word in text.split(",")]
    return [
        int(word)
        for word in dict.fromkeys(words)
        if word.isascii() and word.isdecimal() and len(word) <= _LONGEST_KEY
    ]


class SelectionForm(forms.Form):
    """What both have: the users, in one field however many they are, and the answer.

    Sent without the answer, the page says what will happen; `ask` makes it the form of that
    page.
    """

    users = forms.CharField(widget=forms.HiddenInput, max_length=20_000)
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    def ask(self) -> None:
        """Keep what was typed, out of sight, behind a button that goes ahead."""
        self.data = {**dict(self.data.items()), "confirmed": "yes"}
        for field in self.fields.values():
            field.widget = forms.HiddenInput()
        self.helper = laid_out(*self.fields, confirm=_("Change them"))

    @property
    def is_confirmed(self) -> bool:
        return bool(self.cleaned_data["confirmed"])


class SelectedQuotaForm(SelectionForm):
    """A quota for each: `cleaned_data["quota"]` is None where the switch is off."""

    enabled = forms.BooleanField(
        label=gettext_lazy("Enable quota?"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Without a quota they spend the account's credits."),
    )
    quota = credits_field(
        gettext_lazy("New quota of each"),
        least=0,
        accepted=gettext_lazy("Enter credits from 0, with at most two decimals, such as 12.50."),
    )

    def __init__(self, data: QueryDict | None, *, users: str) -> None:
        super().__init__(data, initial={"users": users})
        self.helper = laid_out(
            "users", Switch("enabled"), "quota", confirm=_("See first"), css_class="quota-form"
        )

    def clean_quota(self) -> Decimal | None:
        quota: Decimal | None = self.cleaned_data["quota"]
        if not self.cleaned_data["enabled"]:
            return None
        if quota is None:
            raise forms.ValidationError(_("Enter the new quota, or switch the quotas off."))
        return quota


class SelectedLimitForm(SelectionForm):
    """A limit for each; what is left empty each keeps as it has it."""

    enabled = forms.BooleanField(
        label=gettext_lazy("Enable alert?"),
        required=False,
        initial=True,
        help_text=gettext_lazy("A threshold that is new and reached already alerts once."),
    )
    threshold = credits_field(
        gettext_lazy("Alert threshold"),
        least=1,
        accepted=gettext_lazy("Enter credits from 1, with at most two decimals, such as 20."),
    )
    support = forms.ChoiceField(
        label=gettext_lazy("Notification"),
        required=False,
        choices=[("", gettext_lazy("As each has it")), *ApiUser.Support.choices],
    )
    email = forms.EmailField(
        label=gettext_lazy("Email"),
        required=False,
        max_length=254,
        error_messages={
            "invalid": gettext_lazy("Enter one e-mail address, such as name@example.com.")
        },
        help_text=gettext_lazy("Empty: each keeps its own."),
    )
    number = forms.CharField(
        label=gettext_lazy("Number"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "placeholder": "+33 6 39 98 00 04"}),
        help_text=gettext_lazy("In international format. Empty: each keeps its own."),
    )

    def __init__(self, data: QueryDict | None, *, users: str) -> None:
        super().__init__(data, initial={"users": users})
        self.fields["threshold"].help_text = _("Empty: each keeps its own.")
        self.helper = laid_out(
            "users",
            Switch("enabled"),
            "threshold",
            "support",
            Div("email", css_class="for-email"),
            Div("number", css_class="for-sms"),
            confirm=_("See first"),
            css_class="limit-form",
        )

    def clean_number(self) -> str:
        return international(self.cleaned_data["number"])

    def change(self) -> LimitChange:
        typed: dict[str, Any] = self.cleaned_data
        return LimitChange(
            enabled=typed["enabled"],
            threshold=typed["threshold"],
            support=typed["support"],
            email=typed["email"],
            msisdn=typed["number"],
        )
