"""Numbers in every form that clients send, to E.164 digits without a plus sign."""

import re

import phonenumbers

# What people put between digits: spaces (also the no-break ones), dots, dashes, brackets.
_BETWEEN = re.compile(r"[\s.\-()/\u00a0\u202f\u2010-\u2015]")
_DIGITS = re.compile(r"[0-9]{4,15}")


class NotANumber(ValueError):
    """What was given is no number that a message could be sent to."""


def parse(given: str, *, home_country: str = "") -> str:
    """Return the E.164 digits of a number given as 0033…, +33…, 33… or with spaces and dots.

    A national number such as 06… is read as one of `home_country` (two capital letters), and
    raises NotANumber where that is empty. Raises NotANumber also for a number that no
    numbering plan has. Source: ITU-T E.164, national plans as in libphonenumber.
    """
    digits = _BETWEEN.sub("", given)
    if digits.startswith("+"):
        digits = digits[1:]
    elif digits.startswith("00"):
        digits = digits[2:]
    elif digits.startswith("0"):
        digits = _from_national(digits, home_country)
    if not _DIGITS.fullmatch(digits) or digits.startswith("0"):
        raise NotANumber(given)
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        raise NotANumber(given) from None
    if not phonenumbers.is_possible_number(number):
        raise NotANumber(given)
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def _from_national(digits: str, home_country: str) -> str:
    if not home_country:
        raise NotANumber(digits)
    try:
        number = phonenumbers.parse(digits, home_country)
    except phonenumbers.NumberParseException:
        raise NotANumber(digits) from None
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def country_of(msisdn: str) -> str:
    """Return the two letters of a number's country, or an empty text where there is none."""
    try:
        number = phonenumbers.parse("+" + msisdn)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""
