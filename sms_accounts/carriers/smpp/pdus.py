"""The PDUs of SMPP 3.4 that an ESME needs, as octets; alone knows how they are laid out.

Source: SMPP Protocol Specification v3.4, sections 3.2, 4 and 5.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum

_HEADER = struct.Struct(">LLLL")
# The longest message is a payload of 65,535 octets, and no PDU has much beside it.
_LONGEST = 70_000
_RESPONSE = 0x8000_0000

VERSION = 0x34
LAST_SEQUENCE = 0x7FFF_FFFF


class Command(IntEnum):
    """The commands that are sent or understood."""

    BIND_RECEIVER = 0x01
    BIND_TRANSMITTER = 0x02
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    ENQUIRE_LINK = 0x15
    ALERT_NOTIFICATION = 0x102
    DATA_SM = 0x103
    GENERIC_NACK = 0x8000_0000


# In these a carrier hands over receipts and messages from phones.
FROM_CARRIER = frozenset({Command.DELIVER_SM, Command.DATA_SM})


class Tag(IntEnum):
    """The optional parameters that are sent or understood."""

    DEST_ADDR_SUBUNIT = 0x0005
    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class MalformedPdu(Exception):
    """The octets are no PDU, or not the one that their header names."""


@dataclass(frozen=True)
class Pdu:
    """One PDU: its header's fields, and its body as octets."""

    command: int
    status: int
    sequence: int
    body: bytes = field(default=b"", repr=False)

    @property
    def is_response(self) -> bool:
        return self.command >= _RESPONSE

    def answers(self, command: int) -> bool:
        """Tell whether this can be the answer to a command; a refusal of any may be general."""
        return self.command in (command | _RESPONSE, Command.GENERIC_NACK)

    def encode(self) -> bytes:
        length = _HEADER.size + len(self.body)
        return _HEADER.pack(length, self.command, self.status, self.sequence) + self.body


@dataclass(frozen=True, kw_only=True)
class Address:
    """A number or a name, and what kind of one it is."""

    text: str = field(default="", repr=False)
    ton: int = 0
    npi: int = 0


@dataclass(frozen=True, kw_only=True)
class ShortMessage:
    """What submit_sm and deliver_sm have in common, which is all of both."""

    source: Address = Address()
    destination: Address = Address()
    service_type: str = ""
    esm_class: int = 0
    validity_period: str = ""
    registered_delivery: int = 0
    data_coding: int = 0
    octets: bytes = field(default=b"", repr=False)
    parameters: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    def encode(self) -> bytes:
        return b"".join(
            (
                c_string(self.service_type, longest=5),
                *(_encode_address(address) for address in (self.source, self.destination)),
                # Protocol id and priority; no time to begin at.
                bytes((self.esm_class, 0, 0)),
                c_string("", longest=0),
                c_string(self.validity_period, longest=16),
                # Replaces no former message, and is none that is kept ready at the SMSC.
                bytes((self.registered_delivery, 0, self.data_coding, 0, len(self.octets))),
                self.octets,
                *(
                    struct.pack(">HH", tag, len(octets)) + octets
                    for tag, octets in self.parameters.items()
                ),
            )
        )


