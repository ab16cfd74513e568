"""PDUs as octets: against a library that others wrote, and against whatever may come in."""

import struct
from datetime import timedelta

import pytest
import smpplib.smpp
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_accounts.carriers.smpp import pdus
from sms_accounts.carriers.smpp.pdus import (
    Address,
    Command,
    MalformedPdu,
    Pdu,
    ShortMessage,
    Splitter,
    Tag,
)

octet = st.integers(0, 255)
addresses = st.builds(
    Address,
    text=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20),
    ton=octet,
    npi=octet,
)
# The parameters that smpplib writes and reads with any length of octets.
messages = st.builds(
    ShortMessage,
    source=addresses,
    destination=addresses,
    service_type=st.sampled_from(["", "CMT"]),
    esm_class=octet,
    validity_period=st.sampled_from(["", "000003000000000R"]),
    registered_delivery=octet,
    data_coding=octet,
    octets=st.binary(max_size=254),
    parameters=st.dictionaries(
        st.just(Tag.MESSAGE_PAYLOAD), st.binary(min_size=1, max_size=300), max_size=1
    ),
)


class Numbered:
    """What smpplib takes sequence numbers from."""

    sequence = 1

    def next_sequence(self):
        return 1


def split(octets):
    return list(Splitter().feed(octets))


class TestShortMessage:
    @given(messages)
    def test_is_read_by_smpplib_as_it_was_meant(self, message):
        raw = Pdu(Command.SUBMIT_SM, 0, 7, message.encode()).encode()

        read = smpplib.smpp.parse_pdu(raw, client=Numbered(), allow_unknown_opt_params=True)

        assert (read.command, read.sequence) == ("submit_sm", 7)
        assert read.source_addr.decode() == message.source.text
        assert (read.dest_addr_ton, read.dest_addr_npi) == (
            message.destination.ton,
            message.destination.npi,
        )
        assert read.destination_addr.decode() == message.destination.text
        assert read.validity_period.decode() == message.validity_period
        assert (read.esm_class, read.data_coding) == (message.esm_class, message.data_coding)
        assert read.registered_delivery == message.registered_delivery
        assert (read.short_message or b"") == message.octets
        assert read.message_payload == message.parameters.get(Tag.MESSAGE_PAYLOAD)

    @given(messages)
    def test_is_read_back_whole(self, message):
        assert pdus.short_message(message.encode()) == message

    def test_is_never_cut_to_fit(self):
        with pytest.raises(ValueError, match="at most 20"):
            ShortMessage(destination=Address(text="1" * 21)).encode()

    @given(messages, st.integers(0, 400))
    def test_that_ends_too_early_is_refused(self, message, length):
        whole = ShortMessage(
            source=message.source, destination=message.destination, octets=message.octets
        ).encode()
        if length >= len(whole):
            return

        with pytest.raises(MalformedPdu):
            pdus.short_message(whole[:length])

    @given(st.binary(max_size=300))
    def test_of_any_octets_is_read_or_refused(self, octets):
        try:
            message = pdus.short_message(octets)
        except MalformedPdu:
            return

        assert message.octets in octets


class TestBind:
    def test_is_read_by_smpplib_as_it_was_meant(self):
        body = pdus.bind(system_id="panel", password="secret", system_type="SMS")
        raw = Pdu(Command.BIND_TRANSCEIVER, 0, 1, body).encode()

        read = smpplib.smpp.parse_pdu(raw, client=Numbered(), allow_unknown_opt_params=True)

        assert read.command == "bind_transceiver"
        assert (read.system_id, read.password) == (b"panel", b"secret")
        assert (read.system_type, read.interface_version) == (b"SMS", 0x34)


class TestSplitter:
    @settings(max_examples=40)
    @given(st.lists(st.binary(max_size=30), max_size=4), st.data())
    def test_finds_the_same_pdus_however_they_arrive(self, several, data):
        sent = [
            Pdu(Command.DELIVER_SM, 0, number, body) for number, body in enumerate(several, start=1)
        ]
        stream = b"".join(pdu.encode() for pdu in sent)
        splitter = Splitter()
        found: list[Pdu] = []

        while stream:
            size = data.draw(st.integers(1, len(stream)))
            found += splitter.feed(stream[:size])
            stream = stream[size:]

        assert found == sent

    @pytest.mark.parametrize("length", [0, 15, 70_001, 0xFFFF_FFFF])
    def test_gives_up_where_a_length_is_impossible(self, length):
        with pytest.raises(MalformedPdu):
            split(struct.pack(">LLLL", length, 4, 0, 1))

    @given(st.binary(max_size=2000))
    def test_takes_any_octets_without_another_failure(self, octets):
        try:
            found = split(octets)
        except MalformedPdu:
            return

        assert sum(16 + len(pdu.body) for pdu in found) <= len(octets)


class TestMessageId:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b"12ab\0", "12ab"),
            (b"12ab", "12ab"),
            (b"\0", ""),
            (b"", ""),
            (b"1\0\x00\x1d\x00\x02ok", "1"),
        ],
    )
    def test_is_found_with_and_without_its_end(self, body, expected):
        assert pdus.message_id(body) == expected

    @pytest.mark.parametrize("body", [b"12\0\0\0\x19\x80", b"\x80\0\0\x04", b"1" * 65])
    def test_is_not_made_of_the_pdu_that_follows(self, body):
        with pytest.raises(MalformedPdu):
            pdus.message_id(body)


class TestRelativeTime:
    @pytest.mark.parametrize(
        ("span", "expected"),
        [
            (timedelta(minutes=5), "000000000500000R"),
            (timedelta(hours=72), "000003000000000R"),
            (timedelta(days=400, seconds=1), "010105000001000R"),
            (timedelta(days=5000), "010216000000000R"),
        ],
    )
    def test_is_written_in_the_digits_of_the_standard(self, span, expected):
        assert pdus.relative_time(span) == expected
