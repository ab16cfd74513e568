"""The form that searches an account's change log."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from sms_accounts.forms.days import DayField, midnight
from sms_accounts.forms.layout import in_a_row
from sms_accounts.forms.users import ApiUserField, OfferedUsers, offer_users
from sms_accounts.models import Account, Activity

_ALL = ("", gettext_lazy("All"))
PROGRAM = "program"
ACCOUNT, USERS = "account", "users"


class ActivityFilterForm(forms.Form):
    """Which changes are shown. A value that cannot be read is told, and leaves nothing out."""

    by = forms.ChoiceField(label=gettext_lazy("By"), required=False)
    about = forms.ChoiceField(
        label=gettext_lazy("About"),
        required=False,
        choices=[
            _ALL,
            (ACCOUNT, gettext_lazy("The account")),
            (USERS, gettext_lazy("API users")),
        ],
    )
    user = ApiUserField()
    action = forms.ChoiceField(label=gettext_lazy("Change"), required=False)
    since = DayField(label=gettext_lazy("From"))
    until = DayField(label=gettext_lazy("To"))

    def __init__(
        self,
        data: QueryDict,
        *,
        people: Sequence[tuple[str, str]],
        actions: Sequence[tuple[str, StrOrPromise]],
        account: Account,
    ) -> None:
        typed = {name: str(value).replace("\0", "") for name, value in data.items()}
        super().__init__(typed, auto_id="filter_%s")
        self._zone = ZoneInfo(account.time_zone)
        offer_users(self, "user", OfferedUsers(account), with_deleted=True)
        self._choose("by", [*people, (PROGRAM, _("The program"))])
        self._choose("action", actions)
        self.helper = in_a_row(*self.fields)
        self.is_valid()

    def _choose(self, name: str, choices: Sequence[tuple[str, StrOrPromise]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = [_ALL, *choices]

    def chosen(self) -> dict[str, str]:
        """What is searched for, as a link repeats it."""
        return {name: str(self.data[name]) for name, value in self.cleaned_data.items() if value}

    def filtered(self, activities: QuerySet[Activity]) -> QuerySet[Activity]:
        chosen = self.cleaned_data
        if by := chosen.get("by"):
            activities = activities.filter(by=None if by == PROGRAM else int(by))
        if about := chosen.get("about"):
            activities = activities.filter(api_user__isnull=about == ACCOUNT)
        if users := chosen.get("user"):
            activities = activities.filter(api_user__in=users)
        if action := chosen.get("action"):
            activities = activities.filter(action=action)
        if since := chosen.get("since"):
            activities = activities.filter(at__gte=midnight(since, self._zone))
        if until := chosen.get("until"):
            activities = activities.filter(at__lt=midnight(until + timedelta(days=1), self._zone))
        return activities
