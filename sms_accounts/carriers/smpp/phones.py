"""Understands messages from phones: PDUs of the carrier that are no receipts.

Sources: SMPP v3.4 sections 5.2.12 (esm_class), 5.2.19 (data_coding), 5.3.2.22 to 24 (sar_*); 3GPP
TS 23.038 section 4 (data coding scheme), TS 23.040 section 9.2.3.24 (header of user data).
"""

from collections.abc import Iterator, Mapping

from sms_accounts.carriers.base import MalformedDlr
from sms_accounts.carriers.replies import LONGEST_NUMBER, Coding, MalformedReply, Part, Reply
from sms_accounts.carriers.smpp import receipts
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.pdus import ShortMessage, Tag

_HAS_HEADER = 0x40
# Elements of that header that join parts, with a reference of one octet and of two.
_JOINED, _JOINED_WIDELY = 0x00, 0x08

# Those of SMPP; one that is not here, nor in a group below, is shown as it came.
_CODINGS: Mapping[int, Coding] = {
    0x00: "gsm7",
    0x01: "ascii",
    0x02: "binary",
    0x03: "latin1",
    0x04: "binary",
    0x05: "kanji",
    0x06: "cyrillic",
    0x07: "hebrew",
    0x08: "ucs2",
}
# What two bits of the general group of the data coding scheme name.
_ALPHABETS: tuple[Coding, ...] = ("gsm7", "binary", "ucs2", "binary")


def read(body: bytes, options: Options) -> Reply:
    """Return the message in a whole PDU as it was stored; raises MalformedReply."""
    try:
        message = receipts.from_carrier(body)
    except MalformedDlr as malformed:
        raise MalformedReply(str(malformed)) from None
    octets = message.octets or message.parameters.get(Tag.MESSAGE_PAYLOAD, b"")
    header = b""
    if message.esm_class & _HAS_HEADER:
        header, octets = _without_header(octets)
    return Reply(
        sender=_address(message.source.text),
        receiver=_address(message.destination.text),
        coding=coding_of(message.data_coding, options),
        octets=octets,
        part=_part_by_header(header) or _part_by_parameters(message),
    )


def coding_of(data_coding: int, options: Options) -> Coding:
    """Return the alphabet that a data_coding stands for, with this carrier."""
    if data_coding == options.coding_gsm7:
        return "gsm7"
    if data_coding == options.coding_ucs2:
        return "ucs2"
    if data_coding in _CODINGS:
        return _CODINGS[data_coding]
    group = data_coding & 0xF0
    if 0x10 <= data_coding <= 0x3F:
        # Bit 5 says that the text is compressed, which nobody here can undo.
        return "binary" if data_coding & 0x20 else _ALPHABETS[data_coding >> 2 & 3]
    if group in (0xC0, 0xD0):
        return "gsm7"
    if group == 0xE0:
        return "ucs2"
    if group == 0xF0:
        return "binary" if data_coding & 0x04 else "gsm7"
    return "binary"


def _address(text: str) -> str:
    # A number that is cut is another one.
    if len(text) > LONGEST_NUMBER:
        raise MalformedReply("a number that is too long")
    return "".join(each if " " <= each <= "~" else "?" for each in text)


def _without_header(octets: bytes) -> tuple[bytes, bytes]:
    length = octets[0] if octets else 0
    if len(octets) < length + 1:
        raise MalformedReply("a header that is longer than its message")
    return octets[1 : length + 1], octets[length + 1 :]


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    while len(header) >= 2:
        kind, length = header[0], header[1]
        yield kind, header[2 : 2 + length]
        header = header[2 + length :]


def _part_by_header(header: bytes) -> Part | None:
    for kind, octets in _elements(header):
        if kind == _JOINED and len(octets) == 3:
            return _part(octets[0], total=octets[1], number=octets[2])
        if kind == _JOINED_WIDELY and len(octets) == 4:
            return _part(int.from_bytes(octets[:2]), total=octets[2], number=octets[3])
    return None


def _part_by_parameters(message: ShortMessage) -> Part | None:
    reference, total, number = (
        int.from_bytes(message.parameters.get(tag, b""))
        for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
    )
    return _part(reference, total=total, number=number)


def _part(reference: int, *, total: int, number: int) -> Part | None:
    """Return a part; a text of one, or a part that cannot be, stands for itself."""
    if not 1 <= number <= total <= 255 or total == 1 or reference > 0xFFFF:
        return None
    return Part(reference=reference, number=number, total=total)
