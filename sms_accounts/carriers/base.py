"""What every carrier takes, answers and reports; alone names how a submit fails."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

DlrState = Literal["enroute", "delivered", "expired", "undeliverable", "rejected", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Submit:
    """One part, on its way to a carrier.

    `reference` is ours and at most 36 characters long; a carrier that `knows_references` does
    not put the part on air again when it sees it again. `concat_reference` (0 to 255) is the
    same for all parts of a message. Number and text stay out of the representation, and so out
    of error reports.
    """

    reference: str
    msisdn: str = field(repr=False)
    sender: str
    text: str = field(repr=False)
    coding: Literal["gsm7", "ucs2"]
    part: int
    parts: int
    concat_reference: int
    message_class: int | None = None
    validity: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Dlr:
    """One report of a carrier about one part, in our words.

    At least one of `reference` and `carrier_message_id` is set. `reference` is ours, whole or as
    `short_reference` makes it. `code` is what the carrier itself said, kept as it came.
    """

    reference: str | None
    carrier_message_id: str | None
    state: DlrState
    ptt: int
    code: str
    at: datetime | None


# Of a reference, what fits into the 16 bits that some protocols have for it, as hex digits.
SHORT = 4
_DIGITS_KEPT = 3


def short_reference(reference: str, msisdn: str, *, kept: int = SHORT) -> str:
    """Return what is left of a reference where a carrier keeps so many of its digits.

    With the last digits of the receiver even 16 bits tell the few parts apart that wait for a
    word.
    """
    digits = "".join(filter(str.isdecimal, msisdn))
    return f"{reference[:kept]}/{digits[-_DIGITS_KEPT:]}"


class Rejected(Exception):
    """The carrier refused the part for good: it will never be delivered."""

    def __init__(self, *, code: str, ptt: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code
        self.ptt = ptt


class TryLater(Exception):
    """The carrier took nothing; the same submit is safe later, after `wait` if it said one."""

    def __init__(self, reason: str, *, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class OutcomeUnknown(Exception):
    """The request may have reached the carrier and no answer came: neither resend nor refund."""


class MalformedDlr(Exception):
    """What came as a report is none, or lacks what makes it one."""


_turn = threading.local()


def turn_came() -> None:
    """Say that the part of this thread is written now, and did not wait for the carrier before.

    To be called by a carrier's module that spaces parts out, in `submit`.
    """
    _turn.at = time.monotonic()


def asked_at(began: float) -> float:
    """Return since when the carrier was waited for in a submit that began at a moment."""
    return max(began, getattr(_turn, "at", began))


class Carrier(Protocol):
    """What `delivery` and the DLR endpoint know about a carrier."""

    name: str

    # Whether a part that comes again under the same reference is not put on air again. Where
    # nobody promises that, a part without an answer goes out again under a new one.
    knows_references: bool

    # Whether we count on more than that: it answers the repetition as it did the first time. Then
    # a part without an answer is handed over again at once, and nobody has to decide.
    repeats_are_safe: bool

    # How many parts it takes at once: so many threads call `submit` at the same time.
    window: int

    # Whether it takes a text of several parts in one piece, and splits it itself.
    takes_long_texts: bool

    def submit(self, submit: Submit) -> str:
        """Return the carrier's id of the part, or raise Rejected, TryLater or OutcomeUnknown.

        A carrier may say that it took the part and give no id: then the id is empty.
        """

    # What it wants to read once its report is stored.
    dlr_answer: str

    def parse_dlrs(self, body: bytes, headers: Mapping[str, str], query: str = "") -> list[Dlr]:
        """Return the reports in one call of the carrier, in their order, or raise MalformedDlr.

        `query` is what the URL of the call had after a question mark, as it came.
        """

    def authorised(self, headers: Mapping[str, str], secret: str = "") -> bool:
        """Tell in constant time whether a call comes from the carrier.

        `secret` is what its URL had after the carrier's name.
        """
