"""The field for an API user: chosen from a few, and typed where an account has many of them."""

from functools import cached_property

from django import forms
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from sms_accounts.forms.layout import LongSelect
from sms_accounts.models import Account, ApiUser

# Where there are more, the ID is typed: a page would grow with each user.
MOST_CHOICES = 50
_LONGEST_KEY = 18
_LABEL = gettext_lazy("API user")


class OfferedUsers:
    """The API users of an account, from which fields of one page or several choose."""

    def __init__(self, account: Account) -> None:
        self.of_account = ApiUser.objects.filter(account=account).select_related("account")

    @cached_property
    def few(self) -> list[str]:
        """The IDs of all of them in their order; nothing where there are many."""
        logins = self.of_account.present().order_by(Lower("login")).values_list("login", flat=True)
        found = list(logins[: MOST_CHOICES + 1])
        return found if len(found) <= MOST_CHOICES else []

    def called(self, login: str, *, with_deleted: bool) -> list[ApiUser]:
        """Return those of an ID, of whom all but one are deleted.

        Links of earlier days have the key of a user in its place.
        """
        users = self.of_account if with_deleted else self.of_account.present()
        named = Q(login__iexact=login)
        if login.isascii() and login.isdecimal() and len(login) <= _LONGEST_KEY:
            named |= Q(pk=int(login))
        found = list(users.filter(named).order_by("pk"))
        return [user for user in found if user.login.lower() == login.lower()] or found


class ApiUserField(forms.CharField):
    """An ID, typed or chosen, that becomes the users who have it; nothing is nobody in particular.

    Which users there are is said by `offer_users`.
    """

    def __init__(self, *, label: StrOrPromise = _LABEL, required: bool = False) -> None:
        super().__init__(
            label=label,
            required=required,
            max_length=40,
            widget=forms.TextInput(
                {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
            ),
            error_messages={"required": gettext_lazy("Enter the ID of an API user.")},
        )
        self.found: list[ApiUser] = []
        self.unknown = ""

    def clean(self, value: object) -> list[ApiUser]:
        if super().clean(value) and not self.found:
            raise forms.ValidationError(self.unknown)
        return self.found


def offer_users(
    form: forms.Form, name: str, users: OfferedUsers, *, with_deleted: bool = False
) -> None:
    """Let a field of a form find API users, before the form is validated or shown."""
    field = form.fields[name]
    assert isinstance(field, ApiUserField)  # noqa: S101  # whoever calls has declared it
    login = str(form.data.get(name, "") if form.is_bound else form.initial.get(name, "")).strip()
    if form.is_bound and login:
        field.found = users.called(login, with_deleted=with_deleted)
        field.unknown = (
            _("This account never had an API user of that ID.")
            if with_deleted
            else _("This account has no API user of that ID.")
        )
    if field.found:
        login = field.found[0].login
        form.data = {**{each: form.data[each] for each in form.data}, name: login}
    if users.few and login in ("", *users.few):
        first = [] if field.required else [("", _("All"))]
        field.widget = LongSelect(choices=[*first, *((each, each) for each in users.few)])
