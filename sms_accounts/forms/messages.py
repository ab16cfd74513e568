"""The forms of the tab of messages: which are shown, and whether some are to be cancelled."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from sms_accounts import codes, countries
from sms_accounts.forms.days import DayField, midnight
from sms_accounts.forms.layout import LongSelect, in_a_row, laid_out
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
_LAST_KEY = 2**63 - 1
# By how much keys and moments of orders may differ in their order.
_SLACK = timedelta(days=1)
# What few search by is put away.
_MORE = ("ptt", "channel", "country", "sender", "tag", "since", "until")


@cache
def _countries(language: str) -> Choices:
    names = countries.by_calling_code(language)
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
        label=gettext_lazy("Channel"),
        required=False,
        choices=[_ALL, *Submission.Channel.choices],
        widget=LongSelect,
    )
    country = forms.ChoiceField(label=gettext_lazy("Country"), required=False, widget=LongSelect)
    sender = forms.CharField(label=gettext_lazy("Sender"), required=False, max_length=15)
    tag = forms.CharField(label=gettext_lazy("Tag"), required=False, max_length=20)
    since = DayField(label=gettext_lazy("From"))
    until = DayField(label=gettext_lazy("To"))

    def __init__(self, data: QueryDict, *, account: Account) -> None:
        typed = {name: str(value).replace("\0", "") for name, value in data.items()}
        super().__init__(typed, auto_id="filter_%s")
        self.account = account
        self._zone = ZoneInfo(account.time_zone)
        offer_users(self, "user", OfferedUsers(account), with_deleted=True)
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)  # noqa: S101  # declared above
        country.choices = [_ALL, *_countries(get_language() or "en")]
        self.is_valid()
        first = [name for name in self.fields if name not in _MORE]
        self.helper = in_a_row(*first, more=_MORE)

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
    def is_sparse(self) -> bool:
        """Whether much may have to be walked through before a page is full."""
        chosen = self.cleaned_data
        found_by = next((name for name in ("q", "user", "tag") if chosen.get(name)), "")
        return found_by != "q" and any(chosen.get(name) for name in chosen if name != found_by)

    def orders(self) -> QuerySet[Submission] | None:
        """Return the orders to walk through, in no order; None where the messages are walked.

        These are found by an index alone. What else is chosen is left to `found`.
        """
        chosen = self.cleaned_data
        of_account = Submission.objects.filter(account=self.account)
        if chosen.get("q"):
            return None
        if users := chosen.get("user"):
            # Theirs alone: with the account beside them, SQLite would begin with all of its orders.
            return self._near_days(Submission.objects.filter(api_user__in=users))
        if tag := chosen.get("tag"):
            # As the index of tags has it, word for word: SQLite takes a partial one only then.
            return self._near_days(of_account.filter(tag=tag).exclude(tag=""))
        return self._near_days(of_account) if self._of_orders() else None

    def _near_days(self, orders: QuerySet[Submission]) -> QuerySet[Submission]:
        """Leave out, by their keys, orders that are far from the days chosen.

        Keys follow the time, but for what is stored at once and clocks that are set: a day more
        on either side makes up for those. `found` compares the moments themselves.
        """
        of_account = Submission.objects.filter(account=self.account, numbers_removed_at=None)
        begins_at, ends_at = self._days()
        if begins_at is not None:
            earlier = of_account.filter(created_at__lt=begins_at - _SLACK)
            key = earlier.order_by("-created_at", "-pk").values("pk")[:1]
            orders = orders.filter(pk__gte=Coalesce(Subquery(key), 0))
        if ends_at is not None:
            later = of_account.filter(created_at__gte=ends_at + _SLACK)
            key = later.order_by("created_at", "pk").values("pk")[:1]
            orders = orders.filter(pk__lte=Coalesce(Subquery(key), _LAST_KEY))
        return orders

    def _days(self) -> tuple[datetime | None, datetime | None]:
        """Return when the first day begins and the last one is over, as far as they are chosen."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        return (
            midnight(since, self._zone) if since else None,
            midnight(until + timedelta(days=1), self._zone) if until else None,
        )

    def _of_orders(self) -> dict[str, Any]:
        """Return what orders must be like, as a filter of them says it."""
        chosen = self.cleaned_data
        begins_at, ends_at = self._days()
        asked = {name: chosen.get(name) for name in ("channel", "sender", "tag")}
        asked |= {"api_user__in": chosen.get("user")}
        asked |= {"created_at__gte": begins_at, "created_at__lt": ends_at}
        return {name: value for name, value in asked.items() if value}

    def found(self, orders: QuerySet[Submission] | None = None) -> QuerySet[Message]:
        """Return the messages of the account that are like that, in no order.

        `orders` are some of those that are walked through, if not all of them are meant.
        """
        chosen, of_orders = self.cleaned_data, self._of_orders()
        orders = self.orders() if orders is None else orders
        if orders is None:
            of_messages = {f"submission__{name}": value for name, value in of_orders.items()}
            messages = Message.objects.filter(account=self.account, **of_messages)
        else:
            messages = Message.objects.filter(
                submission__in=orders.filter(**of_orders).values("pk")
            )
        if digits := chosen.get("q"):
            messages = messages.filter(pk__in=self._like(digits))
        if state := chosen.get("state"):
            of_group = _GROUPS.get(state)
            messages = messages.filter(state__in=of_group[1] if of_group else {state})
        if ptt := chosen.get("ptt"):
            messages = messages.filter(ptt=ptt)
        if calling_code := chosen.get("country"):
            messages = messages.filter(msisdn__startswith=calling_code)
        return messages

    def _like(self, digits: str) -> QuerySet[Any, Any]:
        """Return the keys of messages to a number, or of the one with this key.

        As two questions in one: for either of both SQLite would look at all messages.
        """
        keys = Message.objects.filter(account=self.account, msisdn=digits).values("pk")
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
