"""Days that somebody searches from or to, and when they begin in an account's time zone."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy

# Beyond these no time zone can be applied, and nothing was sent anyway.
FIRST, LAST = date(1970, 1, 2), date(9998, 12, 31)


class DayField(forms.DateField):
    """A day, which may be left out."""

    def __init__(self, *, label: Any) -> None:
        wrong = gettext_lazy("Enter a date, such as 2026-01-31.")
        super().__init__(
            label=label,
            required=False,
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            error_messages={"invalid": wrong},
        )

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day is not None and not FIRST <= day <= LAST:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return day


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone)
