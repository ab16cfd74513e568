"""Templates with placeholders such as {to}: fills in values, written as the place needs them.

Substitution and nothing else: what a value says is never read as a placeholder again.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import quote
from xml.sax.saxutils import escape as xml_escape

Kind = Literal["form", "json", "xml"]

# What each placeholder stands for is in docs/http-carriers.md.
NAMES = (
    "to",
    "from",
    "text",
    "hex",
    "reference",
    "coding",
    "class",
    "validity",
    "part",
    "parts",
    "udh",
    "username",
    "password",
    "basic",
    "dlr_url",
)

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def in_url(value: str) -> str:
    """Write a value as a part of a URL, of its path as well as of its query."""
    return quote(value, safe="")


def in_json(value: str) -> str:
    """Write a value between the quotes of a JSON text."""
    return json.dumps(value)[1:-1]


def in_xml(value: str) -> str:
    """Write a value into the text or an attribute of an XML document."""
    return xml_escape(value, {'"': "&quot;", "'": "&apos;"})


def fill(template: str, values: Mapping[str, str], write: Callable[[str], str] = str) -> str:
    """Return a template with its values in the places of their names."""
    return _PLACEHOLDER.sub(
        lambda found: write(values[found[1]]) if found[1] in values else found[0], template
    )


def unknown_in(template: str) -> list[str]:
    """Return the names in braces that stand for nothing."""
    return [name for name in _PLACEHOLDER.findall(template) if name not in NAMES]


def names_in(template: str) -> set[str]:
    """Return the names of the values that a template has a place for."""
    return {name for name in _PLACEHOLDER.findall(template) if name in NAMES}
