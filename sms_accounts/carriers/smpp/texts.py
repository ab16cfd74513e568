"""A part's text as octets, and how the SMSC is told what they are.

Sources: 3GPP TS 23.038 (alphabets, data coding scheme), TS 23.040 section 9.2.3.24.1 (the
header that joins parts), SMPP v3.4 sections 5.2.12 (esm_class) and 5.3.2 (optional parameters).
"""

from dataclasses import dataclass, field

from sms_accounts import gsm
from sms_accounts.carriers.base import Submit
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.pdus import Tag

_ESCAPE = 0x1B
# In the alphabet's order its places are the codes, but for that of the escape itself.
_BASIC = {
    character: place if place < _ESCAPE else place + 1 for place, character in enumerate(gsm.BASIC)
}
_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}

_HAS_HEADER = 0x40
# Coding groups of the data coding scheme that have a message class in their last two bits.
_CLASS_GSM7, _CLASS_UCS2 = 0xF0, 0x18


@dataclass(frozen=True, kw_only=True)
class Written:
    """A text as the fields of a submit_sm have it."""

    data_coding: int
    esm_class: int = 0
    octets: bytes = field(default=b"", repr=False)
    parameters: dict[int, bytes] = field(default_factory=dict, repr=False)


def write(submit: Submit, options: Options) -> Written:
    """Return a part's text as octets, with what joins it to the other parts."""
    octets = octets_of(submit)
    parameters: dict[int, bytes] = {}
    esm_class = 0
    if options.joining == "payload":
        parameters[Tag.MESSAGE_PAYLOAD] = octets
        octets = b""
    elif submit.parts > 1 and options.joining == "sar":
        parameters[Tag.SAR_MSG_REF_NUM] = submit.concat_reference.to_bytes(2)
        parameters[Tag.SAR_TOTAL_SEGMENTS] = submit.parts.to_bytes(1)
        parameters[Tag.SAR_SEGMENT_SEQNUM] = submit.part.to_bytes(1)
    elif submit.parts > 1:
        # One element of three octets: reference, how many parts, which of them.
        octets = bytes((5, 0, 3, submit.concat_reference, submit.parts, submit.part)) + octets
        esm_class = _HAS_HEADER
    if submit.message_class is not None and not options.class_in_coding:
        # 1 is the display, 2 the phone, 3 the SIM, 4 what is attached to it.
        parameters[Tag.DEST_ADDR_SUBUNIT] = (submit.message_class + 1).to_bytes(1)
    return Written(
        data_coding=_data_coding(submit, options),
        esm_class=esm_class,
        octets=octets,
        parameters=parameters,
    )


def octets_of(submit: Submit) -> bytes:
    """Return a part's text in its coding; raises ValueError on a character that it lacks."""
    return gsm7(submit.text) if submit.coding == "gsm7" else submit.text.encode("utf-16-be")


def gsm7(text: str) -> bytes:
    """Return a text in GSM 03.38, an octet for each septet; the SMSC packs them.

    Raises ValueError on a character that the alphabet lacks.
    """
    octets = bytearray()
    for character in text:
        if character in _BASIC:
            octets.append(_BASIC[character])
        elif character in _EXTENSION:
            octets += bytes((_ESCAPE, _EXTENSION[character]))
        else:
            raise ValueError("a character that GSM 03.38 lacks")
    return bytes(octets)


def _data_coding(submit: Submit, options: Options) -> int:
    is_gsm7 = submit.coding == "gsm7"
    if submit.message_class is not None and options.class_in_coding:
        return (_CLASS_GSM7 if is_gsm7 else _CLASS_UCS2) | submit.message_class
    return options.coding_gsm7 if is_gsm7 else options.coding_ucs2
