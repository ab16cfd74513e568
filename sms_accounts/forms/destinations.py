"""Where messages go, typed by staff: the first digits of the numbers, or a country."""

import re

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from sms_accounts import countries

LONGEST = 15
# What stands for every number in a list, where an empty cell may be a mistake.
EVERYWHERE = "*"

_DIGITS = re.compile(r"[0-9]{1,15}\Z")


def prefix_of(typed: str) -> str:
    """Return the digits of a prefix, typed with or without plus sign, or of a country's code.

    Raises forms.ValidationError, which says what to type instead.
    """
    plain = re.sub(r"[\s().-]", "", typed)
    digits = re.sub(r"\A(\+|00)", "", plain)
    if _DIGITS.match(digits):
        return digits
    if any(sign.isdigit() for sign in plain):
        raise forms.ValidationError(_("At most 15 digits, beginning with the country code."))
    return _of_country(typed)


def _of_country(typed: str) -> str:
    try:
        country = countries.parse(typed, get_language() or "en")
        return countries.calling_code_of(country)
    except countries.UnknownCountry as unknown:
        words = {"typed": typed, "names": ", ".join(unknown.suggestions)}
        raise forms.ValidationError(
            (
                _("There is no country '%(typed)s'. Perhaps: %(names)s.")
                if unknown.suggestions
                else _("There is no country '%(typed)s': type its name or digits.")
            )
            % words
        ) from None
    except countries.SharedCode as shared:
        words = {"country": typed, "code": shared.calling_code}
        raise forms.ValidationError(
            _(
                "%(country)s shares the code %(code)s with others: type the prefixes of its own, "
                "or %(code)s for all of them."
            )
            % words
        ) from None
