"""Texts as octets: the alphabet against another implementation, and what joins parts."""

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_accounts import gsm
from sms_accounts.carriers.base import Submit
from sms_accounts.carriers.smpp import texts
from sms_accounts.carriers.smpp.options import Options
from sms_accounts.carriers.smpp.pdus import Tag

CODEC = gsm0338.Codec()


def options(**given):
    return Options(name="acme", host="h", port=1, system_id="i", password="p", **given)


def part(text="Hello", *, coding="gsm7", number=1, parts=1, message_class=None):
    return Submit(
        reference="ab" * 16,
        msisdn="33639980004",
        sender="PANEL",
        text=text,
        coding=coding,
        part=number,
        parts=parts,
        concat_reference=200,
        message_class=message_class,
    )


class TestGsm7:
    @given(st.text(st.sampled_from(gsm.BASIC + gsm.EXTENSION)))
    def test_is_what_another_implementation_makes_of_it(self, text):
        expected, _length = CODEC.encode(text)

        assert texts.gsm7(text) == expected

    def test_refuses_what_the_alphabet_lacks(self):
        with pytest.raises(ValueError, match="lacks"):
            texts.gsm7("ç")


class TestWrite:
    def test_joins_parts_by_a_header_of_six_octets(self):
        written = texts.write(part("b", number=2, parts=3), options(joining="udh"))

        assert written.octets == b"\x05\x00\x03\xc8\x03\x02b"
        assert written.esm_class == 0x40
        assert written.parameters == {}

    def test_joins_parts_by_three_parameters(self):
        written = texts.write(part("b", number=2, parts=3), options(joining="sar"))

        assert (written.octets, written.esm_class) == (b"b", 0)
        assert written.parameters == {
            Tag.SAR_MSG_REF_NUM: b"\x00\xc8",
            Tag.SAR_TOTAL_SEGMENTS: b"\x03",
            Tag.SAR_SEGMENT_SEQNUM: b"\x02",
        }

    def test_puts_a_text_of_any_length_into_a_payload(self):
        written = texts.write(part("x" * 700), options(joining="payload"))

        assert (written.octets, written.esm_class) == (b"", 0)
        assert written.parameters == {Tag.MESSAGE_PAYLOAD: b"x" * 700}

    @pytest.mark.parametrize("joining", ["udh", "sar"])
    def test_adds_nothing_to_a_single_part(self, joining):
        written = texts.write(part("€"), options(joining=joining))

        assert (written.octets, written.esm_class, written.parameters) == (b"\x1be", 0, {})

    def test_writes_unicode_in_pairs_of_octets(self):
        written = texts.write(part("ç🙂", coding="ucs2"), options())

        assert written.octets == b"\x00\xe7\xd8\x3d\xde\x42"
        assert written.data_coding == 8

    @pytest.mark.parametrize(
        ("coding", "message_class", "expected"),
        [("gsm7", None, 1), ("ucs2", None, 24), ("gsm7", 0, 0xF0), ("ucs2", 2, 0x1A)],
    )
    def test_names_coding_and_class_in_one_octet(self, coding, message_class, expected):
        chosen = options(coding_gsm7=1, coding_ucs2=24)

        written = texts.write(part(coding=coding, message_class=message_class), chosen)

        assert written.data_coding == expected

    def test_names_the_class_by_a_parameter_where_a_carrier_wants_that(self):
        written = texts.write(part(message_class=0), options(class_in_coding=False))

        assert written.data_coding == 0
        assert written.parameters == {Tag.DEST_ADDR_SUBUNIT: b"\x01"}
