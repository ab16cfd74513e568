"""Finds a word in what another program answered: by a path in JSON, or by a regular expression.

Both are typed by staff, and what they are applied to comes from outside: neither may take long.
"""

from collections.abc import Iterator
from datetime import timedelta

import regex

# How long a search may take, and how much of an answer it sees.
SEARCH_WITHIN = timedelta(milliseconds=100)
LONGEST_SEARCHED = 8 * 1024

LONGEST_WORD = 64
LONGEST_SENTENCE = 200


def at(value: object, path: str) -> object:
    """Return what stands at a path such as `messages.0.id`, or None where nothing does.

    An empty path leads to the whole. Names are taken as they are written, then whatever their
    capitals.
    """
    for step in path.split(".") if path else ():
        value = _below(value, step)
    return value


def _below(value: object, step: str) -> object:
    if isinstance(value, list):
        is_place = step.isdecimal() and int(step) < len(value)
        return value[int(step)] if is_place else None
    if not isinstance(value, dict):
        return None
    if step in value:
        return value[step]
    return next((each for name, each in value.items() if str(name).lower() == step.lower()), None)


def searched(text: str, pattern: str) -> str:
    """Return what the first group of a pattern finds in a text, or nothing, also after too long."""
    try:
        found = regex.search(
            pattern, text[:LONGEST_SEARCHED], timeout=SEARCH_WITHIN.total_seconds()
        )
    except TimeoutError:
        return ""
    return (found[1] or "") if found else ""


def problem_of(pattern: str) -> str:
    """Return what keeps a text from being a pattern with a group, or nothing."""
    try:
        groups = regex.compile(pattern).groups
    except (regex.error, OverflowError, RecursionError) as wrong:
        return str(wrong)
    return "" if groups else "no group in parentheses"


def word(value: object) -> str:
    """Return a text or a number as one printable word, or nothing for anything else.

    What comes from outside ends in columns, logs and pages.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return "".join(_printable(str(value)))[:LONGEST_WORD].strip()


def sentence(value: object) -> str:
    """Return a text as one printable line for staff, or nothing for anything else."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(_printable(value.replace("\n", " "))).split())[:LONGEST_SENTENCE]


def _printable(text: str) -> Iterator[str]:
    return (each for each in text if each.isascii() and each.isprintable())
