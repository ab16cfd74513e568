"""Messages from phones over SMPP: codings, parts, and whatever else may come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_accounts import gsm, reply_texts
from sms_accounts.carriers.replies import MalformedReply, Part
from sms_accounts.carriers.smpp import phones, texts
from sms_accounts.carriers.smpp.pdus import Address, Command, Pdu, ShortMessage, Tag, c_string
from tests.smpp.test_texts import options

PHONE, NUMBER = "33639980004", "36184"


def from_phone(octets=b"Hello", *, data_coding=0, esm_class=0, parameters=None):
    message = ShortMessage(
        source=Address(text=PHONE, ton=1, npi=1),
        destination=Address(text=NUMBER, ton=3),
        esm_class=esm_class,
        data_coding=data_coding,
        octets=octets,
        parameters=parameters or {},
    )
    return Pdu(Command.DELIVER_SM, 0, 1, message.encode()).encode()


def read(*args, given=None, **more):
    return phones.read(from_phone(*args, **more), given or options())


def text_of(*args, **more):
    reply = read(*args, **more)
    return reply_texts.text_of([(reply.coding, reply.octets)])


class TestCoding:
    def test_reads_every_character_of_the_alphabet_as_it_is_written(self):
        for character in gsm.BASIC + gsm.EXTENSION:
            assert text_of(texts.gsm7(character)) == character

    @pytest.mark.parametrize(
        ("octets", "data_coding", "text"),
        [
            ("Ça va €".encode("utf-16-be"), 8, "Ça va €"),
            ("👍".encode("utf-16-be"), 8, "👍"),
            ("Ça va".encode("latin-1"), 3, "Ça va"),
            (b"plain", 1, "plain"),
            (b"\xc7", 1, "\ufffd"),
            ("Привет".encode("iso8859-5"), 6, "Привет"),
            ("שלום".encode("iso8859-8"), 7, "שלום"),
            (b"\x01\xfe", 2, "01FE"),
            (b"\x01\xfe", 4, "01FE"),
            (b"\x01\xfe", 0xF5, "01FE"),
            (texts.gsm7("é{}"), 0xF1, "é{}"),
            (texts.gsm7("é"), 0x10, "é"),
            ("é".encode("utf-16-be"), 0x19, "é"),
            ("é".encode("utf-16-be"), 0xE0, "é"),
            (b"\x01", 0x30, "01"),
            (b"\x1b\x02\x1b", 0, "$"),
            (b"\x80", 0, "\ufffd"),
            (b"\0\0", 8, "\ufffd"),
        ],
    )
    def test_is_what_the_standards_say(self, octets, data_coding, text):
        assert text_of(octets, data_coding=data_coding) == text

    def test_is_what_staff_set_for_this_carrier_first(self):
        ours = options(coding_gsm7=3, coding_ucs2=4)

        assert text_of(texts.gsm7("à@"), data_coding=3, given=ours) == "à@"
        assert text_of("à".encode("utf-16-be"), data_coding=4, given=ours) == "à"


class TestParts:
    @pytest.mark.parametrize(
        ("header", "part"),
        [
            (b"\x05\x00\x03\x07\x03\x02", Part(reference=7, number=2, total=3)),
            (b"\x06\x08\x04\x01\x07\x03\x02", Part(reference=0x107, number=2, total=3)),
            (b"\x08\x24\x01\x01\x00\x03\x07\x03\x02", Part(reference=7, number=2, total=3)),
            (b"\x05\x00\x03\x07\x01\x01", None),
            (b"\x05\x00\x03\x07\x02\x03", None),
            (b"\x05\x00\x03\x07\x02\x00", None),
            (b"\x02\x70\x00", None),
            (b"\x00", None),
        ],
    )
    def test_are_told_by_the_header(self, header, part):
        reply = read(header + b"text", esm_class=0x40)

        assert (reply.part, reply.octets) == (part, b"text")

    def test_are_told_by_parameters(self):
        parameters = {
            Tag.SAR_MSG_REF_NUM: b"\x01\x07",
            Tag.SAR_TOTAL_SEGMENTS: b"\x02",
            Tag.SAR_SEGMENT_SEQNUM: b"\x01",
        }

        assert read(parameters=parameters).part == Part(reference=0x107, number=1, total=2)

    def test_may_come_as_a_payload(self):
        payload = b"\x05\x00\x03\x07\x02\x01" + b"long"

        reply = read(b"", esm_class=0x40, parameters={Tag.MESSAGE_PAYLOAD: payload})

        assert (reply.part, reply.octets) == (Part(reference=7, number=1, total=2), b"long")


def data_sm(esm_class, parameters):
    body = b"".join(
        (
            c_string("", longest=5),
            b"\x01\x01" + c_string(PHONE, longest=20),
            b"\x03\x00" + c_string(NUMBER, longest=20),
            bytes((esm_class, 0, 3)),
            *(tag.to_bytes(2) + len(each).to_bytes(2) + each for tag, each in parameters.items()),
        )
    )
    return Pdu(Command.DATA_SM, 0, 1, body).encode()


def test_a_data_sm_is_read_too():
    reply = phones.read(data_sm(0, {Tag.MESSAGE_PAYLOAD: "Ça".encode("latin-1")}), options())

    assert (reply.sender, reply.receiver) == (PHONE, NUMBER)
    assert reply_texts.text_of([(reply.coding, reply.octets)]) == "Ça"


class TestRead:
    def test_tells_from_whom_and_to_whom(self):
        reply = read()

        assert (reply.sender, reply.receiver, reply.carrier_id) == (PHONE, NUMBER, "")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            from_phone()[:-1],
            from_phone() * 2,
            from_phone(b"", esm_class=0x40),
            from_phone(b"\x06\x00\x03\x07\x02", esm_class=0x40),
            Pdu(Command.SUBMIT_SM, 0, 1, b"").encode(),
        ],
    )
    def test_refuses_what_is_no_message(self, body):
        with pytest.raises(MalformedReply):
            phones.read(body, options())

    @given(
        st.binary(max_size=200)
        | st.builds(
            from_phone,
            st.binary(max_size=140),
            data_coding=st.integers(0, 255),
            esm_class=st.sampled_from([0, 0x40]),
            parameters=st.dictionaries(st.sampled_from(list(Tag)), st.binary(max_size=70)),
        )
    )
    def test_never_fails_in_another_way(self, body):
        try:
            reply = phones.read(body, options())
        except MalformedReply:
            return

        text = reply_texts.text_of([(reply.coding, reply.octets)])
        assert "\0" not in text
        assert text.encode() is not None
