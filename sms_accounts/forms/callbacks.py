"""The forms of the tab of callbacks: which ones are shown, and since when to send again."""

from datetime import datetime, timedelta
from typing import Any

from crispy_forms.bootstrap import StrictButton
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Layout
from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.layout import in_a_row, laid_out
from sms_accounts.forms.users import ApiUserField, OfferedUsers, offer_users

_ALL = [("", gettext_lazy("All"))]
_OUTCOMES = [
    ("waiting", gettext_lazy("Waiting")),
    ("done", gettext_lazy("Done")),
    ("failed", gettext_lazy("Given up")),
]


class _Moment(forms.DateTimeField):
    """A moment to the minute, in the account's time zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, *, label: Any, required: bool = False, help_text: Any = "") -> None:
        super().__init__(
            label=label,
            required=required,
            help_text=help_text,
            error_messages={
                "invalid": gettext_lazy("Enter a date and a time, such as 2026-01-31 12:50."),
                "required": gettext_lazy("Enter a date and a time, such as 2026-01-31 12:50."),
            },
        )


class FilterForm(forms.Form):
    """Which callbacks are shown. A value that cannot be read leaves nothing out."""

    user = ApiUserField()
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"), choices=[*_ALL, *_OUTCOMES], required=False
    )
    since = _Moment(label=gettext_lazy("Changed since"))
    until = _Moment(label=gettext_lazy("Changed until"))

    def __init__(self, data: QueryDict, *, users: OfferedUsers) -> None:
        typed = {name: str(value).replace("\0", "") for name, value in data.items()}
        super().__init__(typed, auto_id="filter_%s")
        offer_users(self, "user", users, with_deleted=True)
        self.helper = in_a_row("user", "outcome", "since", "until")
        self.is_valid()


class ReplayForm(forms.Form):
    """Since when all that failed is sent again, of one user or of all."""

    replay_user = ApiUserField()
    replay_since = _Moment(label=gettext_lazy("Send all again that failed since"), required=True)

    def __init__(self, data: QueryDict | None, *, users: OfferedUsers, login: str) -> None:
        super().__init__(
            data,
            initial={
                "replay_since": timezone.localtime() - timedelta(days=1),
                "replay_user": login,
            },
        )
        offer_users(self, "replay_user", users)
        self.helper = FormHelper()
        self.helper.form_class = "filter-form"
        self.helper.attrs = {"novalidate": ""}
        button = StrictButton(_("Send all again"), type="submit", css_class="btn-primary")
        self.helper.layout = Layout(Div("replay_user", "replay_since", button))

    def clean_replay_since(self) -> datetime:
        since: datetime = self.cleaned_data["replay_since"]
        if since > timezone.now():
            raise forms.ValidationError(_("Enter a moment that is over."))
        return since


class SecretForm(forms.Form):
    """Confirms that a secret is made, or that calls are signed no longer (`ends`)."""

    def __init__(self, data: QueryDict | None, *, has_secret: bool) -> None:
        super().__init__(data)
        self.helper = laid_out(confirm=_("Make a new secret") if has_secret else _("Make a secret"))
        if has_secret:
            self.helper.layout[-1].fields.append(
                StrictButton(
                    _("Stop signing"),
                    type="submit",
                    name="end",
                    value="1",
                    css_class="btn-danger order-first me-auto",
                )
            )
        self.ends = data is not None and "end" in data
