"""The forms of the tab of senders: one to ask for, who may show it, and taking it away."""

import re

from crispy_forms.layout import Div
from django import forms
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.layout import laid_out
from sms_accounts.models import Account, ApiUser, Sender
from sms_accounts.models.routing import SENDER_NAME

# As many users stand there to be ticked; where there are more, their IDs are typed.
MOST_TICKED = 50
MOST_TYPED = 500
# More would bury the field.
MOST_UNKNOWN_TOLD = 5
_APART = re.compile(r"[\s,;]+")
# What people put between the digits of a number.
_SIGNS = str.maketrans("", "", " .-()/\u00a0")


class AskForm(forms.Form):
    """A sender to ask staff for."""

    name = forms.CharField(
        label=gettext_lazy("Sender"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Enter the sender that handsets shall show.")},
        help_text=gettext_lazy(
            "3 to 11 letters and digits, such as the name of your shop; or a number in "
            "international form, such as 33639980004, or a short code."
        ),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("What it is for, for you and your colleagues."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why it is yours"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "data-count": 500}),
        error_messages={
            "required": gettext_lazy("Say why you may use it, so that staff can decide.")
        },
        help_text=gettext_lazy(
            "Staff read this before they approve it: your company or brand, and what you send."
        ),
    )

    def __init__(self, data: QueryDict | None, *, initial: dict[str, str]) -> None:
        super().__init__(data, initial=initial)
        self.helper = laid_out("name", "description", "reason", confirm=_("Ask for it"))

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        digits = name.translate(_SIGNS).removeprefix("+").removeprefix("00")
        if digits.isascii() and digits.isdecimal():
            name = digits
        SENDER_NAME(name)
        return name

    def clean_reason(self) -> str:
        return str(self.cleaned_data["reason"]).replace("\r\n", "\n")

    def refuse(self, told: str) -> None:
        self.add_error("name", told)


class UsersForm(forms.Form):
    """Which API users may show a sender; when it is valid, `users()` returns them."""

    whose = forms.ChoiceField(
        label=gettext_lazy("Who may use it"),
        widget=forms.RadioSelect,
        choices=[
            ("all", gettext_lazy("All API users, those to come included")),
            ("some", gettext_lazy("Only the ones chosen here")),
        ],
        error_messages={"required": gettext_lazy("Choose one of the two.")},
    )

    def __init__(self, data: QueryDict | None, *, sender: Sender) -> None:
        chosen = sender.api_users.order_by(Lower("login"), "pk")
        super().__init__(data, initial={"whose": "all" if sender.is_for_all else "some"})
        present = _present(sender.account)
        # Without any box there would be no place for an error either.
        are_few = 0 < present[: MOST_TICKED + 1].count() <= MOST_TICKED
        self.fields["users"] = (
            _ticked(present, chosen) if are_few else _typed(sender.account, chosen)
        )
        self.helper = laid_out("whose", Div("users", css_class="ticks"))

    def clean(self) -> None:
        if self.cleaned_data.get("whose") != "some" or self.errors.get("users"):
            return
        if not self.cleaned_data.get("users"):
            self.add_error("users", _("Choose at least one API user, or all of them above."))

    def users(self) -> list[ApiUser] | None:
        """Return who may use it; None for all."""
        if self.cleaned_data["whose"] == "all":
            return None
        return list(self.cleaned_data["users"])


def _present(account: Account) -> QuerySet[ApiUser]:
    return ApiUser.objects.present().filter(account=account).order_by(Lower("login"), "pk")


def _ticked(present: QuerySet[ApiUser], chosen: QuerySet[ApiUser]) -> forms.Field:
    return forms.ModelMultipleChoiceField(
        present,
        label=_("API users"),
        required=False,
        initial=chosen,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": _("One of these was deleted meanwhile. Look through the list again."),
            "invalid_pk_value": _("One of these is no API user of this account."),
        },
    )


def _typed(account: Account, chosen: QuerySet[ApiUser]) -> forms.Field:
    initial = "\n".join(chosen.values_list("login", flat=True)[:MOST_TYPED])
    return _LoginsField(account, initial=initial)


class _LoginsField(forms.CharField):
    """IDs of API users, with whatever between them."""

    def __init__(self, account: Account, *, initial: str) -> None:
        self._account = account
        super().__init__(
            label=_("API users"),
            required=False,
            initial=initial,
            max_length=50 * MOST_TYPED,
            widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
            help_text=_("Their IDs, one a line or with commas between them."),
        )

    def clean(self, value: object) -> list[ApiUser]:
        logins = list(dict.fromkeys(filter(None, _APART.split(super().clean(value)))))
        if len(logins) > MOST_TYPED:
            raise forms.ValidationError(
                _("At most %(most)d IDs can be chosen.") % {"most": MOST_TYPED}
            )
        wanted = {login.lower() for login in logins}
        users = _present(self._account).annotate(lower=Lower("login")).filter(lower__in=wanted)
        found = {user.login.lower(): user for user in users}
        if unknown := [login for login in logins if login.lower() not in found]:
            raise forms.ValidationError(
                [
                    _("This account has no API user %(login)s.") % {"login": login}
                    for login in unknown[:MOST_UNKNOWN_TOLD]
                ]
            )
        return list(found.values())


class RemoveSenderForm(forms.Form):
    """Confirms that a sender is to be taken away."""

    def __init__(self, data: QueryDict | None, *, is_waiting: bool) -> None:
        super().__init__(data)
        self.helper = laid_out(
            confirm=_("Withdraw") if is_waiting else _("Remove"), is_dangerous=True
        )
