"""http2sms as the wire of a carrier: another panel like this one, or a provider who speaks it."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import structlog

from sms_accounts import codes, extracts
from sms_accounts import http2sms as words
from sms_accounts.carriers.base import (
    Dlr,
    DlrState,
    MalformedDlr,
    OutcomeUnknown,
    Rejected,
    Submit,
    TryLater,
    short_reference,
)
from sms_accounts.carriers.http import refusals
from sms_accounts.carriers.http.calls import Call
from sms_accounts.carriers.http.options import Http2sms, Options
from sms_accounts.carriers.http.wire import Answer, Request

log = structlog.get_logger(__name__)

# A tag has room for 20 characters: so many digits of our reference, a slash and three of the
# receiver's. By it a report finds a part that was never answered.
_DIGITS_IN_TAG = 16

_REFUSED_SENDER, _REFUSED = 20, 20
_WRONG_RECEIVER = 23

# Texts of status 202 that say nothing against the message: it waits until somebody sees to it.
_OF_THE_ACCOUNT = re.compile(r"credential|password|login|smsAccount|credit|quota", re.IGNORECASE)
_OF_THE_RECEIVER = re.compile(r"receiver", re.IGNORECASE)

# What became of a part, by the number that callbacks call description.
_BY_DLR_ID: Mapping[int, DlrState] = {
    codes.PENDING: "enroute",
    codes.SUCCESS: "delivered",
    codes.FAILED: "undeliverable",
    codes.WAITING: "enroute",
    codes.BUFFERED: "enroute",
    codes.NOT_BILLED: "rejected",
}
_PTT_OF: Mapping[DlrState, int] = {
    "enroute": 3,
    "delivered": 4,
    "expired": 8,
    "undeliverable": 5,
    "rejected": 20,
    "unknown": 6,
}
# Failures with one of these are known under another state.
_BY_PTT: Mapping[int, DlrState] = {6: "unknown", 8: "expired", 21: "expired", 24: "expired"}


class Http2smsDialect:
    """One API user of an account elsewhere."""

    dlr_answer = "OK"

    def __init__(self, options: Options, http2sms: Http2sms) -> None:
        self._options = options
        self._account = http2sms.account
        self.knows_references = http2sms.knows_keys

    def request_of(self, submit: Submit) -> Request:
        """Return a POST, whose body keeps the password out of URLs."""
        options = self._options
        fields = words.form(
            account=self._account,
            login=options.username,
            password=options.password or "",
            sender=submit.sender,
            msisdn=submit.msisdn,
            text=submit.text,
        )
        fields = words.with_options(
            fields, content_type=words.JSON, idempotency_key=submit.reference
        )
        if not self.knows_references:
            # To others it is no parameter at all.
            del fields[words.IDEMPOTENCY_KEY]
        fields |= words.carried(
            coding=submit.coding,
            message_class=submit.message_class,
            tag=short_reference(submit.reference, submit.msisdn, kept=_DIGITS_IN_TAG),
        )
        return Request(
            method="POST",
            url=options.url,
            headers=(("Content-Type", "application/x-www-form-urlencoded"),),
            body=urlencode(fields).encode(),
        )

    def understand(self, answer: Answer) -> str:
        """Return the id of the message, or raise what the status in the answer says."""
        said = _json_object(answer.body)
        status = extracts.word(said.get("status"))
        if answer.status in (429, 503) or status in ("429", "503"):
            raise refusals.busy(answer, f"status {status or answer.status}")
        if answer.status != 200 or not status:
            raise refusals.by_status(self._options.name, answer)
        if status.startswith("1"):
            return words.first_id(said)
        raise self._refusal(status, said)

    def _refusal(
        self, status: str, said: Mapping[str, Any]
    ) -> Rejected | TryLater | OutcomeUnknown:
        cause = extracts.sentence(said.get("message"))
        if words.IDEMPOTENCY_KEY in cause:
            # It has the part under this key, though not to the letter: it must not be paid back.
            return OutcomeUnknown("the key came before, with other parameters")
        code = f"{status} {cause}".strip()[:40]
        if status == "241":
            return Rejected(code=code, ptt=_REFUSED_SENDER)
        if status in ("201", "401") or (status == "202" and _OF_THE_ACCOUNT.search(cause)):
            return refusals.of_the_call(self._options.name, code)
        if status == "202":
            is_receiver = _OF_THE_RECEIVER.search(cause)
            return Rejected(code=code, ptt=_WRONG_RECEIVER if is_receiver else _REFUSED)
        log.warning("carrier_code_unknown", carrier=self._options.name, status=status)
        return OutcomeUnknown(f"status {status}")

    def dlrs_of(self, call: Call) -> list[Dlr]:
        """Return the one report in a callback, which is a GET, or JSON that is posted."""
        said: dict[str, object] = dict(call.fields())
        content = call.content()
        if isinstance(content, dict):
            said |= content
        reference = extracts.word(said.get("tag")) or None
        carrier_message_id = extracts.word(said.get("id")) or None
        if reference is not None and "/" not in reference:
            # Somebody else's tag.
            reference = None
        if reference is None and carrier_message_id is None:
            raise MalformedDlr("a callback without an id")
        ptt, dlr_id = _number(said.get("ptt")), _number(said.get("description", said.get("dlr")))
        state, understood = self._meaning(ptt, dlr_id)
        return [
            Dlr(
                reference=reference,
                carrier_message_id=carrier_message_id,
                state=state,
                ptt=understood,
                code=f"ptt:{'' if ptt is None else ptt} dlr:{'' if dlr_id is None else dlr_id}",
                at=_moment(said.get("changedAt")),
            )
        ]

    def _meaning(self, ptt: int | None, dlr_id: int | None) -> tuple[DlrState, int]:
        state = self._state(ptt, dlr_id)
        known = codes.PTTS.get(ptt) if ptt is not None else None
        fits = known is not None and known.is_final == (state != "enroute")
        if ptt is not None and fits and (ptt == 4) == (state == "delivered"):
            return state, ptt
        return state, _PTT_OF[state]

    def _state(self, ptt: int | None, dlr_id: int | None) -> DlrState:
        state = _BY_DLR_ID.get(dlr_id) if dlr_id is not None else None
        if state is None and ptt in codes.PTTS:
            state = "delivered" if ptt == 4 else "undeliverable"
            state = state if codes.PTTS[ptt].is_final else "enroute"
        if state is None:
            log.warning("carrier_code_unknown", carrier=self._options.name, ptt=ptt, dlr=dlr_id)
            return "unknown"
        if state == "undeliverable" and ptt is not None:
            return _BY_PTT.get(ptt, state)
        return state


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _number(value: object) -> int | None:
    given = extracts.word(value)
    return int(given) if given.isdecimal() and len(given) <= 4 else None


def _moment(value: object) -> datetime | None:
    """Return the moment of a posted callback; the date of the others names no time zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.utcoffset() is not None else None
