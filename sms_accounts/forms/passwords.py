"""Forms that set an API user's password: for a new user, and for one that exists."""

from collections.abc import Mapping
from datetime import timedelta

from django import forms
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from sms_accounts import credentials
from sms_accounts.api_users import KeepFormer
from sms_accounts.forms.layout import laid_out
from sms_accounts.models.api_user import LOGIN

_AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}

AT_ONCE = "no"
_KEEPING: Mapping[str, tuple[StrOrPromise, KeepFormer | None]] = {
    AT_ONCE: (_("Stops at once"), None),
    "hour": (_("Works for 1 hour more"), KeepFormer(timedelta(hours=1))),
    "day": (_("Works for 1 day more"), KeepFormer(timedelta(days=1))),
    "week": (_("Works for 7 days more"), KeepFormer(timedelta(days=7))),
    "month": (_("Works for 30 days more"), KeepFormer(timedelta(days=30))),
    "open": (_("Works until I stop it"), KeepFormer(None)),
}


def _password_field(label: StrOrPromise) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        validators=[
            RegexValidator(
                rf"\A[A-Za-z0-9]{{{credentials.SHORTEST},{credentials.LONGEST}}}\Z",
                _("Use 8 to 64 letters and digits, nothing else."),
            )
        ],
        # Shown in clear: it has to be noted for the script, and is never shown again later.
        widget=forms.TextInput(attrs={**_AS_TYPED, "class": "mono"}),
        help_text=_(
            "8 to 64 letters and digits. This one was generated for you; type another if you like."
        ),
    )


class AddForm(forms.Form):
    """Login and password of a new API user."""

    login = forms.CharField(
        label=_("ID"),
        max_length=40,
        validators=[LOGIN],
        error_messages={"max_length": LOGIN.message},
        widget=forms.TextInput(attrs=_AS_TYPED),
        help_text=_("The script signs in with it. A word, a number or an e-mail address."),
    )
    password = _password_field(_("Password"))

    def __init__(self, data: QueryDict | None) -> None:
        super().__init__(data, initial={"password": credentials.generate()})
        self.helper = laid_out("login", "password")


class PasswordForm(forms.Form):
    """A new password for an API user, and what becomes of the old one."""

    login = forms.CharField(label=_("ID"), disabled=True, required=False)
    password = _password_field(_("New password"))
    keep_former = forms.TypedChoiceField(
        label=_("Old password"),
        choices=[(name, label) for name, (label, _keep) in _KEEPING.items()],
        required=False,
        empty_value=AT_ONCE,
        help_text=_(
            "While both work, scripts can change over one after the other. A password older than "
            "the old one stops at once in any case: two work, never three."
        ),
    )

    def __init__(self, data: QueryDict | None, *, login: str) -> None:
        super().__init__(
            data,
            initial={
                "login": login,
                "password": credentials.generate(),
                "keep_former": AT_ONCE,
            },
        )
        # A field that is read-only can be reached, read and copied; a disabled one cannot.
        widget = self.fields["login"].widget
        widget.attrs |= {"readonly": True}
        self.helper = laid_out("login", "password", "keep_former")

    def keeping(self) -> KeepFormer | None:
        """Return for how long the old password is to go on working, None for not at all."""
        _label, keep = _KEEPING[self.cleaned_data["keep_former"]]
        return keep
