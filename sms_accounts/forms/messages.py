"""The forms of the tab of messages: which are shown, and whether some are to be cancelled."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from sms_accounts import codes, countries
from sms_accounts.forms.days import DayField, midnight
from sms_accounts.forms.layout import Details, LongSelect, in_a_row, laid_out
from sms_accounts.forms.users import ApiUserField, OfferedUsers, offer_users
from sms_accounts.models import FINAL, Account, Message, State, Submission

Choices = Sequence[tuple[str, str]]

_ALL = ("", gettext_lazy("All"))
# Several states in one word, before the states themselves.
_GROUPS: dict[str, tuple[StrOrPromise, frozenset[State]]] = {
    "waiting": (
        gettext_lazy("Not final yet"),
        frozenset(State) - FINAL,
    ),
    "failed": (
        gettext_lazy("Failed"),
        frozenset({State.EXPIRED, State.UNDELIVERABLE, State.REJECTED, State.UNKNOWN}),
    ),
}
# What a number or an id may be written with, beside its digits.
_SIGNS = str.maketrans("", "", " .-()/\u00a0")
_LONGEST_KEY = 18
# What few search by is put away: on a phone all of it would fill the screen.
_MORE = ("ptt", "channel", "country", "sender", "tag", "since", "until")


def _countries() -> Choices:
    names = countries.by_calling_code(get_language() or "en")
    return [(code, f"{name} (+{code})") for code, name in names.items()]


class MessageFilterForm(forms.Form):
    """Which messages are shown. A value that cannot be read is told, and leaves nothing out."""

    q = forms.CharField(label=gettext_lazy("Number or id"), required=False, max_length=40)
    user = ApiUserField()
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[_ALL, *((key, label) for key, (label, _of) in _GROUPS.items()), *State.choices],
        widget=LongSelect,
    )
    ptt = forms.TypedChoiceField(
        label="ptt",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[_ALL, *((str(ptt), str(ptt)) for ptt in codes.PTTS)],
        widget=LongSelect,
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), required=False, choices=[_ALL, *Submission.Channel.choices]
    )
    country = forms.ChoiceField(label=gettext_lazy("Country"), required=False, widget=LongSelect)
    sender = forms.CharField(label=gettext_lazy("Sender"), required=False, max_length=15)
    tag = forms.CharField(label=gettext_lazy("Tag"), required=False, max_length=20)
    since = DayField(label=gettext_lazy("From"))
    until = DayField(label=gettext_lazy("To"))

    def __init__(self, data: QueryDict, *, account: Account) -> None:
        typed = {name: str(value).replace("\0", "") for name, value in data.items()}
        super().__init__(typed, auto_id="filter_%s")
        self._account = account
        self._zone = ZoneInfo(account.time_zone)
        offer_users(self, "user", OfferedUsers(account), with_deleted=True)
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)  # noqa: S101  # declared above
        country.choices = [_ALL, *_countries()]
        self.is_valid()
        first = [name for name in self.fields if name not in _MORE]
        more = Details(_("More filters"), *_MORE, css_class="more-filters")
        self.helper = in_a_row(*first, more)

    def clean_q(self) -> str:
        digits = str(self.cleaned_data["q"]).translate(_SIGNS).removeprefix("+").removeprefix("00")
        if digits and not (digits.isascii() and digits.isdecimal()):
            raise forms.ValidationError(
                _("Enter a whole number such as +33639980004, or the id of a message.")
            )
        return digits

    def chosen(self) -> dict[str, str]:
        """What is searched for, as a link repeats it."""
        return {name: str(self.data[name]) for name, value in self.cleaned_data.items() if value}

    @property
    def has_more(self) -> bool:
        """Whether there is a filter, or an error, among those that are put away."""
        return any(self.data.get(name) for name in _MORE)

    @property
    def is_of_users(self) -> bool:
        return bool(self.cleaned_data.get("user"))

    def found(self) -> QuerySet[Message]:
        """Return the messages of the account that are like that, in no order."""
        chosen = self.cleaned_data
        messages = Message.objects.filter(account=self._account)
        if users := chosen.get("user"):
            # Their orders alone: with the account beside them, SQLite would begin with all of its
            # messages.
            orders = Submission.objects.filter(api_user__in=users)
            messages = Message.objects.filter(submission__in=orders.values("pk"))
        if digits := chosen.get("q"):
            messages = messages.filter(pk__in=self._like(digits))
        if state := chosen.get("state"):
            of_group = _GROUPS.get(state)
            messages = messages.filter(state__in=of_group[1] if of_group else {state})
        if ptt := chosen.get("ptt"):
            messages = messages.filter(ptt=ptt)
        if calling_code := chosen.get("country"):
            messages = messages.filter(msisdn__startswith=calling_code)
        for name in ("channel", "sender", "tag"):
            if value := chosen.get(name):
                messages = messages.filter(**{f"submission__{name}": value})
        if since := chosen.get("since"):
            messages = messages.filter(submission__created_at__gte=midnight(since, self._zone))
        if until := chosen.get("until"):
            day_after = midnight(until + timedelta(days=1), self._zone)
            messages = messages.filter(submission__created_at__lt=day_after)
        return messages

    def _like(self, digits: str) -> QuerySet[Any, Any]:
        """Return the keys of messages to a number, or of the one with this key.

        As two questions in one: for either of both SQLite would look at all messages.
        """
        keys = Message.objects.filter(account=self._account, msisdn=digits).values("pk")
        if len(digits) > _LONGEST_KEY:
            return keys
        return keys.union(Message.objects.filter(pk=int(digits)).values("pk"))


class CancelMessagesForm(forms.Form):
    """Confirms that messages which are still scheduled are to be cancelled."""

    confirmed = forms.CharField(widget=forms.HiddenInput, initial="yes")

    def __init__(self, data: QueryDict | None, *, chosen: QuerySet[Message]) -> None:
        super().__init__(data)
        self.fields["message"] = forms.ModelMultipleChoiceField(
            chosen, initial=chosen, widget=forms.MultipleHiddenInput
        )
        self.helper = laid_out("confirmed", "message", confirm=_("Yes, cancel"), is_dangerous=True)


class CancelFoundForm(forms.Form):
    """Confirms that all scheduled messages found, up to the newest of then, are to be cancelled."""

    upto = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**63 - 1)

    def __init__(self, data: QueryDict | None, *, upto: int = 0) -> None:
        super().__init__(data, initial={"upto": upto})
        self.helper = laid_out("upto", confirm=_("Yes, cancel all"), is_dangerous=True)
