"""Reads a call that a carrier made to us, as it was stored: a query, a form, or JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from sms_accounts import extracts
from sms_accounts.carriers.base import MalformedDlr

# In which of the URLs that we hand out our reference comes back.
REFERENCE = "ref"

_LONGEST_REFERENCE = 36
_MOST_FIELDS = 100
_JSON = ("application/json", "text/json")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call as it came in."""

    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    query: str = field(default="", repr=False)

    def fields(self) -> dict[str, str]:
        """Return the fields of the query, and of the body if it is a form."""
        found = _form(self.query)
        if self.body and not self._is_json:
            found |= _form(self.body.decode(errors="replace"))
        return found

    def content(self) -> object:
        """Return what a JSON body says, or None for any other body."""
        if not self._is_json:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise MalformedDlr("the body is not JSON") from None

    @property
    def _is_json(self) -> bool:
        if self.content_type.partition(";")[0].strip().lower() in _JSON:
            return True
        # Some say nothing about it, or call everything a form.
        return self.body.lstrip()[:1] in (b"{", b"[")


def with_reference(dlr_url: str, reference: str) -> str:
    """Return the URL under which a carrier reports on one part."""
    return f"{dlr_url}?{REFERENCE}={reference}"


def reference_in(fields: Mapping[str, str], name: str = REFERENCE) -> str | None:
    """Return our reference as the carrier gives it back, or None where there is none.

    References of ours are short and plain: anything else is somebody else's.
    """
    given = extracts.word(fields.get(name, ""))
    return given if 0 < len(given) <= _LONGEST_REFERENCE else None


def _form(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise MalformedDlr("more fields than any report has") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found
