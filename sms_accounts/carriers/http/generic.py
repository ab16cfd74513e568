"""A carrier as staff describe it in a form: what to call, and what its answers and reports mean."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlencode

import structlog

from sms_accounts import extracts, placeholders
from sms_accounts.carriers.base import (
    Dlr,
    DlrState,
    MalformedDlr,
    OutcomeUnknown,
    Rejected,
    Submit,
)
from sms_accounts.carriers.http import calls, refusals
from sms_accounts.carriers.http.calls import Call
from sms_accounts.carriers.http.options import Generic, Meaning, Options
from sms_accounts.carriers.http.wire import Answer, Request
from sms_accounts.carriers.smpp import receipts, texts

log = structlog.get_logger(__name__)

# A refusal that nobody here knows: it is one, since staff have said which codes are none.
_UNKNOWN = 39

_CONTENT_TYPES: Mapping[str, str] = {
    "form": "application/x-www-form-urlencoded",
    "json": "application/json",
    "xml": "application/xml; charset=utf-8",
}
_WRITERS: Mapping[str, Callable[[str], str]] = {
    "json": placeholders.in_json,
    "xml": placeholders.in_xml,
}

# What each state is reported with, where no finer code is known.
_PTTS: Mapping[DlrState, int] = {
    "enroute": 3,
    "delivered": 4,
    "expired": 8,
    "undeliverable": 5,
    "rejected": 20,
    "unknown": 6,
}
# Words that need no line of their own: those of SMPP, and our own.
_KNOWN: Mapping[str, DlrState] = {
    **{stat.lower(): state for stat, (state, _ptt) in receipts.STATS.items()},
    **{state: state for state in _PTTS},
}


class GenericDialect:
    """The carrier of one form."""

    knows_references = False

    def __init__(self, options: Options, generic: Generic) -> None:
        self._options = options
        self._form = generic
        self._codes = dict(generic.codes)
        self._statuses = dict(generic.http_statuses)
        self._states = {**_KNOWN, **{word.lower(): state for word, state in generic.dlr_states}}
        self._dlr_codes = dict(generic.dlr_codes)
        self.dlr_answer = generic.dlr_answer

    def request_of(self, submit: Submit) -> Request:
        """Return the call with the values of a part in the places of their names."""
        form, values = self._form, self._values(submit)
        headers = tuple((name, placeholders.fill(text, values)) for name, text in form.headers)
        for _name, text in headers:
            if not text.isprintable():
                raise ValueError("a line break in a header")
            text.encode("latin-1")
        body: bytes | None = None
        if form.method == "POST":
            body = self._body(values).encode()
            if not any(name.lower() == "content-type" for name, _text in headers):
                headers = (("Content-Type", _CONTENT_TYPES[form.body_kind]), *headers)
        url = placeholders.fill(self._options.url, values, placeholders.in_url)
        return Request(method=form.method, url=url, headers=headers, body=body)

    def _body(self, values: Mapping[str, str]) -> str:
        if self._form.body_kind in _WRITERS:
            return placeholders.fill(self._form.body, values, _WRITERS[self._form.body_kind])
        filled = [(name, placeholders.fill(text, values)) for name, text in self._form.fields]
        # What a part does not have, such as a class, is not said at all.
        return urlencode([(name, text) for name, text in filled if text])

    def _values(self, submit: Submit) -> dict[str, str]:
        options, form = self._options, self._form
        password = options.password or ""
        basic = base64.b64encode(f"{options.username}:{password}".encode()).decode()
        udh = bytes((5, 0, 3, submit.concat_reference, submit.parts, submit.part))
        return {
            "to": submit.msisdn,
            "from": submit.sender,
            "text": submit.text,
            "hex": texts.octets_of(submit).hex(),
            "reference": submit.reference,
            "coding": form.coding_gsm7 if submit.coding == "gsm7" else form.coding_ucs2,
            "class": "" if submit.message_class is None else str(submit.message_class),
            "validity": str(int(submit.validity.total_seconds())) if submit.validity else "",
            "part": str(submit.part),
            "parts": str(submit.parts),
            "udh": udh.hex() if submit.parts > 1 else "",
            "username": options.username,
            "password": password,
            "basic": basic,
            "dlr_url": calls.with_reference(options.dlr_url, submit.reference),
        }

    def understand(self, answer: Answer) -> str:
        """Return the id in an answer, or raise what its code or its status means."""
        found = self._finder(answer)
        code = found(self._form.code_at)
        meaning = self._meaning(answer.status, code)
        shown = code or f"status {answer.status}"
        if meaning == "later":
            raise refusals.busy(answer, shown)
        if isinstance(meaning, int):
            raise Rejected(code=shown[:40], ptt=meaning)
        if meaning is None and not 200 <= answer.status < 300:
            raise refusals.by_status(self._options.name, answer)
        if meaning is None and (unknown := self._unlisted(code)):
            raise unknown
        carrier_message_id = found(self._form.id_at)
        if self._form.id_at and not carrier_message_id and meaning != "taken":
            raise OutcomeUnknown("no id in the answer")
        return carrier_message_id

    def _meaning(self, status: int, code: str) -> Meaning | None:
        if code in self._codes:
            return self._codes[code]
        return self._statuses.get(status)

    def _unlisted(self, code: str) -> Rejected | None:
        """Return a refusal where staff have said which codes mean that a part was taken."""
        if not code or "taken" not in self._codes.values():
            return None
        log.warning("carrier_code_unknown", carrier=self._options.name, code=code)
        return Rejected(code=code[:40], ptt=_UNKNOWN)

    def _finder(self, answer: Answer) -> Callable[[str], str]:
        if not self._form.reads_json:
            return lambda pattern: (
                extracts.word(extracts.searched(answer.text, pattern)) if pattern else ""
            )
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            said = None
        return lambda path: extracts.word(extracts.at(said, path)) if path else ""

    def dlrs_of(self, call: Call) -> list[Dlr]:
        """Return the reports in a call, each from its own fields and those that the URL had."""
        fields = call.fields()
        found = extracts.at(call.content(), self._form.dlr_list_at)
        reports = found if isinstance(found, list) else [found]
        return [self._dlr(report, fields) for report in reports]

    def _dlr(self, report: object, fields: Mapping[str, str]) -> Dlr:
        form = self._form

        def word(name: str) -> str:
            if not name:
                return ""
            return extracts.word(extracts.at(report, name)) or extracts.word(fields.get(name, ""))

        named = {calls.REFERENCE: word(form.dlr_reference)} if form.dlr_reference else {}
        reference = calls.reference_in(named) or calls.reference_in(fields)
        carrier_message_id = word(form.dlr_id) or None
        if reference is None and carrier_message_id is None:
            raise MalformedDlr("a report without an id and without our reference")
        said, code = word(form.dlr_state), word(form.dlr_code)
        if not said:
            raise MalformedDlr("a report without a state")
        state = self._states.get(said.lower())
        if state is None:
            log.warning("carrier_code_unknown", carrier=self._options.name, state=said)
        state = cast(DlrState, state or "unknown")
        finer = self._dlr_codes.get(code) or self._dlr_codes.get(code.lstrip("0"))
        return Dlr(
            reference=reference,
            carrier_message_id=carrier_message_id,
            state=state,
            ptt=finer if finer in receipts.PTTS[state] and finer else _PTTS[state],
            code=(f"{said} err:{code}" if code else said)[:40],
            at=None,
        )
