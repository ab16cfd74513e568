"""The form that says when an API user's alert goes out, and to whom."""

from decimal import Decimal
from typing import Any

from crispy_bootstrap5.bootstrap5 import Switch
from crispy_forms.layout import Div
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import limits, msisdn
from sms_accounts.forms.credits import credits_field
from sms_accounts.forms.layout import laid_out
from sms_accounts.models import ApiUser
from sms_accounts.templatetags.panel import shown_credits

Support = ApiUser.Support


class LimitForm(forms.Form):
    """A limit; when it is valid, `limit()` returns it.

    Switched off, nothing is required and what stands in the other fields is kept.
    """

    enabled = forms.BooleanField(
        label=gettext_lazy("Enable alert?"),
        required=False,
        help_text=gettext_lazy(
            "At or below the threshold, one alert for each time the level falls to it; the next "
            "one only after it has been above again. A threshold already reached alerts once."
        ),
    )
    threshold = credits_field(
        gettext_lazy("Alert threshold"),
        least=1,
        accepted=gettext_lazy("Enter credits from 1, with at most two decimals, such as 20."),
    )
    support = forms.ChoiceField(label=gettext_lazy("Notification"), choices=Support.choices)
    email = forms.EmailField(
        label=gettext_lazy("Email"),
        required=False,
        max_length=254,
        error_messages={
            "invalid": gettext_lazy("Enter one e-mail address, such as name@example.com.")
        },
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    number = forms.CharField(
        label=gettext_lazy("Number"),
        required=False,
        max_length=40,
        widget=forms.TextInput(
            attrs={"type": "tel", "autocomplete": "tel", "placeholder": "+33 6 39 98 00 04"}
        ),
        help_text=gettext_lazy(
            "In international format. The SMS is paid by the account's credits, never by a quota."
        ),
    )

    def __init__(
        self, data: QueryDict | None, *, api_user: ApiUser, spendable: Decimal, own_email: str
    ) -> None:
        super().__init__(
            data,
            initial={
                "enabled": api_user.alert_enabled,
                "threshold": api_user.alert_threshold,
                "support": api_user.alert_support,
                "email": api_user.alert_email or own_email,
                "number": f"+{api_user.alert_msisdn}" if api_user.alert_msisdn else "",
            },
        )
        self.fields["threshold"].help_text = _("This user can still spend %(credits)s now.") % {
            "credits": shown_credits(spendable)
        }
        self.helper = laid_out(
            Switch("enabled"),
            "threshold",
            "support",
            Div("email", css_class="for-email"),
            Div("number", css_class="for-sms"),
            css_class="limit-form",
        )

    def clean_number(self) -> str:
        typed: str = self.cleaned_data["number"]
        if not typed:
            return ""
        try:
            return msisdn.parse(typed)
        except msisdn.NotANumber:
            raise forms.ValidationError(
                _("Enter the number in international format, such as +33 6 39 98 00 04.")
            ) from None

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if not cleaned.get("enabled"):
            return cleaned
        support = cleaned.get("support")
        needed = {
            "threshold": _("Enter the threshold, or switch the alert off."),
            "email": _("Enter the address that the alert goes to."),
            "number": _("Enter the number that the alert goes to."),
        }
        if support == Support.SMS:
            del needed["email"]
        if support == Support.EMAIL:
            del needed["number"]
        for name, missing in needed.items():
            if not self.errors.get(name) and cleaned.get(name) in (None, ""):
                self.add_error(name, missing)
        return cleaned

    def limit(self) -> limits.Limit:
        """Return the limit that was typed."""
        return limits.Limit(
            enabled=self.cleaned_data["enabled"],
            threshold=self.cleaned_data["threshold"],
            support=self.cleaned_data["support"],
            email=self.cleaned_data["email"],
            msisdn=self.cleaned_data["number"],
        )
