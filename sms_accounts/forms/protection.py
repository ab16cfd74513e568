"""The form that says how an API user may sign in, how fast it may send, and where to."""

import re

from crispy_bootstrap5.bootstrap5 import Switch
from crispy_forms.layout import HTML
from django import forms
from django.http import QueryDict
from django.utils.text import get_text_list
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from sms_accounts import countries
from sms_accounts.api_users import Protection
from sms_accounts.forms.layout import laid_out

MOST_A_MINUTE = 1_000_000
# More would bury the fields.
MOST_UNKNOWN_TOLD = 5
_APART = re.compile(r"[,;\n]")
_A_MINUTE = gettext_lazy("Enter a whole number from 1 to 1,000,000, or nothing for no limit.")


class ProtectionForm(forms.Form):
    """A protection; when it is valid, `protection()` returns it."""

    refuses_url_passwords = forms.BooleanField(
        label=gettext_lazy("Refuse passwords in URLs"),
        required=False,
        help_text=gettext_lazy(
            "Servers on the way may write URLs down. Scripts then send the password in the body "
            "of a POST or by HTTP Basic; calls with it in the URL are refused."
        ),
    )
    messages_a_minute = forms.IntegerField(
        label=gettext_lazy("Messages a minute"),
        required=False,
        min_value=1,
        max_value=MOST_A_MINUTE,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), _A_MINUTE),
        help_text=gettext_lazy("The most that this user may send. Empty: no limit."),
    )
    countries = forms.CharField(
        label=gettext_lazy("Countries"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Where this user may send to. Names or two letters with commas between them, such as "
            "Belgium, FR. Empty: everywhere."
        ),
    )

    def __init__(self, data: QueryDict | None, *, stored: Protection) -> None:
        names = sorted(countries.name_of(country, _language()) for country in stored.countries)
        super().__init__(
            data,
            initial={
                "refuses_url_passwords": stored.refuses_url_passwords,
                "messages_a_minute": stored.messages_a_minute,
                "countries": ", ".join(names),
            },
        )
        self.helper = laid_out(
            Switch("refuses_url_passwords"),
            HTML('{% include "sms/api_users/url_uses.html" %}'),
            "messages_a_minute",
            "countries",
        )

    def clean_countries(self) -> tuple[str, ...]:
        found, unknown = set(), []
        for typed in filter(None, map(str.strip, _APART.split(self.cleaned_data["countries"]))):
            try:
                found.add(countries.parse(typed, _language()))
            except countries.UnknownCountry as nowhere:
                unknown.append(_unknown(nowhere))
                if len(unknown) == MOST_UNKNOWN_TOLD:
                    break
        if unknown:
            raise forms.ValidationError(unknown)
        return tuple(sorted(found))

    def protection(self) -> Protection:
        return Protection(
            refuses_url_passwords=self.cleaned_data["refuses_url_passwords"],
            messages_a_minute=self.cleaned_data["messages_a_minute"],
            countries=self.cleaned_data["countries"],
        )


def _language() -> str:
    return get_language() or "en"


def _unknown(nowhere: countries.UnknownCountry) -> str:
    if not nowhere.suggestions:
        return _("“%(typed)s” is no country. Write its name or its two letters, such as FR.") % {
            "typed": nowhere
        }
    return _("“%(typed)s” is no country. Is it %(suggestions)s?") % {
        "typed": nowhere,
        "suggestions": get_text_list(list(nowhere.suggestions), _("or")),
    }
