"""Alone writes the answers of http2sms, in each of its six formats."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from html import escape
from typing import NamedTuple

_LONGEST_SHOWN = 40


class Accepted(NamedTuple):
    """What was stored; the ids in the order of the receivers."""

    message_ids: tuple[int, ...]
    invalid: tuple[str, ...]
    credits_left: Decimal

    @property
    def status(self) -> int:
        return 100

    @property
    def http_status(self) -> int:
        return 200

    @property
    def lines(self) -> list[str]:
        """The answer as people read it: credit left, then one id a line."""
        return [_credits(self.credits_left), *map(str, self.message_ids)]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why nothing was sent; `hint` is a sentence more, where the format has room for it.

    `retry_after` is the time after which the same call may go through, where that is known.
    """

    status: int
    cause: str
    hint: str = ""
    retry_after: timedelta | None = None

    @property
    def http_status(self) -> int:
        """200 for most; what a client of HTTP must understand stands in the body too."""
        return self.status if self.status in (429, 503) else 200

    @property
    def message(self) -> str:
        return f"{self.cause}. {self.hint}" if self.hint else self.cause


Answer = Accepted | Refused


class NotSent(Exception):
    """The request gets an answer other than 100; nothing was stored or paid."""

    def __init__(
        self, status: int, cause: str, *, hint: str = "", retry_after: timedelta | None = None
    ) -> None:
        super().__init__(cause)
        self.answer = Refused(status=status, cause=cause, hint=hint, retry_after=retry_after)


def shown(text: str) -> str:
    """Return what came from a request as it may stand in an answer: short, and in one line.

    XML cannot hold a control character in any form, and in a plain answer a line break
    would end the cause.
    """
    cut = text[:_LONGEST_SHOWN] + ("…" if len(text) > _LONGEST_SHOWN else "")
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut
    )


def _credits(credits: Decimal) -> str:
    return f"{credits:.2f}"


def _plain(answer: Answer) -> str:
    if isinstance(answer, Refused):
        return f"KO\n{answer.cause}\n"
    return "\n".join(["OK", *answer.lines])


def _html(answer: Answer) -> str:
    if isinstance(answer, Refused):
        body = f"KO<br>{escape(answer.cause)}<br>"
    else:
        body = "\n".join(f"{line}<br>" for line in ["OK", *answer.lines])
    return (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
        ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        "<HTML>\n"
        "<HEAD>\n"
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
        "<title>HTTP2SMS</title>\n"
        "</HEAD>\n"
        "<BODY>\n"
        f"{body}\n"
        "</BODY>\n"
        "</HTML>\n"
    )


def _xml(answer: Answer) -> str:
    if isinstance(answer, Refused):
        inner = _element("message", escape(answer.message))
    else:
        inner = _element("creditLeft", _credits(answer.credits_left))
        inner += _elements("smsIds", "smsId", map(str, answer.message_ids))
        if answer.invalid:
            inner += _elements("invalidReceivers", "invalidReceiver", map(shown, answer.invalid))
    status = _element("status", str(answer.status))
    return f'<?xml version="1.0" encoding="UTF-8" ?>{_element("response", status + inner)}'


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


def _elements(name: str, each: str, texts: "map[str]") -> str:
    return _element(name, "".join(_element(each, escape(text)) for text in texts))


def _json(answer: Answer) -> str:
    if isinstance(answer, Refused):
        content: dict[str, object] = {"status": answer.status, "message": answer.message}
    else:
        ids = [str(message_id) for message_id in answer.message_ids]
        # Of the clients in use some know one spelling of the ids only, some the other.
        content = {
            "status": answer.status,
            "smsIds": ids,
            "SmsIds": ids,
            "creditLeft": _credits(answer.credits_left),
        }
        if answer.invalid:
            content["invalidReceivers"] = [shown(given) for given in answer.invalid]
    return json.dumps(content, separators=(",", ":"))


DEFAULT_FORMAT = "text/plain"
FORMATS: dict[str, Callable[[Answer], str]] = {
    DEFAULT_FORMAT: _plain,
    "text/html": _html,
    "text/xml": _xml,
    "application/xml": _xml,
    "text/json": _json,
    "application/json": _json,
}


def headers(answer: Answer, content_type: str) -> dict[str, str]:
    """Return the headers of an answer in one of the formats."""
    named = {
        "Content-Type": f"{content_type}; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Language": "en",
        "X-Content-Type-Options": "nosniff",
    }
    if isinstance(answer, Refused) and answer.retry_after is not None:
        named["Retry-After"] = str(math.ceil(answer.retry_after.total_seconds()))
    return named
