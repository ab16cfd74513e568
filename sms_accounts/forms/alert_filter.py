"""The form that searches an account's alerts."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from sms_accounts.forms.days import DayField, midnight
from sms_accounts.forms.users import ApiUserField, OfferedUsers, offer_users
from sms_accounts.models import Account, Alert, Notification

ACCOUNT, USERS = "account", "users"


class AlertFilterForm(forms.Form):
    """Whom an alert is about, of which kind it is, what became of it, and when it was.

    What is filled in wrongly filters nothing.
    """

    about = forms.ChoiceField(
        label=gettext_lazy("About"),
        required=False,
        choices=[
            ("", gettext_lazy("Anybody")),
            (ACCOUNT, gettext_lazy("The account")),
            (USERS, gettext_lazy("API users")),
        ],
    )
    user = ApiUserField()
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("Any")), *Alert.Kind.choices],
    )
    state = forms.ChoiceField(
        label=gettext_lazy("Delivery"),
        required=False,
        choices=[("", gettext_lazy("Any")), *Notification.State.choices],
    )
    since = DayField(label=gettext_lazy("From"))
    until = DayField(label=gettext_lazy("To"))

    def __init__(self, data: QueryDict, *, account: Account) -> None:
        typed = {key: str(value).replace("\0", "") for key, value in data.items()}
        # Links of earlier days have the key of a user there.
        if typed.get("about", "").isdecimal():
            typed["user"] = typed.pop("about")
        super().__init__(typed, auto_id="filter-%s")
        offer_users(self, "user", OfferedUsers(account), with_deleted=True)
        self._zone = ZoneInfo(account.time_zone)
        for field in self.fields.values():
            is_choice = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if is_choice else "form-control"
        self.is_valid()

    def chosen(self) -> dict[str, str]:
        """What is searched for, as a link repeats it."""
        return {name: str(self.data[name]) for name, value in self.cleaned_data.items() if value}

    def filtered(self, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
        chosen = self.cleaned_data
        if about := chosen.get("about"):
            alerts = alerts.filter(api_user__isnull=about == ACCOUNT)
        if users := chosen.get("user"):
            alerts = alerts.filter(api_user__in=users)
        if kind := chosen.get("kind"):
            alerts = alerts.filter(kind=kind)
        if since := chosen.get("since"):
            alerts = alerts.filter(crossed_at__gte=midnight(since, self._zone))
        if until := chosen.get("until"):
            alerts = alerts.filter(crossed_at__lt=midnight(until + timedelta(days=1), self._zone))
        if state := chosen.get("state"):
            of_state = Notification.objects.filter(state=state)
            alerts = alerts.filter(pk__in=of_state.values("alert"))
        return alerts
