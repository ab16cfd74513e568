"""Numbers as clients write them."""

import random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_accounts import msisdn


class TestParse:
    @pytest.mark.parametrize(
        "given",
        [
            "0033639980004",
            "+33639980004",
            " 33639980004",
            "33639980004",
            "33 6 39 98 00 04",
            "33.6.39.98.00.04",
            "33-6-39-98-00-04",
            "+33 (6) 39/98 00 04",
            "33\u00a0639\u202f980\u2011004",
            "+33\t639980004\n",
        ],
    )
    def test_understands_every_form(self, given):
        assert msisdn.parse(given) == "33639980004"

    @pytest.mark.parametrize(
        ("given", "number"),
        [
            ("00442079460123", "442079460123"),
            ("+12025550123", "12025550123"),
            ("+390669812345", "390669812345"),
            ("8613812345678", "8613812345678"),
        ],
    )
    def test_understands_other_countries(self, given, number):
        assert msisdn.parse(given) == number

    @pytest.mark.parametrize(
        "given",
        [
            "",
            " ",
            "+",
            "00",
            "5",
            "123",
            "abc",
            "33639980004x",
            "3363998000",
            "336399800045",
            "0639980004",
            "+0639980004",
            "000033639980004",
            "999999999999",
            "33639980004\0",
            "٣٣٦٣٩٩٨٠٠٠٤",
            "33639980004;ext=5",
            "9" * 1000,
            "33,639980004",
        ],
    )
    def test_refuses_what_is_no_number(self, given):
        with pytest.raises(msisdn.NotANumber):
            msisdn.parse(given)

    @pytest.mark.parametrize("given", ["0639980004", "06 39 98 00 04", "+33639980004"])
    def test_reads_a_national_number_as_one_of_the_home_country(self, given):
        assert msisdn.parse(given, home_country="FR") == "33639980004"

    @pytest.mark.parametrize("given", ["0", "06", "0639980004999999"])
    def test_refuses_a_national_number_that_the_home_country_has_not(self, given):
        with pytest.raises(msisdn.NotANumber):
            msisdn.parse(given, home_country="FR")

    @given(st.text(max_size=30), st.sampled_from(["", "FR", "US", "IT", "XX"]))
    def test_gives_digits_or_refuses_whatever_comes(self, given, home_country):
        try:
            number = msisdn.parse(given, home_country=home_country)
        except msisdn.NotANumber:
            return
        assert number.isascii()
        assert number.isdigit()
        assert 4 <= len(number) <= 15
        assert msisdn.parse(number) == msisdn.parse(f"+{number}") == number


class TestCountryOf:
    @pytest.mark.parametrize(
        ("number", "country"),
        [
            ("33639980004", "FR"),
            ("442079460123", "GB"),
            ("12025550123", "US"),
            ("999", ""),
            ("", ""),
        ],
    )
    def test_is_that_of_the_number(self, number, country):
        assert msisdn.country_of(number) == country


def of_library(digits: str) -> str | None:
    """What libphonenumber makes of digits, without our short cut."""
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


class TestShortCut:
    """What is written out already is not parsed, and must come out as if it were."""

    CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)

    def numbers(self) -> list[str]:
        draw = random.Random(7)  # noqa: S311
        return [
            f"{draw.choice(self.CODES)}{draw.randrange(10 ** draw.randrange(3, 12))}"
            for _ in range(20_000)
        ]

    def test_agrees_with_the_library_on_numbers_of_every_country(self):
        differing = [
            digits
            for digits in self.numbers()
            if msisdn._is_plain(digits) and of_library(digits) != digits
        ]

        assert differing == []

    def test_is_taken_by_the_ordinary_numbers_of_a_country(self):
        assert all(map(msisdn._is_plain, ["33639980004", "32470123456", "12025550123"]))

    def test_knows_the_country_as_the_library_does(self):
        valid = [digits for digits in self.numbers()[:5000] if of_library(digits) == digits]

        differing = [
            digits
            for digits in valid
            if msisdn.country_of(digits)
            != (phonenumbers.region_code_for_number(phonenumbers.parse(f"+{digits}")) or "")
        ]

        assert differing == []
