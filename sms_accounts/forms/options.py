"""The forms of what holds for an account as a whole; `cleaned_data` are fields of it."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from crispy_forms.layout import Div
from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from sms_accounts import countries, retention
from sms_accounts.forms.layout import laid_out
from sms_accounts.models import Account, Sender

Choice = tuple[str, str]
Group = tuple[str, list[Choice]]

# Other areas of the database are there for programs of old: "US", "Etc", "SystemV".
_AREAS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
_DAYS = gettext_lazy("Enter days from 1 to 3,650, or nothing.")


class PlaceForm(forms.Form):
    """What an account is called, and where and in which language its holders are."""

    description = forms.CharField(
        label=gettext_lazy("Display name"),
        required=False,
        max_length=100,
        error_messages={"max_length": gettext_lazy("Enter at most 100 characters.")},
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        error_messages={
            "required": gettext_lazy("Choose a time zone."),
            "invalid_choice": gettext_lazy(
                "There is no time zone “%(value)s”: choose one of the list, such as Europe/Paris."
            ),
        },
        help_text=gettext_lazy(
            "Of all times on these pages, of quiet hours, and of the times that scripts send at. "
            "What is scheduled already keeps its moment."
        ),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=Account.Language.choices,
        error_messages={"invalid_choice": gettext_lazy("Choose a language of the list.")},
        help_text=gettext_lazy(
            "Of alerts without a text of your own, and of mails about callbacks. These pages "
            "are in English."
        ),
    )
    home_country = forms.ChoiceField(
        label=gettext_lazy("Home country"),
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose a country of the list.")},
        help_text=gettext_lazy(
            "National numbers, such as 06 39 98 00 04 in France, are read as numbers of this "
            "country. Without one, all numbers need the international format."
        ),
    )

    def __init__(self, data: QueryDict | None, *, account: Account) -> None:
        names = ("description", "time_zone", "language", "home_country")
        super().__init__(data, initial={name: getattr(account, name) for name in names})
        self.fields["description"].help_text = _(
            "Shown beside %(name)s, which stays the name that scripts send."
        ) % {"name": account.name}
        _choose(self.fields["time_zone"], _time_zones(present=account.time_zone))
        _choose(self.fields["home_country"], _countries())
        self.helper = laid_out(*names)


class DefaultSenderForm(forms.Form):
    """The sender of calls that name none."""

    default_sender = forms.ModelChoiceField(
        Sender.objects.none(),
        label=gettext_lazy("Default sender"),
        required=False,
        to_field_name="name",
        empty_label=gettext_lazy("None: each call names its sender"),
        error_messages={
            "invalid_choice": gettext_lazy("Choose one of the account's enabled senders.")
        },
    )

    def __init__(self, data: QueryDict | None, *, account: Account) -> None:
        enabled = Sender.objects.filter(account=account, status=Sender.Status.ENABLED)
        super().__init__(data, initial={"default_sender": account.default_sender})
        field = self.fields["default_sender"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # declared above
        field.queryset = enabled.order_by("name")
        self.helper = laid_out("default_sender")


class UnknownOutcomeForm(forms.Form):
    """What becomes of messages of which nobody knows whether the carrier took them."""

    unknown_outcome = forms.ChoiceField(
        label=gettext_lazy("Then"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose one of the three."),
            "invalid_choice": gettext_lazy("Choose one of the three."),
        },
    )

    def __init__(self, data: QueryDict | None, *, account: Account) -> None:
        super().__init__(data, initial={"unknown_outcome": account.unknown_outcome})
        _choose(self.fields["unknown_outcome"], list(policies().items()))
        self.helper = laid_out(Div("unknown_outcome", css_class="choices"))


def policies() -> Mapping[str, str]:
    """Return what each policy does, in plain words."""
    hours = settings.VALIDITY.total_seconds() // 3600
    return {
        Account.UnknownOutcome.HOLD: _(
            "Hold it: nobody gets it twice. If no report comes within %(hours)d hours, it ends as "
            "unknown and stays paid."
        )
        % {"hours": hours},
        Account.UnknownOutcome.RESEND: _(
            "Send it again: it arrives, now and then twice. It is paid once."
        ),
        Account.UnknownOutcome.GIVE_BACK: _(
            "Give back: it ends and its credits return. It may have arrived all the same."
        ),
    }


class AnswersStopForm(forms.Form):
    """Whether a phone that sends STOP or START is answered."""

    answers_stop = forms.BooleanField(
        label=gettext_lazy("Answer STOP and START by SMS"),
        required=False,
        help_text=gettext_lazy(
            "From the number that was written to, in the language of the account, at the price of "
            "one message; each word of a phone once a day at most."
        ),
    )

    def __init__(self, data: QueryDict | None, *, answers: bool) -> None:
        super().__init__(data, initial={"answers_stop": answers})
        self.helper = laid_out("answers_stop")


class RetentionForm(forms.Form):
    """For how long texts and numbers are kept; what that removes now is to be confirmed.

    The tick that confirms it is shown once it is needed.
    """

    retention_days = forms.IntegerField(
        label=gettext_lazy("Days to keep texts and numbers"),
        required=False,
        validators=[MinValueValidator(1, _DAYS), MaxValueValidator(3650, _DAYS)],
        error_messages={"invalid": _DAYS},
        widget=forms.NumberInput(attrs={"min": 1, "max": 3650}),
        help_text=gettext_lazy("Counted from the end of a message. Empty: for ever."),
    )
    confirmed = forms.BooleanField(
        label=gettext_lazy("Remove for good what is older than that"), required=False
    )

    def __init__(self, data: QueryDict | None, *, account: Account) -> None:
        super().__init__(data, initial={"retention_days": account.retention_days})
        self._account = account
        self.helper = laid_out("retention_days")

    def clean(self) -> dict[str, Any]:
        days: int | None = self.cleaned_data.get("retention_days")
        if days is None or self.cleaned_data["confirmed"] or not self._is_shorter(days):
            return {"retention_days": days}
        if older := retention.older_than(self._account, days=days):
            text = ngettext(
                "Text and numbers of %(orders)s order are older and go within minutes. Tick this "
                "to remove them.",
                "Texts and numbers of %(orders)s orders are older and go within minutes. Tick this "
                "to remove them.",
                older,
            )
            self.add_error("confirmed", text % {"orders": _counted(older)})
            self.helper.layout.insert(1, "confirmed")
        # The tick is no field of the account.
        return {"retention_days": days}

    def _is_shorter(self, days: int) -> bool:
        present = self._account.retention_days
        return present is None or days < present


def _counted(orders: int) -> str:
    if orders > retention.MOST_COUNTED:
        return _("more than %(most)s") % {"most": f"{retention.MOST_COUNTED:,}"}
    return f"{orders:,}"


def _choose(field: forms.Field, choices: Any) -> None:
    assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
    field.choices = choices


def _time_zones(*, present: str) -> list[Choice | Group]:
    """Return the zones by areas; first the one that is there, where it is in none of them."""
    by_area = _zones_by_area()
    known = {name for names in by_area.values() for name in names}
    first = ["UTC"] if present in known or present == "UTC" else ["UTC", present]
    choices: list[Choice | Group] = [(name, name) for name in first]
    return choices + [(area, [(name, name) for name in names]) for area, names in by_area.items()]


@cache
def _zones_by_area() -> Mapping[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(available_timezones()):
        area = name.partition("/")[0]
        if area in _AREAS and "/" in name:
            found[area].append(name)
    return found


def _countries() -> list[Choice]:
    language = get_language() or "en"
    named = sorted((countries.name_of(country, language), country) for country in countries.ALL)
    return [("", _("None")), *((country, name) for name, country in named)]
