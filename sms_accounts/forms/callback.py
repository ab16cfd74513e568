"""The form of the URL that hears of each change of a message's state."""

from crispy_forms.bootstrap import StrictButton
from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from sms_accounts import outbound_urls
from sms_accounts.forms.layout import laid_out
from sms_accounts.models import ApiUser

# The button that tries the URL instead of saving it.
TEST = "test"


class CallbackForm(forms.Form):
    """One URL, or none, and how it is called."""

    url = forms.CharField(
        label=gettext_lazy("Callback URL"),
        required=False,
        # The longest URL is `outbound`'s to judge, with the other rules, in one sentence each.
        widget=forms.TextInput(
            attrs={
                "type": "url",
                "inputmode": "url",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "https://www.example.com/dlr",
            }
        ),
        help_text=gettext_lazy(
            "Starts with http:// or https://. Leave it empty for no callback at all."
        ),
    )

    method = forms.ChoiceField(
        label=gettext_lazy("How it is called"),
        choices=ApiUser.CallbackMethod.choices,
        required=False,
    )

    def __init__(self, data: QueryDict | None, *, url: str, method: str) -> None:
        super().__init__(data, initial={"url": url, "method": method})
        self.helper = laid_out("url", "method")
        # After the button that saves, which is the one that Enter presses; shown before it.
        self.helper.layout[-1].fields.append(
            StrictButton(
                gettext("Test"),
                type="submit",
                name=TEST,
                value="1",
                css_class="btn-secondary order-first me-auto",
            )
        )
        self.is_test = data is not None and TEST in data

    def clean_method(self) -> str:
        # Scripts that post this form with the URL alone mean what there was.
        method: str = self.cleaned_data["method"] or self.initial["method"]
        return method

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if not url and self.is_test:
            raise forms.ValidationError(gettext("Enter the URL that is to be tried."))
        if not url:
            return ""
        try:
            outbound_urls.check_url(url, trusted=settings.CALLBACK_TRUSTED_NETWORKS)
        except outbound_urls.NotAllowed as refused:
            # `outbound` knows no Django; its sentences are marked for translation by that name.
            raise forms.ValidationError(gettext(refused.refusal.value)) from None
        return url
