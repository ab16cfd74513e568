"""Countries by their letters and names."""

import pytest

from sms_accounts import countries
from sms_accounts.countries import UnknownCountry, name_of, parse

LANGUAGES = ["en", "fr", "de", "es", "pl", "pt-br"]


class TestParse:
    @pytest.mark.parametrize(
        ("typed", "country"),
        [
            ("FR", "FR"),
            ("fr", "FR"),
            (" France ", "FR"),
            ("FRANCE", "FR"),
            ("Côte d’Ivoire", "CI"),
            ("cote d'ivoire", "CI"),
            ("South Korea", "KR"),
            ("uk", "GB"),
            ("U.S.A.", "US"),
            ("Turkey", "TR"),
            ("Réunion", "RE"),
        ],
    )
    def test_takes_letters_and_names_as_people_type_them(self, typed, country):
        assert parse(typed, "en") == country

    @pytest.mark.parametrize("typed", ["Allemagne", "allemagne", "Germany", "de"])
    def test_takes_names_of_the_page_and_english_ones(self, typed):
        assert parse(typed, "fr") == "DE"

    @pytest.mark.parametrize(
        ("typed", "suggestions"),
        [
            ("Frence", ["France"]),
            ("Korea", ["North Korea", "South Korea"]),
            ("Swizerland", ["Switzerland"]),
            ("001", []),
            ("x", []),
            ("🇫🇷", []),
            ("", []),
        ],
    )
    def test_names_what_looks_like_it(self, typed, suggestions):
        with pytest.raises(UnknownCountry) as unknown:
            parse(typed, "en")

        assert list(unknown.value.suggestions) == suggestions

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_takes_each_name_that_is_shown(self, language):
        names = {country: name_of(country, language) for country in countries.ALL}

        assert {country: parse(name, language) for country, name in names.items()} == {
            country: country for country in countries.ALL
        }
        # These part the names in a list.
        assert not [name for name in names.values() if set(name) & set(",;\n")]


class TestNameOf:
    def test_is_in_the_language_asked_for(self):
        assert (name_of("DE", "en"), name_of("DE", "fr")) == ("Germany", "Allemagne")

    def test_is_the_letters_of_what_is_no_country(self):
        assert name_of("XX", "en") == "XX"
