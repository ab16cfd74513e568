"""The form of the texts that an account's alerts go out with, by email and by SMS."""

import re
from collections.abc import Mapping
from typing import Any

from crispy_bootstrap5.bootstrap5 import Switch
from crispy_forms.layout import HTML, Div
from django import forms
from django.http import QueryDict
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import alert_texts
from sms_accounts.forms.layout import laid_out
from sms_accounts.models import AlertTexts

LONGEST_SMS = 70
_MISSING: Mapping[str, Mapping[str, Any]] = {
    "email_customised": {
        "email_from": gettext_lazy("Enter the address that the email comes from."),
        "email_subject": gettext_lazy("Enter the subject, or switch your own email text off."),
        "email_body": gettext_lazy("Enter the text, or switch your own email text off."),
    },
    "sms_customised": {
        "sms_text": gettext_lazy("Enter the text, or switch your own SMS text off.")
    },
}


class AlertTextsForm(forms.Form):
    """Email text and SMS text, each behind a switch; `texts()` returns fields of AlertTexts."""

    email_customised = forms.BooleanField(
        label=gettext_lazy("Use my own email text"), required=False
    )
    email_from = forms.EmailField(
        label=gettext_lazy("From"),
        required=False,
        max_length=254,
        error_messages={
            "invalid": gettext_lazy("Enter one e-mail address, such as alerts@example.com.")
        },
    )
    email_subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=150)
    email_body = forms.CharField(
        label=gettext_lazy("Body"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 9}),
    )
    sms_customised = forms.BooleanField(label=gettext_lazy("Use my own SMS text"), required=False)
    sms_text = forms.CharField(
        label=gettext_lazy("Text"),
        required=False,
        # The length is checked below, where a line break is one character as it is on a phone.
        widget=forms.Textarea(attrs={"rows": 3, "data-count": LONGEST_SMS}),
        help_text=gettext_lazy("At most 70 characters, before the variables are filled in."),
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        stored: AlertTexts,
        ours: alert_texts.Defaults,
        own_email: str,
    ) -> None:
        # One's own text starts from ours.
        initial: dict[str, object] = {
            "email_subject": stored.email_subject or ours.subject,
            "email_body": stored.email_body or ours.body,
            "sms_text": stored.sms_text or ours.sms,
        }
        initial |= {
            "email_customised": stored.email_customised,
            "email_from": stored.email_from or own_email,
            "sms_customised": stored.sms_customised,
        }
        super().__init__(data, initial=initial)
        self._stored = stored
        self.helper = laid_out(
            Div(
                Switch("email_customised"),
                HTML('{% include "sms/default_email.html" %}'),
                Div("email_from", "email_subject", "email_body", css_class="own-text"),
                css_class="own-text-choice",
            ),
            Div(
                Switch("sms_customised"),
                HTML('{% include "sms/default_sms.html" %}'),
                Div("sms_text", css_class="own-text"),
                css_class="own-text-choice",
            ),
            HTML('{% include "sms/alert_preview_region.html" %}'),
            css_class="alert-texts-form",
        )

    def as_typed(self) -> AlertTexts:
        """Return the texts as they stand in the form, right or not; nothing is stored."""
        typed = {name: self[name].value() or "" for name in self.fields}
        for name in ("email_body", "sms_text"):
            typed[name] = _with_plain_line_breaks(typed[name])
        for name in _MISSING:
            typed[name] = bool(typed[name])
        return AlertTexts(**typed)

    def clean_email_subject(self) -> str:
        # French has no-break spaces before some signs; a header has plain ones.
        subject = re.sub("[\u00a0\u202f]", " ", self.cleaned_data["email_subject"])
        if not subject.isprintable():
            raise forms.ValidationError(_("The subject is one line, without control characters."))
        return _with_known_variables(subject)

    def clean_email_body(self) -> str:
        body = _with_plain_line_breaks(self.cleaned_data["email_body"])
        if len(body) > 5000:
            raise forms.ValidationError(_("The text may have at most 5,000 characters."))
        return _with_known_variables(body)

    def clean_sms_text(self) -> str:
        text = _with_plain_line_breaks(self.cleaned_data["sms_text"])
        if len(text) > LONGEST_SMS:
            raise forms.ValidationError(
                _("The text may have at most %(most)s characters; it has %(has)s.")
                % {"most": LONGEST_SMS, "has": len(text)}
            )
        return _with_known_variables(text)

    def clean(self) -> dict[str, Any]:
        for switch, fields in _MISSING.items():
            if not self.cleaned_data.get(switch):
                continue
            for name, missing in fields.items():
                if not self.errors.get(name) and not self.cleaned_data.get(name, "").strip():
                    self.add_error(name, missing)
        return self.cleaned_data

    def texts(self) -> dict[str, object]:
        """Return what was typed. Behind a switch that is off, our own words stay ours."""
        texts = dict(self.cleaned_data)
        for switch, fields in _MISSING.items():
            for name in fields:
                if not texts[switch] and texts[name] == self.initial[name]:
                    texts[name] = getattr(self._stored, name)
        return texts


def _with_plain_line_breaks(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _with_known_variables(text: str) -> str:
    unknown = alert_texts.unknown_variables(text)
    if unknown:
        raise forms.ValidationError(
            _("There is no variable %(unknown)s. The variables are %(known)s.")
            % {
                "unknown": get_text_list(unknown, _("or")),
                "known": get_text_list(list(alert_texts.VARIABLES), _("and")),
            }
        )
    return text
