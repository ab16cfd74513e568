"""The form that says when somebody is told of falling credits, and how."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from crispy_bootstrap5.bootstrap5 import Switch
from crispy_forms.bootstrap import StrictButton
from crispy_forms.layout import HTML, Div
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import limits
from sms_accounts.forms.credits import credits_field
from sms_accounts.forms.layout import Details, laid_out
from sms_accounts.forms.numbers import international
from sms_accounts.models import Account, ApiUser, Notification
from sms_accounts.models.fields import HUNDREDTH, MOST_CREDITS
from sms_accounts.spending import Outlook
from sms_accounts.templatetags.panel import shown_credits

Support = ApiUser.Support
Channel = Notification.Channel

MOST_LEVELS = 5
MOST_REMINDER_DAYS = 90
RARE = ("levels", "reminder_days", "quiet_from", "quiet_until", "all_clear")


class LimitForm(forms.Form):
    """A limit; when it is valid, `limit()` returns it.

    Switched off, nothing is required and what stands in the other fields is kept. Pressed with
    "Send a test", all is required that the test needs, and nothing is to be stored.
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
    levels = forms.CharField(label=gettext_lazy("Further levels"), required=False, max_length=100)
    reminder_days = forms.IntegerField(
        label=gettext_lazy("Days between reminders"),
        required=False,
        validators=[
            validator(limit, gettext_lazy("Enter days from 1 to 90, or nothing."))
            for validator, limit in ((MinValueValidator, 1), (MaxValueValidator, 90))
        ],
        error_messages={"invalid": gettext_lazy("Enter days from 1 to 90, or nothing.")},
        widget=forms.NumberInput(attrs={"min": 1, "max": MOST_REMINDER_DAYS}),
        help_text=gettext_lazy("As long as the credits are no higher. Empty: no reminders."),
    )
    quiet_from = forms.TimeField(
        label=gettext_lazy("No SMS from"),
        required=False,
        error_messages={"invalid": gettext_lazy("Enter a time such as 22:00.")},
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    quiet_until = forms.TimeField(
        label=gettext_lazy("No SMS until"),
        required=False,
        error_messages={"invalid": gettext_lazy("Enter a time such as 07:00.")},
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    all_clear = forms.BooleanField(
        label=gettext_lazy("Tell me too when the credits are above the level again"),
        required=False,
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        subject: ApiUser | Account,
        own_email: str,
        outlook: Outlook | None,
    ) -> None:
        stored = limits.limit_of(subject)
        super().__init__(
            data,
            initial={
                "enabled": stored.enabled,
                "threshold": stored.threshold,
                "support": stored.support,
                "email": stored.email or own_email,
                "number": f"+{stored.msisdn}" if stored.msisdn else "",
                "levels": ", ".join(stored.levels),
                "reminder_days": stored.reminder_days,
                "quiet_from": stored.quiet_from,
                "quiet_until": stored.quiet_until,
                "all_clear": stored.all_clear,
            },
        )
        self._is_account = isinstance(subject, Account)
        self.is_test = bool(data and "test" in data)
        account = subject if isinstance(subject, Account) else subject.account
        self.fields["threshold"].help_text = _left(subject, outlook)
        self.fields["levels"].help_text = (
            _("Beside the threshold: up to 5 figures, such as 50, 12.50.")
            if self._is_account
            else _("Beside the threshold: up to 5 figures, or percent of the quota: 50%, 20%, 5.")
        )
        self.fields["quiet_until"].help_text = _(
            "In the time zone %(zone)s. The email goes at once; the SMS goes when these hours end, "
            "unless the credits are back by then."
        ) % {"zone": account.time_zone}
        self.helper = laid_out(
            Switch("enabled"),
            "threshold",
            "support",
            Div("email", css_class="for-email"),
            Div("number", css_class="for-sms"),
            Div(
                StrictButton(
                    _("Send a test"),
                    type="submit",
                    name="test",
                    value="1",
                    css_class="btn-secondary",
                ),
                HTML('{% include "sms/test_alert_hint.html" %}'),
                css_class="test-alert",
            ),
            Details(
                gettext_lazy("More: further levels, reminders, quiet hours, all-clear"),
                "levels",
                "reminder_days",
                Div("quiet_from", "quiet_until", css_class="for-sms"),
                Switch("all_clear"),
            ),
            css_class="limit-form",
        )

    @property
    def has_more(self) -> bool:
        """Whether what few use is used here, or was filled in wrongly: then it stands open."""
        return any(self[name].errors or self[name].value() for name in RARE)

    def clean_number(self) -> str:
        return international(self.cleaned_data["number"])

    def clean_levels(self) -> tuple[str, ...]:
        typed = re.sub(r"\s+%", "%", self.cleaned_data["levels"])
        found = [_level(word) for word in re.split(r"[\s,;]+", typed) if word]
        if any(level is None or (self._is_account and "%" in level) for level in found):
            raise forms.ValidationError(
                _("Enter credits such as 50, 12.50.")
                if self._is_account
                else _("Enter percent from 1% to 99%, or credits, such as 50%, 20%, 12.50.")
            )
        levels = list(dict.fromkeys(level for level in found if level is not None))
        if len(levels) > MOST_LEVELS:
            raise forms.ValidationError(_("Enter at most 5 levels."))
        return tuple(levels)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        begins, ends = cleaned.get("quiet_from"), cleaned.get("quiet_until")
        if (begins is None) != (ends is None) and not self.errors:
            self.add_error(
                "quiet_from" if begins is None else "quiet_until",
                _("Enter both times of the quiet hours, or neither."),
            )
        if not cleaned.get("enabled") and not self.is_test:
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
            **{name: self.cleaned_data[name] for name in RARE},
        )

    def test_addresses(self) -> dict[Notification.Channel, str]:
        """Return where a test goes, as it was typed."""
        addresses = {}
        if self.cleaned_data["support"] != Support.SMS:
            addresses[Channel.EMAIL] = self.cleaned_data["email"]
        if self.cleaned_data["support"] != Support.EMAIL:
            addresses[Channel.SMS] = self.cleaned_data["number"]
        return addresses


def _left(subject: ApiUser | Account, outlook: Outlook | None) -> str:
    text = (
        _("The account can still spend %(credits)s now.")
        if isinstance(subject, Account)
        else _("This user can still spend %(credits)s now.")
    ) % {"credits": shown_credits(subject.wallet.spendable)}
    if outlook is None:
        return text
    return _("%(text)s At the pace of %(basis)s, that lasts %(span)s.") % {
        "text": text,
        "basis": outlook.basis,
        "span": outlook.span,
    }


def _level(typed: str) -> str | None:
    """Return a level as it is stored, "50%" or "12.50"; None where it is neither."""
    if match := re.fullmatch(r"0*([1-9][0-9]?)%", typed):
        return f"{match[1]}%"
    try:
        credits = Decimal(typed)
    except InvalidOperation:
        return None
    if not credits.is_finite() or not 0 <= credits <= MOST_CREDITS:
        return None
    return f"{credits.quantize(HUNDREDTH)}" if credits == round(credits, 2) else None
