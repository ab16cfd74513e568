"""The form that searches an account's alerts."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from sms_accounts.forms.days import DayField, midnight
from sms_accounts.forms.layout import in_a_row
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
        self._account = account
        self._zone = ZoneInfo(account.time_zone)
        self.is_valid()
        self.helper = in_a_row(*self.fields)

    def chosen(self) -> dict[str, str]:
        """What is searched for, as a link repeats it."""
        return {name: str(self.data[name]) for name, value in self.cleaned_data.items() if value}

    def found(self) -> QuerySet[Alert]:
        """Return the alerts of the account that are like that, in no order."""
        chosen = self.cleaned_data
        alerts = Alert.objects.filter(account=self._account)
        if users := chosen.get("user"):
            # Theirs alone: with the account beside them, SQLite would go through all of its alerts.
            alerts = Alert.objects.filter(api_user__in=users)
        if about := chosen.get("about"):
            alerts = alerts.filter(api_user__isnull=about == ACCOUNT)
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
