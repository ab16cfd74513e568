"""Understands the receipts of a carrier: PDUs with a text, or with parameters, or both.

Sources: SMPP v3.4, sections 2.11, 5.2.12, 5.3.2.35 and appendix B. The text is the carriers' own
business by the standard, and so there is a setting for what they differ in.
"""

import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from sms_accounts.carriers.base import Dlr, DlrState, MalformedDlr, short_reference
from sms_accounts.carriers.smpp import pdus
from sms_accounts.carriers.smpp.options import Ids, Options
from sms_accounts.carriers.smpp.pdus import Command, MalformedPdu, Pdu, ShortMessage, Tag

log = structlog.get_logger(__name__)

# What each word of a text, and each number of a parameter, means to us, and the ptt where there
# is no finer reason.
STATS: Mapping[str, tuple[DlrState, int]] = {
    "ENROUTE": ("enroute", 3),
    "ACCEPTD": ("enroute", 3),
    "BUFFRED": ("enroute", 3),
    "DELIVRD": ("delivered", 4),
    "EXPIRED": ("expired", 8),
    "DELETED": ("undeliverable", 5),
    "UNDELIV": ("undeliverable", 5),
    "REJECTD": ("rejected", 20),
    "UNKNOWN": ("unknown", 6),
}
MESSAGE_STATES: Mapping[int, str] = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}

# The ptt codes that a carrier's `err` may stand for in each state: a reason for a failure never
# turns a delivery into one.
_FAILED = frozenset({5, 6, 8, 20, 21, 23, 24, 25, 26, 27, 28, 29, 33, 39, 73, 74, 76, 202})
PTTS: Mapping[DlrState, frozenset[int]] = {
    "enroute": frozenset({1, 2, 3}),
    "delivered": frozenset({4}),
    "expired": _FAILED,
    "undeliverable": _FAILED,
    "rejected": _FAILED,
    "unknown": frozenset({6}),
}

# Bits of esm_class: a receipt of the SMSC, and an intermediate notification.
_IS_RECEIPT, _IS_INTERMEDIATE = 0x04, 0x20

_FIELD = re.compile(r"\b(id|stat|err|done date):[ ]?([^\s]*)", re.IGNORECASE)
_PRINTABLE = frozenset(string.ascii_letters + string.digits + string.punctuation + " ")
_LONGEST_ID = 64


def is_receipt(message: ShortMessage) -> bool:
    """Tell a receipt from a message that somebody sent."""
    if message.esm_class & (_IS_RECEIPT | _IS_INTERMEDIATE):
        return True
    # Some carriers leave the class at zero, and say it with parameters.
    return Tag.RECEIPTED_MESSAGE_ID in message.parameters


def read(body: bytes, options: Options) -> Dlr:
    """Return the report in a whole PDU as it was stored; raises MalformedDlr."""
    message = from_carrier(body)
    if not is_receipt(message):
        raise MalformedDlr("a message from a phone, and not a receipt")
    fields = _fields(message)
    carrier_message_id = _id(message, fields, options)
    reference = _reference(message)
    if not reference and not carrier_message_id:
        raise MalformedDlr("a receipt without an id")
    stat, err = _stat(message, fields), _word(fields.get("err", ""))
    state, ptt = meaning(stat, err, options)
    return Dlr(
        reference=reference,
        carrier_message_id=carrier_message_id,
        state=state,
        ptt=ptt,
        code=f"{stat} err:{err}" if err else stat,
        at=_moment(fields.get("done date", "")),
    )


def from_carrier(body: bytes) -> ShortMessage:
    """Read a whole deliver_sm or data_sm, header and all; raises MalformedDlr."""
    try:
        found: list[Pdu] = list(pdus.Splitter().feed(body))
        if len(found) != 1:
            raise MalformedDlr("not one PDU")
        return message_in(found[0])
    except MalformedPdu as malformed:
        raise MalformedDlr(str(malformed)) from None


