"""The form of the tab of replies: which are shown."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from sms_accounts.forms.days import DayField, midnight
from sms_accounts.forms.layout import in_a_row
from sms_accounts.forms.users import ApiUserField, OfferedUsers, offer_users
from sms_accounts.models import Account, Received

_ALL = ("", gettext_lazy("All"))
# What a number may be written with, beside its digits.
_SIGNS = str.maketrans("", "", " .-()/\u00a0")
# A word of fewer digits may be a text: "1" for yes.
_SHORTEST_NUMBER = 7


class ReceivedFilterForm(forms.Form):
    """Which replies are shown. A value that cannot be read is told, and leaves nothing out."""

    q = forms.CharField(label=gettext_lazy("Number or text"), required=False, max_length=100)
    user = ApiUserField()
    keyword = forms.ChoiceField(
        label=gettext_lazy("Keyword"), required=False, choices=[_ALL, *Received.Keyword.choices]
    )
    since = DayField(label=gettext_lazy("From"))
    until = DayField(label=gettext_lazy("To"))

    def __init__(self, data: QueryDict, *, account: Account) -> None:
        typed = {name: str(value).replace("\0", "") for name, value in data.items()}
        super().__init__(typed, auto_id="filter_%s")
        self._zone = ZoneInfo(account.time_zone)
        offer_users(self, "user", OfferedUsers(account), with_deleted=True)
        self.helper = in_a_row(*self.fields)
        self.is_valid()

    def chosen(self) -> dict[str, str]:
        """What is searched for, as a link repeats it."""
        return {name: str(self.data[name]) for name, value in self.cleaned_data.items() if value}

    def filtered(self, received: QuerySet[Received]) -> QuerySet[Received]:
        chosen = self.cleaned_data
        if asked := chosen.get("q"):
            received = received.filter(_is_like(asked))
        if users := chosen.get("user"):
            received = received.filter(api_user__in=users)
        if keyword := chosen.get("keyword"):
            received = received.filter(keyword=keyword)
        if since := chosen.get("since"):
            received = received.filter(received_at__gte=midnight(since, self._zone))
        if until := chosen.get("until"):
            day_after = midnight(until + timedelta(days=1), self._zone)
            received = received.filter(received_at__lt=day_after)
        return received


def _is_like(asked: str) -> Q:
    digits = asked.translate(_SIGNS).removeprefix("+").removeprefix("00")
    if digits.isascii() and digits.isdecimal() and len(digits) >= _SHORTEST_NUMBER:
        return Q(msisdn=digits)
    return Q(text__icontains=asked) | Q(msisdn=asked)
