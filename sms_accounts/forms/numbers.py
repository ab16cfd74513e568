"""Numbers as people type them into forms."""

from django import forms
from django.utils.translation import gettext as _

from sms_accounts import msisdn


def international(typed: str, *, home_country: str = "") -> str:
    """Return a number in E.164 digits, nothing for nothing; raises ValidationError."""
    if not typed:
        return ""
    try:
        return msisdn.parse(typed, home_country=home_country)
    except msisdn.NotANumber:
        raise forms.ValidationError(
            _("Enter the number in international format, such as +33 6 39 98 00 04.")
        ) from None
