"""The words of Kannel's sendsms, its answers, and the escapes of its DLR URLs.

Source: Kannel 1.4.5 User's Guide, chapter 10, "Using the SMSC services" and "Delivery reports".
"""

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import structlog

from sms_accounts import extracts
from sms_accounts.carriers.base import Dlr, DlrState, MalformedDlr, OutcomeUnknown, Rejected, Submit
from sms_accounts.carriers.http import calls, refusals
from sms_accounts.carriers.http.calls import Call
from sms_accounts.carriers.http.options import Kannel, Options
from sms_accounts.carriers.http.wire import Answer, Request
from sms_accounts.carriers.smpp import receipts, statuses

log = structlog.get_logger(__name__)

# Of all that there is: delivered, not delivered, waiting there, taken by the SMSC, refused by it.
_EVERY_REPORT = 31
# The bits of a report's kind, the first that is set counts. An expired part has two of them.
_KINDS: tuple[tuple[int, DlrState, int], ...] = (
    (1, "delivered", 4),
    (32, "expired", 8),
    (2, "undeliverable", 5),
    (16, "rejected", 20),
    (8, "enroute", 3),
    (4, "enroute", 3),
)
_FAILURES: tuple[DlrState, ...] = ("expired", "undeliverable", "rejected", "unknown")

# What Kannel fills in: kind of report, id and answer of the SMSC, seconds since 1970.
_ESCAPES = "d=%d&id=%F&answer=%A&at=%T"

_TAKEN = re.compile(r"\s*(?:0:|3:|Sent\.)")
_NOT_ROUTABLE = re.compile(r"Not routable", re.IGNORECASE)
_LISTED = re.compile(r"white- and/or black-?lists", re.IGNORECASE)
_STAT = re.compile(r"\bstat:[ ]?(\w+)", re.IGNORECASE)
_ERR = re.compile(r"\berr:[ ]?(\w+)", re.IGNORECASE)
# As its SMPP says it: NACK/0x0000000b/Invalid Destination Address, or the number as a decimal.
_NACK = re.compile(r"NACK/(0x[0-9a-f]{1,8}|\d{1,10})/?", re.IGNORECASE)

_NO_ROUTE, _BARRED = 20, 23


class KannelDialect:
    """One sendsms user of a Kannel."""

    knows_references = False
    dlr_answer = "OK"

    def __init__(self, options: Options, kannel: Kannel) -> None:
        self._options = options
        self._smsc = kannel.smsc
        self._err_codes = dict(kannel.err_codes)

    def request_of(self, submit: Submit) -> Request:
        """Return a GET, which every version takes; UTF-8, of which it makes the coding's octets."""
        options = self._options
        fields: dict[str, str | bytes] = {
            "username": options.username,
            "password": options.password or "",
            "from": submit.sender,
            "to": submit.msisdn,
            "text": submit.text,
            "charset": "UTF-8",
            "coding": "0" if submit.coding == "gsm7" else "2",
            "dlr-mask": str(_EVERY_REPORT),
            "dlr-url": f"{calls.with_reference(options.dlr_url, submit.reference)}&{_ESCAPES}",
        }
        if submit.parts > 1:
            fields["udh"] = bytes((5, 0, 3, submit.concat_reference, submit.parts, submit.part))
        if submit.message_class is not None:
            fields["mclass"] = str(submit.message_class)
        if submit.validity is not None:
            fields["validity"] = str(max(int(submit.validity.total_seconds() // 60), 1))
        if self._smsc:
            fields["smsc"] = self._smsc
        joined = "&" if "?" in options.url else "?"
        return Request(method="GET", url=f"{options.url}{joined}{urlencode(fields)}")

    def understand(self, answer: Answer) -> str:
        """Return an empty id, since Kannel gives none, or raise what else it says."""
        said = answer.text
        if answer.status in (200, 202):
            if _TAKEN.match(said):
                return ""
            raise OutcomeUnknown("an answer that Kannel does not give")
        if answer.status in (403, 404) and _NOT_ROUTABLE.search(said):
            raise Rejected(code="Not routable", ptt=_NO_ROUTE)
        if answer.status in (400, 403, 404) and _LISTED.search(said):
            raise Rejected(code="Number on a list of Kannel", ptt=_BARRED)
        raise refusals.by_status(self._options.name, answer)

    def dlrs_of(self, call: Call) -> list[Dlr]:
        """Return the one report in a call of the URL that went along with the part."""
        fields = call.fields()
        reference = calls.reference_in(fields)
        if reference is None:
            raise MalformedDlr("a report without our reference")
        state, ptt, code = self._meaning(fields.get("d", ""), fields.get("answer", ""))
        return [
            Dlr(
                reference=reference,
                carrier_message_id=extracts.word(fields.get("id", "")) or None,
                state=state,
                ptt=ptt,
                code=code,
                at=_moment(fields.get("at", "")),
            )
        ]

    def _meaning(self, kind: str, answer: str) -> tuple[DlrState, int, str]:
        """Return state, ptt and code: the kind decides, what the SMSC said makes it finer."""
        said = _of_smsc(answer) or f"dlr {extracts.word(kind)[:10]}".strip()
        bits = int(kind) if kind.isascii() and kind.isdecimal() and len(kind) <= 3 else 0
        found = [(state, ptt) for bit, state, ptt in _KINDS if bits & bit]
        if not found:
            log.warning("carrier_code_unknown", carrier=self._options.name, kind=kind[:10])
            return "unknown", 6, said
        state, ptt = found[0]
        if state == "rejected":
            return state, _ptt_of_nack(answer) or ptt, said
        stat, err = _first(_STAT, answer).upper(), _first(_ERR, answer)
        finer = receipts.STATS.get(stat)
        if state == "undeliverable" and finer and finer[0] in _FAILURES:
            state, ptt = finer
        by_code = self._err_codes.get(err) or self._err_codes.get(err.lstrip("0"))
        if by_code in receipts.PTTS[state]:
            ptt = by_code or ptt
        return state, ptt, said


def _of_smsc(answer: str) -> str:
    """Return the code in what the SMSC said: of a receipt, or of an answer to the part."""
    if stat := _first(_STAT, answer):
        err = _first(_ERR, answer)
        return f"{stat} err:{err}" if err else stat
    return extracts.word(answer)[:40] if answer.upper().startswith("NACK") else ""


def _ptt_of_nack(answer: str) -> int | None:
    given = _first(_NACK, answer)
    if not given:
        return None
    return statuses.REFUSALS.get(int(given, 16 if given.lower().startswith("0x") else 10))


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text[: extracts.LONGEST_SEARCHED])
    return found[1] if found else ""


def _moment(seconds: str) -> datetime | None:
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= 10):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)
