"""The field in which people type credits."""

from decimal import Decimal

from django import forms
from django_stubs_ext import StrOrPromise

from sms_accounts.models.fields import MOST_CREDITS

_CODES = ("invalid", "min_value", "max_value", "max_decimal_places")


def credits_field(label: StrOrPromise, *, least: int, accepted: StrOrPromise) -> forms.DecimalField:
    """Return a field for credits from `least`, with at most two decimals; it may be empty.

    `accepted` is said of whatever is not such a number.
    """
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=Decimal(least),
        max_value=MOST_CREDITS,
        decimal_places=2,
        error_messages=dict.fromkeys(_CODES, accepted),
    )
