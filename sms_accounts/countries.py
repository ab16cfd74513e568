"""Countries that numbers belong to: two letters each, their names, and names as people type them.

Which there are says libphonenumber; what they are called says the Unicode CLDR.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache

import phonenumbers
from babel import Locale

ALL = frozenset(phonenumbers.SUPPORTED_REGIONS)
MOST_SUGGESTIONS = 3
# Fewer letters than these stand in too many names.
SHORTEST_PART = 4
# What people write for a few countries instead of their letters or names.
_OTHERWISE = {
    "uk": "GB",
    "greatbritain": "GB",
    "usa": "US",
    "uae": "AE",
    "czechrepublic": "CZ",
    "holland": "NL",
    "ivorycoast": "CI",
    "turkey": "TR",
}


class UnknownCountry(ValueError):
    """What was typed is no country; `suggestions` are names that look like it."""

    def __init__(self, typed: str, suggestions: Sequence[str]) -> None:
        super().__init__(typed)
        self.suggestions = suggestions


def name_of(country: str, language: str) -> str:
    """Return a country's name in a language such as "fr"; its letters where it has none.

    No name has a comma: they stand in lists with commas between them.
    """
    return _names(language).get(country, country)


class SharedCode(ValueError):
    """Numbers of a country begin like those of others; `calling_code` is that of them all."""

    def __init__(self, calling_code: str) -> None:
        super().__init__(calling_code)
        self.calling_code = calling_code


def calling_code_of(country: str) -> str:
    """Return the digits that numbers of a country begin with; raises SharedCode."""
    code = phonenumbers.country_code_for_region(country)
    if len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]) > 1:
        raise SharedCode(str(code))
    return str(code)


def parse(typed: str, language: str) -> str:
    """Return the two letters of a country typed as those, or by name; raises UnknownCountry.

    Names may be in `language` or in English; capitals, accents and signs make no difference.
    """
    wanted = _plain(typed)
    known = _by_plain_name(language)
    if wanted in known:
        return known[wanted]
    raise UnknownCountry(typed, _like(wanted, language))


@cache
def by_calling_code(language: str) -> Mapping[str, str]:
    """Return the names of countries by calling code, sorted by name; the main one of several."""
    names = {
        str(code): name_of(regions[0], language)
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        # `001` are services that belong to no country.
        if regions[0] != "001"
    }
    return dict(sorted(names.items(), key=lambda each: _plain(each[1])))


def _like(wanted: str, language: str) -> list[str]:
    own = {_plain(name): name for name in _names(language).values()}
    holding = [plain for plain in own if len(wanted) >= SHORTEST_PART and wanted in plain]
    similar = get_close_matches(wanted, own, n=MOST_SUGGESTIONS, cutoff=0.8)
    return [own[plain] for plain in dict.fromkeys([*holding, *similar])][:MOST_SUGGESTIONS]


@cache
def _names(language: str) -> Mapping[str, str]:
    territories = Locale.parse(language, sep="-").territories
    known = sorted(ALL & territories.keys())
    return {country: territories[country].replace(",", "") for country in known}


@cache
def _by_plain_name(language: str) -> Mapping[str, str]:
    found = {_plain(name): country for country, name in _names("en").items()}
    found |= {_plain(name): country for country, name in _names(language).items()}
    return found | {country.lower(): country for country in ALL} | _OTHERWISE


def _plain(name: str) -> str:
    """Return a name without capitals, accents, spaces and signs."""
    return "".join(
        sign for sign in unicodedata.normalize("NFKD", name.casefold()) if sign.isalnum()
    )
