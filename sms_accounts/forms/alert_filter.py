"""The form that searches an account's alerts."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.days import DayField, midnight
from sms_accounts.models import Account, Alert, ApiUser, Notification

ACCOUNT = "account"


class AlertFilterForm(forms.Form):
    """Whom an alert is about, of which kind it is, what became of it, and when it was.

    What is filled in wrongly filters nothing.
    """

    about = forms.ChoiceField(label=gettext_lazy("About"), required=False)
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
        super().__init__(typed, auto_id="filter-%s")
        users = ApiUser.objects.filter(account=account, alerts__isnull=False).distinct()
        self.fields["about"].choices = [  # type: ignore[attr-defined]  # that of a choice
            ("", _("Anybody")),
            (ACCOUNT, _("The account")),
            *(
                (str(pk), login)
                for pk, login in users.order_by(Lower("login"), "pk").values_list("pk", "login")
            ),
        ]
        self._zone = ZoneInfo(account.time_zone)
        for field in self.fields.values():
            is_choice = isinstance(field, forms.ChoiceField)
            field.widget.attrs["class"] = "form-select" if is_choice else "form-control"
        self.is_valid()

    def chosen(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.cleaned_data.items() if value}

    def filtered(self, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
        chosen = self.cleaned_data
        if about := chosen.get("about"):
            is_account = about == ACCOUNT
            alerts = alerts.filter(api_user=None if is_account else int(about))
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
