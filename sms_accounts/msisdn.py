"""Numbers in every form that clients send, to E.164 digits without a plus sign."""

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import PhoneMetadata

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
    if _is_plain(digits):
        return digits
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


@dataclass(frozen=True)
class _Plan:
    """What the numbers of a calling code look like after it; `region` where it has one only."""

    lengths: frozenset[int]
    national_prefix: re.Pattern[str] | None
    region: str


@cache
def _plan_of(calling_code: str) -> _Plan | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code))
    # The main region of several comes first; `001` are services that belong to no country.
    if not regions or regions[0] == "001":
        return None
    metadata = PhoneMetadata.metadata_for_region(regions[0])
    if metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    return _Plan(
        lengths=frozenset(metadata.general_desc.possible_length)
        | frozenset(metadata.general_desc.possible_length_local_only),
        national_prefix=re.compile(prefix) if prefix else None,
        region=regions[0] if len(regions) == 1 else "",
    )


def _plan(digits: str) -> tuple[_Plan | None, str]:
    """Return the plan of a number's calling code, and the digits after it."""
    # No calling code is the beginning of another one.
    for length in (1, 2, 3):
        if digits[:length].isdecimal() and (plan := _plan_of(digits[:length])):
            return plan, digits[length:]
    return None, ""


def _is_plain(digits: str) -> bool:
    """Say whether the library would surely return these digits as they are.

    It takes 70 µs for what a script has written out already. What has a national prefix, or a
    length that its plan does not know, is left to it.
    """
    plan, national = _plan(digits)
    return (
        plan is not None
        and len(national) in plan.lengths
        and not national.startswith("0")
        and not (plan.national_prefix and plan.national_prefix.match(national))
    )


def country_of(msisdn: str) -> str:
    """Return the two letters of a number's country, or an empty text where there is none."""
    plan, _national = _plan(msisdn)
    if plan and plan.region:
        return plan.region
    try:
        number = phonenumbers.parse("+" + msisdn)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""