class Splitter:
    """Cuts what comes in from a connection into PDUs."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, octets: bytes) -> Iterator[Pdu]:
        """Yield the PDUs that are whole now; raises MalformedPdu, after which nothing can be read.

        Where a length is impossible, nobody knows where the next PDU begins.
        """
        self._received += octets
        while len(self._received) >= _HEADER.size:
            length, command, status, sequence = _HEADER.unpack_from(self._received)
            if not _HEADER.size <= length <= _LONGEST:
                raise MalformedPdu(f"a PDU of {length} octets")
            if len(self._received) < length:
                return
            body = bytes(self._received[_HEADER.size : length])
            del self._received[:length]
            yield Pdu(command, status, sequence, body)


class _Reader:
    """Reads the fields of a body one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._place = 0

    def integer(self) -> int:
        return self.octets(1)[0]

    def octets(self, count: int) -> bytes:
        end = self._place + count
        if end > len(self._body):
            raise MalformedPdu("a PDU that ends too early")
        taken = self._body[self._place : end]
        self._place = end
        return taken

    def text(self, *, longest: int) -> str:
        """Return a text that ends with an octet of zero; nothing but that is promised of it."""
        end = self._body.find(b"\0", self._place, self._place + longest + 1)
        if end < 0:
            raise MalformedPdu("a text without an end")
        taken = self._body[self._place : end]
        self._place = end + 1
        return taken.decode("latin-1")

    def address(self, *, longest: int = 20) -> Address:
        ton, npi = self.integer(), self.integer()
        return Address(ton=ton, npi=npi, text=self.text(longest=longest))

    def parameters(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while self._place < len(self._body):
            tag, length = struct.unpack(">HH", self.octets(4))
            found[tag] = self.octets(length)
        return found


def response(request: Pdu, *, status: int = 0) -> Pdu:
    """Return the answer to a request of the SMSC."""
    # The answers with a body have an id in it, which is not used and therefore empty.
    body = b"\0" if request.command in FROM_CARRIER else b""
    return Pdu(request.command | _RESPONSE, status, request.sequence, body)


def nack(request: Pdu, *, status: int) -> Pdu:
    """Return the answer to what is no request of the protocol, or none for us."""
    return Pdu(Command.GENERIC_NACK, status, request.sequence)


def bind(*, system_id: str, password: str, system_type: str) -> bytes:
    """Return the body of any of the three binds."""
    return b"".join(
        (
            c_string(system_id, longest=15),
            # The standard says 8; some carriers give out longer ones, and take them.
            c_string(password, longest=32),
            c_string(system_type, longest=12),
            # Neither a kind nor a range of addresses that we would serve.
            bytes((VERSION, 0, 0)),
            c_string("", longest=0),
        )
    )


def short_message(body: bytes) -> ShortMessage:
    """Read the body of a submit_sm or deliver_sm; raises MalformedPdu."""
    reader = _Reader(body)
    service_type = reader.text(longest=5)
    source, destination = reader.address(), reader.address()
    esm_class, _protocol, _priority = reader.octets(3)
    _begin, validity_period = reader.text(longest=16), reader.text(longest=16)
    registered_delivery, _replace, data_coding, _canned, length = reader.octets(5)
    return ShortMessage(
        source=source,
        destination=destination,
        service_type=service_type,
        esm_class=esm_class,
        validity_period=validity_period,
        registered_delivery=registered_delivery,
        data_coding=data_coding,
        octets=reader.octets(length),
        parameters=reader.parameters(),
    )


def data_sm(body: bytes) -> ShortMessage:
    """Read the body of a data_sm, whose text is a parameter; raises MalformedPdu."""
    reader = _Reader(body)
    service_type = reader.text(longest=5)
    source, destination = reader.address(longest=64), reader.address(longest=64)
    esm_class, registered_delivery, data_coding = reader.octets(3)
    return ShortMessage(
        source=source,
        destination=destination,
        service_type=service_type,
        esm_class=esm_class,
        registered_delivery=registered_delivery,
        data_coding=data_coding,
        parameters=reader.parameters(),
    )


def message_id(body: bytes) -> str:
    """Return the id in the body of a submit_sm_resp, or nothing where there is none.

    An SMSC may leave the whole body out, or the octet that ends the id. Raises MalformedPdu where
    it cannot be one, as when the rest of a PDU was lost and the next was taken for it.
    """
    octets, _end, rest = body.partition(b"\0")
    if len(octets) > 64 or not all(0x20 <= octet < 0x7F for octet in octets):
        raise MalformedPdu("an answer with an id that cannot be one")
    _Reader(rest).parameters()
    return octets.decode("ascii")


def system_id(body: bytes) -> str:
    """Return what an SMSC calls itself in its answer to a bind; shown and nothing else."""
    return body.partition(b"\0")[0][:15].decode("latin-1")


def relative_time(span: timedelta) -> str:
    """Return a span as SMPP writes it; at most 63 weeks, as GSM has it.

    Source: section 7.1.1.1.
    """
    seconds = min(int(span.total_seconds()), 63 * 7 * 86_400)
    days, seconds = divmod(seconds, 86_400)
    years, days = divmod(days, 365)
    months, days = divmod(days, 30)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    return f"{years:02}{months:02}{days:02}{hours:02}{minutes:02}{seconds:02}000R"


def c_string(text: str, *, longest: int) -> bytes:
    """Return a text with the octet that ends it; raises ValueError where it is too long.

    It is never cut: half a password or half a number is another one.
    """
    octets = text.encode("ascii")
    if len(octets) > longest or b"\0" in octets:
        raise ValueError(f"must be at most {longest} ASCII characters")
    return octets + b"\0"


def _encode_address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + c_string(address.text, longest=20)
