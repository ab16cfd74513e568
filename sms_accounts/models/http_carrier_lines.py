"""What staff type of a carrier over HTTP: URLs, headers, fields and tables, a line for each."""

import json
import re
from collections.abc import Callable
from typing import Literal, cast
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from sms_accounts import extracts, outbound_urls, placeholders
from sms_accounts.models.carrier_codes import LATER, lines, ptt_in, wrong

TAKEN: Literal["taken"] = "taken"
Meaning = int | Literal["taken", "later"]
Check = Callable[[], None]

# What a carrier may report of a part.
STATES = ("enroute", "delivered", "expired", "undeliverable", "rejected", "unknown")

_HTTP_STATUS = re.compile(r"HTTP\s+([2-5]\d\d)", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# The panel's own, or those that only whoever writes the request can know.
_NOT_FOR_STAFF = ("host", "content-length", "transfer-encoding", "connection")


def check_url(url: str) -> None:
    """Refuse what cannot be called; a value may stand in the path and the query only."""
    unknown = placeholders.unknown_in(url)
    if unknown:
        raise _unknown(unknown[0])
    parts = urlsplit(url)
    if placeholders.names_in(f"{parts.scheme}{parts.netloc}"):
        raise ValidationError(_("The host must stand there as it is."))
    if parts.fragment:
        raise ValidationError(_("What follows a # is never sent: leave it out."))
    try:
        outbound_urls.read(url)
    except outbound_urls.NotAllowed as refused:
        raise ValidationError(str(refused)) from None


def check_panel_url(url: str) -> None:
    try:
        outbound_urls.read(url)
    except outbound_urls.NotAllowed as refused:
        raise ValidationError(str(refused)) from None
    if urlsplit(url).query or urlsplit(url).fragment:
        raise ValidationError(
            _("Only how the carrier reaches this panel, such as http://10.0.0.5.")
        )


def headers(text: str) -> list[tuple[str, str]]:
    """Return names and values of headers; raises ValidationError with the line that is wrong."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        is_name = _HEADER_NAME.fullmatch(name) and name.lower() not in _NOT_FOR_STAFF
        if not (is_name and colon and value and line.isprintable()):
            raise wrong(line)
        _check_names(value)
        found.append((name, value))
    return found


def fields(text: str) -> list[tuple[str, str]]:
    """Return the fields of a form; raises ValidationError with the line that is wrong."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not (name and equals):
            raise wrong(line)
        _check_names(value)
        found.append((name, value))
    return found


def check_body(text: str, kind: str) -> None:
    """Refuse a body that no part could be written into."""
    _check_names(text)
    if kind == "form":
        fields(text)
    if kind == "json":
        written = placeholders.fill(text, dict.fromkeys(placeholders.NAMES, "1"))
        try:
            json.loads(written)
        except ValueError as malformed:
            raise ValidationError(
                _("This is no JSON: %(problem)s. Placeholders of texts stand between quotes."),
                params={"problem": malformed},
            ) from None


def answer_codes(text: str) -> tuple[dict[str, Meaning], dict[int, Meaning]]:
    """Return what codes in an answer mean, and what its HTTP status does.

    Raises ValidationError with the line that is wrong.
    """
    codes: dict[str, Meaning] = {}
    statuses: dict[int, Meaning] = {}
    for line, code, said in lines(text):
        meaning = _meaning(line, said.lower())
        if status := _HTTP_STATUS.fullmatch(code):
            statuses[int(status[1])] = meaning
        else:
            codes[code] = meaning
    return codes, statuses


def _meaning(line: str, said: str) -> Meaning:
    if said in (TAKEN, LATER):
        return cast(Meaning, said)
    return ptt_in(line, said, is_final=True)


def dlr_states(text: str) -> dict[str, str]:
    """Return the state for each word; raises ValidationError with the line that is wrong."""
    found = {}
    for line, word, state in lines(text):
        if state.lower() not in STATES:
            raise wrong(line)
        found[word] = state.lower()
    return found


def check_headers(text: str) -> None:
    headers(text)


def check_answer_codes(text: str) -> None:
    answer_codes(text)


def check_dlr_states(text: str) -> None:
    dlr_states(text)


def check_place(text: str, *, is_json: bool) -> None:
    """Refuse what finds nothing in any answer: a pattern that is none, or has no group."""
    if text and not is_json and (problem := extracts.problem_of(text)):
        raise ValidationError(
            _("This is no regular expression with a group: %(problem)s."),
            params={"problem": problem},
        )


def _check_names(text: str) -> None:
    if unknown := placeholders.unknown_in(text):
        raise _unknown(unknown[0])


def _unknown(name: str) -> ValidationError:
    known = ", ".join(f"{{{each}}}" for each in placeholders.NAMES)
    return ValidationError(
        _("{%(name)s} stands for nothing. There are %(known)s."),
        params={"name": name, "known": known},
    )
