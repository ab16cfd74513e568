"""The forms of the page for integrators: whom its programs are for, and one call to try."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast

from crispy_forms.bootstrap import StrictButton
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Layout
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import http2sms
from sms_accounts.forms.users import ApiUserField, OfferedUsers, offer_users

# Of the simulated carrier's numbers the most useful ones; docs/test-numbers.md has all.
TEST_NUMBERS: Mapping[str, Any] = {
    "33639980004": gettext_lazy("Delivered"),
    "33639981004": gettext_lazy("Delivered after 30 seconds"),
    "33639980001": gettext_lazy("Delivered after trouble with the phone"),
    "33639980003": gettext_lazy("Accepted by the operator, and never heard of again"),
    "33639980024": gettext_lazy("Expired: the subscriber is absent"),
    "33639980023": gettext_lazy("Undeliverable: wrong or barred number"),
    "33639980006": gettext_lazy("Unknown: the operator never said"),
    "33639980028": gettext_lazy("Rejected later: suspected spam"),
    "33639985020": gettext_lazy("Refused at once, and the credits come back"),
    "33639987004": gettext_lazy("Taken without an answer, delivered 10 seconds later"),
}
Choices = Sequence[tuple[str, str]]


class ChooseForm(forms.Form):
    """Whom the programs are for, and which sender they show."""

    user = ApiUserField(required=True)
    sender = forms.ChoiceField(label=gettext_lazy("Sender"))

    def __init__(
        self,
        data: Mapping[str, str] | None,
        *,
        users: OfferedUsers,
        senders: Choices,
        initial: Mapping[str, str],
    ) -> None:
        super().__init__(data, auto_id="choose_%s", initial=dict(initial))
        _offer(self, users, senders)
        self.helper = _helper(
            Div("user", "sender", StrictButton(_("Show"), type="submit", css_class="btn-secondary"))
        )
        self.helper.form_method = "get"
        self.helper.form_class = "choose-form"


class TryForm(forms.Form):
    """One call of http2sms to a test number; `parameters()` returns it when it is valid.

    Its key makes a form that is sent twice, by a reload say, one message.
    """

    user = ApiUserField(required=True)
    password = forms.CharField(
        label=gettext_lazy("Password of this user"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter the password of this API user.")},
        help_text=gettext_lazy(
            "Goes into this one call and is kept nowhere. A wrong one counts as a wrong try."
        ),
    )
    sender = forms.ChoiceField(label=gettext_lazy("Sender"))
    msisdn = forms.ChoiceField(
        label=gettext_lazy("Test number"),
        choices=[(number, f"{number} · {end}") for number, end in TEST_NUMBERS.items()],
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        initial="Hello",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": gettext_lazy("Enter the text of the SMS.")},
    )
    content_type = forms.ChoiceField(
        label=gettext_lazy("Format of the answer"),
        choices=[(known.content_type, known.content_type) for known in http2sms.FORMATS],
        initial=http2sms.JSON,
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(
        self,
        data: QueryDict | None,
        *,
        users: OfferedUsers,
        senders: Choices,
        initial: Mapping[str, str],
        cost: str,
    ) -> None:
        super().__init__(data, initial={**initial, "key": f"try-{secrets.token_hex(8)}"})
        _offer(self, users, senders)
        self.fields["msisdn"].help_text = cost
        button = StrictButton(
            _("Send"), type="submit", css_class="btn-primary", data_busy=_("Sending…")
        )
        self.helper = _helper(
            *self.fields, Div(button, css_class="form-actions"), css_class="try-form"
        )
        self.helper.form_action = "#try-it"

    def parameters(self, *, account: str) -> dict[str, str]:
        """Return the call that was put together."""
        typed = self.cleaned_data
        return http2sms.with_options(
            http2sms.form(
                account=account,
                login=typed["user"][0].login,
                password=typed["password"],
                sender=typed["sender"],
                msisdn=typed["msisdn"],
                text=typed["text"],
            ),
            content_type=typed["content_type"],
            idempotency_key=typed["key"],
        )

    def choices_made(self) -> dict[str, str]:
        """Return what the next call begins with: everything but the password and the key."""
        return {
            name: str(self.data[name])
            for name in self.cleaned_data
            if name not in ("password", "key")
        }


def _offer(form: forms.Form, users: OfferedUsers, senders: Choices) -> None:
    offer_users(form, "user", users)
    cast(forms.ChoiceField, form.fields["sender"]).choices = senders


def _helper(*layout: object, css_class: str = "") -> FormHelper:
    helper = FormHelper()
    helper.form_class = css_class
    helper.attrs = {"novalidate": ""}
    helper.layout = Layout(*layout)
    return helper
