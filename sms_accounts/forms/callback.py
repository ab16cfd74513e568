"""The form of the URLs that hear of each change of a message's state, and of each reply."""

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
# What it says where the URL for replies is to be tried.
REPLIES = "replies"


class CallbackForm(forms.Form):
    """One URL for changes and one for replies, or none, and how they are called."""

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

    replies_url = forms.CharField(
        label=gettext_lazy("URL for replies"),
        required=False,
        widget=forms.TextInput(
            attrs={
                "type": "url",
                "inputmode": "url",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "https://www.example.com/replies",
            }
        ),
        help_text=gettext_lazy(
            "Called once for each message that a phone sends back. Leave it empty to read them in "
            "Received only."
        ),
    )
    method = forms.ChoiceField(
        label=gettext_lazy("How it is called"),
        choices=ApiUser.CallbackMethod.choices,
        required=False,
    )

    def __init__(self, data: QueryDict | None, *, url: str, replies_url: str, method: str) -> None:
        initial = {"url": url, "replies_url": replies_url, "method": method}
        super().__init__(data, initial=initial)
        self.helper = laid_out("url", "replies_url", "method")
        # After the button that saves, which is the one that Enter presses; shown before it.
        self.helper.layout[-1].fields.append(
            StrictButton(
                gettext("Test"),
                type="submit",
                name=TEST,
                value="1",
                css_class="btn-secondary order-first",
            )
        )
        self.helper.layout[-1].fields.append(
            StrictButton(
                gettext("Test replies"),
                type="submit",
                name=TEST,
                value=REPLIES,
                css_class="btn-secondary order-first me-auto",
            )
        )
        self.is_test = data is not None and TEST in data
        self.is_test_of_replies = data is not None and data.get(TEST) == REPLIES

    @property
    def tried(self) -> str:
        """Return the name of the field whose URL is tried."""
        return "replies_url" if self.is_test_of_replies else "url"

    def clean_method(self) -> str:
        # Scripts that post this form with the URL alone mean what there was.
        method: str = self.cleaned_data["method"] or self.initial["method"]
        return method

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if not url and self.is_test and not self.is_test_of_replies:
            raise forms.ValidationError(gettext("Enter the URL that is to be tried."))
        return _checked(url)

    def clean_replies_url(self) -> str:
        if "replies_url" not in self.data and not self.is_test_of_replies:
            # As with the method.
            url: str = self.initial["replies_url"]
            return url
        url = self.cleaned_data["replies_url"]
        if not url and self.is_test_of_replies:
            raise forms.ValidationError(gettext("Enter the URL that is to be tried."))
        return _checked(url)


def _checked(url: str) -> str:
    """Return a URL that may be called, or none; raises ValidationError."""
    if url:
        try:
            outbound_urls.check_url(url, trusted=settings.CALLBACK_TRUSTED_NETWORKS)
        except outbound_urls.NotAllowed as refused:
            # `outbound` knows no Django; its sentences are marked for translation by that name.
            raise forms.ValidationError(gettext(refused.refusal.value)) from None
    return url
