"""A carrier that is called over HTTP, as `delivery` knows carriers."""

import hmac
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from sms_accounts.carriers.base import Dlr, Rejected, Submit, TryLater, turn_came
from sms_accounts.carriers.http.calls import Call
from sms_accounts.carriers.http.generic import GenericDialect
from sms_accounts.carriers.http.http2sms import Http2smsDialect
from sms_accounts.carriers.http.kannel import KannelDialect
from sms_accounts.carriers.http.options import Generic, Kannel, Options
from sms_accounts.carriers.http.wire import Answer, Line, Request
from sms_accounts.carriers.pacing import Brakes, Pace

_UNWRITABLE = 20

# For how long ahead a carrier with a rate gets messages, and how long one of them waits at most.
_SECONDS_AHEAD = 4
_TURN_WITHIN = timedelta(seconds=15)


class Dialect(Protocol):
    """The words of one kind of carrier."""

    # Whether a part that comes again under its reference gets the first answer again.
    knows_references: bool
    dlr_answer: str

    def request_of(self, submit: Submit) -> Request:
        """Return the call that hands a part over; raises ValueError if it cannot be written."""

    def understand(self, answer: Answer) -> str:
        """Return the id in an answer, or raise Rejected, TryLater or OutcomeUnknown."""

    def dlrs_of(self, call: Call) -> list[Dlr]:
        """Return the reports in a call of the carrier, or raise MalformedDlr."""


def dialect_of(options: Options) -> Dialect:
    """Return the words for the kind of carrier that staff have chosen."""
    if isinstance(options.dialect, Kannel):
        return KannelDialect(options, options.dialect)
    if isinstance(options.dialect, Generic):
        return GenericDialect(options, options.dialect)
    return Http2smsDialect(options, options.dialect)


class Http:
    """The carrier of these options. Safe to share among threads."""

    def __init__(self, options: Options, *, brakes: Brakes | None = None) -> None:
        self.options = options
        self.name = options.name
        self.takes_long_texts = options.takes_long_texts
        self.window = _window(options)
        self._dialect = dialect_of(options)
        self.knows_references = self.repeats_are_safe = self._dialect.knows_references
        self.dlr_answer = self._dialect.dlr_answer
        self._pace = Pace(options.rate, brakes)
        self._line = Line(
            options.url,
            answer_within=options.answer_within,
            certificates=options.certificates,
        )

    def submit(self, submit: Submit) -> str:
        """Hand one part over and return the carrier's id of it, where it gives one."""
        request = self.request_of(submit)
        self._wait_for_turn()
        turn_came()
        sent_at = time.monotonic()
        answer = self.call(request)
        try:
            carrier_message_id = self.understand(answer)
        except TryLater:
            self._pace.slow_down(sent_at=sent_at)
            raise
        self._pace.speed_up(sent_at=sent_at)
        return carrier_message_id

    def request_of(self, submit: Submit) -> Request:
        """Return the call that hands a part over; raises Rejected, or TryLater without password."""
        if self.options.password is None:
            raise TryLater("its password cannot be read: type it in again")
        try:
            return self._dialect.request_of(submit)
        except ValueError:
            raise Rejected(code="cannot be written for this carrier", ptt=_UNWRITABLE) from None

    def call(self, request: Request) -> Answer:
        """Make a call at once; raises TryLater or OutcomeUnknown without an answer."""
        return self._line.call(request)

    def understand(self, answer: Answer) -> str:
        """Return the id in an answer, or raise what else it says."""
        return self._dialect.understand(answer)

    def parse_dlrs(self, body: bytes, headers: Mapping[str, str], query: str = "") -> list[Dlr]:
        """Return the reports in one call of the carrier, in their order."""
        content_type = headers.get("Content-Type", "")
        return self._dialect.dlrs_of(Call(body=body, content_type=content_type, query=query))

    def authorised(self, headers: Mapping[str, str], secret: str = "") -> bool:
        """Tell whether the URL had the secret. Without a secret nobody is let in."""
        expected = self.options.dlr_secret
        return hmac.compare_digest(secret.encode(), expected.encode()) and bool(expected)

    def _wait_for_turn(self) -> None:
        """Wait as long as the pace demands; raises TryLater where that is too long."""
        ends_at = time.monotonic() + _TURN_WITHIN.total_seconds()
        while (seconds := self._pace.take()) > 0:
            if time.monotonic() + seconds > ends_at:
                raise TryLater("its turn did not come")
            time.sleep(seconds)


def _window(options: Options) -> int:
    """Return how many messages are claimed at once: to fill the window, and to be sent soon."""
    if options.rate is None:
        return options.window
    return min(options.window, max(options.rate * _SECONDS_AHEAD, 1))
