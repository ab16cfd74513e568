"""Speaks to the simulated carrier and understands its reports; alone knows its words and codes."""

import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from sms_accounts.carriers.base import (
    Dlr,
    DlrState,
    MalformedDlr,
    OutcomeUnknown,
    Rejected,
    Submit,
    TryLater,
)
from sms_accounts.carriers.http.wire import Answer, Line, Request

log = structlog.get_logger(__name__)

# What each word of the carrier means to us, and the ptt where it gives no finer reason.
STATS: Mapping[str, tuple[DlrState, int]] = {
    "ENROUTE": ("enroute", 3),
    "ACCEPTD": ("enroute", 3),
    "DELIVRD": ("delivered", 4),
    "EXPIRED": ("expired", 8),
    "DELETED": ("undeliverable", 5),
    "UNDELIV": ("undeliverable", 5),
    "REJECTD": ("rejected", 20),
    "UNKNOWN": ("unknown", 6),
}

# The finer reasons in `err`. Whether one fits depends on what has become of the part.
_NO_REASON = "000"
_WHY_WAITING = {"001": 1, "002": 2, "003": 3}
_WHY_FAILED = {
    "005": 5,
    "006": 6,
    "008": 8,
    "020": 20,
    "021": 21,
    "023": 23,
    "024": 24,
    "025": 25,
    "026": 26,
    "027": 27,
    "028": 28,
    "029": 29,
    "033": 33,
    "039": 39,
    "073": 73,
    "074": 74,
    "076": 76,
    "202": 202,
}
REASONS: Mapping[DlrState, Mapping[str, int]] = {
    "enroute": _WHY_WAITING,
    "delivered": {"004": 4},
    "expired": _WHY_FAILED,
    "undeliverable": _WHY_FAILED,
    "rejected": _WHY_FAILED,
    "unknown": {"006": 6},
}


class Simulator:
    """The simulated carrier, seen from the panel. Safe to share among threads."""

    name = "simulator"
    knows_references = True
    window = 256
    takes_long_texts = False
    dlr_answer = "OK"

    def __init__(
        self,
        *,
        url: str,
        secret: str,
        repeats_are_safe: bool = False,
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self.repeats_are_safe = repeats_are_safe
        self._authorization = f"Bearer {secret}"
        self._has_secret = bool(secret)
        self._url = f"{url.rstrip('/')}/submit"
        self._line = Line(url, answer_within=timeout)

    def submit(self, submit: Submit) -> str:
        """Hand one part over and return the carrier's id of it."""
        headers = (("Authorization", self._authorization), ("Content-Type", "application/json"))
        request = Request(method="POST", url=self._url, headers=headers, body=_to_wire(submit))
        return _understand(self._line.call(request))

    def parse_dlrs(self, body: bytes, headers: Mapping[str, str], query: str = "") -> list[Dlr]:
        """Return the reports in one call of the carrier, in their order."""
        try:
            reports = json.loads(body)
        except (ValueError, RecursionError):
            raise MalformedDlr("the body is not JSON") from None
        if not isinstance(reports, list):
            raise MalformedDlr("the body is not a list of reports")
        return [_to_dlr(report) for report in reports]

    def authorised(self, headers: Mapping[str, str], secret: str = "") -> bool:
        """Tell whether the header carries the secret. Without a secret nobody is let in."""
        given = headers.get("Authorization", "")
        same = hmac.compare_digest(given.encode(), self._authorization.encode())
        return same and self._has_secret


def meaning(stat: str, err: str) -> tuple[DlrState, int]:
    """Return state and ptt of what the carrier said.

    An unknown word is `unknown`. A known word with an unknown reason keeps its state and
    takes the ptt that the word has without one. Both are logged.
    """
    if stat not in STATS:
        log.warning("carrier_code_unknown", carrier=Simulator.name, stat=stat, err=err)
        return "unknown", 6
    state, ptt = STATS[stat]
    if err == _NO_REASON:
        return state, ptt
    if err not in REASONS[state]:
        log.warning("carrier_code_unknown", carrier=Simulator.name, stat=stat, err=err)
        return state, ptt
    return state, REASONS[state][err]


def _to_wire(submit: Submit) -> bytes:
    wire = {
        "ref": submit.reference,
        "to": submit.msisdn,
        "from": submit.sender,
        "text": submit.text,
        "coding": submit.coding,
        "part": submit.part,
        "parts": submit.parts,
        "concat": submit.concat_reference,
        "class": submit.message_class,
        "validity": int(submit.validity.total_seconds()) if submit.validity else None,
    }
    return json.dumps(wire).encode()


def _understand(answer: Answer) -> str:
    said = _json_object(answer.body)
    if answer.status == 200 and isinstance(said.get("id"), str) and said["id"]:
        return str(said["id"])
    if answer.status in (429, 503):
        raise TryLater("the carrier is busy", wait=answer.retry_after)
    if 400 <= answer.status < 500:
        raise _refusal(answer.status, said)
    raise OutcomeUnknown(f"status {answer.status} without an id")


def _refusal(status: int, answer: Mapping[str, Any]) -> Rejected | TryLater:
    stat, err = answer.get("stat"), answer.get("err")
    if not isinstance(stat, str) or not isinstance(err, str):
        # The call is at fault and not the message, such as a wrong secret: nothing was taken,
        # and the message must not be lost for it.
        log.error("carrier_refused_the_call", carrier=Simulator.name, status=status)
        return TryLater(f"the carrier refused the call with status {status}")
    _, ptt = meaning(stat, err)
    return Rejected(code=_code(stat, err), ptt=ptt)


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _to_dlr(report: object) -> Dlr:
    if not isinstance(report, dict):
        raise MalformedDlr("a report is not an object")
    reference = _word(report, "ref", longest=36)
    carrier_message_id = _word(report, "id", longest=64)
    stat = _word(report, "stat", longest=20)
    err = _word(report, "err", longest=20) or _NO_REASON
    if reference is None and carrier_message_id is None:
        raise MalformedDlr("a report names neither 'ref' nor 'id'")
    if stat is None:
        raise MalformedDlr("a report has no 'stat'")
    state, ptt = meaning(stat, err)
    return Dlr(
        reference=reference,
        carrier_message_id=carrier_message_id,
        state=state,
        ptt=ptt,
        code=_code(stat, err),
        at=_moment(report.get("done_at")),
    )


def _word(report: Mapping[str, Any], name: str, *, longest: int) -> str | None:
    value = report.get(name)
    if value is None or value == "":
        return None
    # Printable ASCII only: what comes from outside ends in columns, logs and pages.
    if (
        not isinstance(value, str)
        or len(value) > longest
        or not (value.isascii() and value.isprintable())
    ):
        raise MalformedDlr(f"'{name}' must be at most {longest} printable ASCII characters")
    return value


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise MalformedDlr("'done_at' must be an ISO 8601 moment with its offset")
    return moment


def _code(stat: str, err: str) -> str:
    return f"{stat} err:{err}"