def message_in(pdu: Pdu) -> ShortMessage:
    """Read what a carrier hands over in a PDU; raises MalformedPdu."""
    if pdu.command == Command.DELIVER_SM:
        return pdus.short_message(pdu.body)
    if pdu.command == Command.DATA_SM:
        return pdus.data_sm(pdu.body)
    raise MalformedPdu("neither a deliver_sm nor a data_sm")


def meaning(stat: str, err: str, options: Options) -> tuple[DlrState, int]:
    """Return state and ptt of what the carrier said.

    An unknown word is `unknown`. A known word with a reason that staff did not put into their
    table keeps its state, and takes the ptt that the word has without one. Both are logged.
    """
    if stat not in STATS:
        log.warning("carrier_code_unknown", carrier=options.name, stat=stat, err=err)
        return "unknown", 6
    state, ptt = STATS[stat]
    if not err.strip("0"):
        return state, ptt
    finer = options.err_codes.get(err) or options.err_codes.get(err.lstrip("0"))
    if finer is not None and finer in PTTS[state]:
        return state, finer
    if state not in ("delivered", "enroute"):
        log.warning("carrier_code_unknown", carrier=options.name, stat=stat, err=err)
    return state, ptt


def canonical_id(given: str, ids: Ids) -> str:
    """Return the carrier's id in the one form in which ids of answers and receipts are compared."""
    word = _word(given)
    if ids == "exact":
        return word
    if ids == "decimal" and word.isdecimal():
        return str(int(word))
    if ids == "hex" and word and all(each in string.hexdigits for each in word):
        return str(int(word, 16))
    return word.lower().lstrip("0") or word


def _fields(message: ShortMessage) -> dict[str, str]:
    octets = message.octets or message.parameters.get(Tag.MESSAGE_PAYLOAD, b"")
    # Whatever the coding says, these texts are ASCII; one in UCS-2 has a zero before each letter.
    text = octets.replace(b"\0", b"").decode("latin-1")
    # What follows are the first words of the message itself, which may look like anything.
    head = re.split(r"\btext:", text, maxsplit=1, flags=re.IGNORECASE)[0]
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(head):
        found.setdefault(name.lower(), value)
    return found


def _id(message: ShortMessage, fields: Mapping[str, str], options: Options) -> str | None:
    # By the standard the parameter has the id of the answer, in the form of the answer.
    if octets := message.parameters.get(Tag.RECEIPTED_MESSAGE_ID):
        given = octets.partition(b"\0")[0].decode("latin-1")
        return canonical_id(given, options.ids_in_answers) or None
    return canonical_id(fields.get("id", ""), options.ids_in_receipts) or None


def _reference(message: ShortMessage) -> str | None:
    octets = message.parameters.get(Tag.USER_MESSAGE_REFERENCE, b"")
    if len(octets) != 2:
        return None
    # A receipt comes from the number that the message went to.
    return short_reference(octets.hex(), message.source.text)


def _stat(message: ShortMessage, fields: Mapping[str, str]) -> str:
    if stat := _word(fields.get("stat", "")).upper():
        return stat
    octets = message.parameters.get(Tag.MESSAGE_STATE, b"")
    if len(octets) != 1:
        raise MalformedDlr("a receipt without a state")
    return MESSAGE_STATES.get(octets[0], f"STATE{octets[0]}")


def _word(given: str) -> str:
    # What comes from outside ends in columns, logs and pages.
    return "".join(each for each in given.strip() if each in _PRINTABLE)[:_LONGEST_ID]


def _moment(text: str) -> datetime | None:
    """Return the time of a receipt, to the minute or second; it names no zone: UTC by custom."""
    for form, length in (("%y%m%d%H%M", 10), ("%y%m%d%H%M%S", 12)):
        if len(text) == length and text.isdecimal():
            try:
                return datetime.strptime(text, form).replace(tzinfo=UTC)
            except ValueError:
                return None
    return None
