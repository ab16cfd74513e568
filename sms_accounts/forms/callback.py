"""The form of the URL that hears of each change of a message's state."""

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from sms_accounts import outbound
from sms_accounts.forms.layout import laid_out


class CallbackForm(forms.Form):
    """One URL, or none."""

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

    def __init__(self, data: QueryDict | None, *, url: str) -> None:
        super().__init__(data, initial={"url": url})
        self.helper = laid_out("url")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if not url:
            return ""
        try:
            outbound.check_url(url, trusted=settings.CALLBACK_TRUSTED_NETWORKS)
        except outbound.NotAllowed as refused:
            # `outbound` knows no Django; its sentences are marked for translation by that name.
            raise forms.ValidationError(gettext(refused.refusal.value)) from None
        return url
