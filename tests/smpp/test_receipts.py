"""Receipts: every form in which carriers write them, and whatever else may come in."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sms_accounts import codes
from sms_accounts.carriers.base import MalformedDlr
from sms_accounts.carriers.smpp import receipts
from sms_accounts.carriers.smpp.pdus import Address, Command, Pdu, ShortMessage, Tag
from tests.smpp.test_texts import options

TEXT = (
    b"id:0A1b sub:001 dlvrd:001 submit date:2603290230 done date:2603290231 stat:DELIVRD "
    b"err:000 text:id:99 stat:EXPIRED"
)


def deliver_sm(octets=TEXT, *, esm_class=4, parameters=None):
    message = ShortMessage(
        source=Address(text="33639980004", ton=1, npi=1),
        destination=Address(text="PANEL", ton=5),
        esm_class=esm_class,
        octets=octets,
        parameters=parameters or {},
    )
    return Pdu(Command.DELIVER_SM, 0, 1, message.encode()).encode()


def read(octets=TEXT, *, given=None, **more):
    return receipts.read(deliver_sm(octets, **more), given or options())


class TestRead:
    def test_takes_id_state_code_and_time_from_the_text(self):
        dlr = read()

        assert (dlr.carrier_message_id, dlr.reference) == ("a1b", None)
        assert (dlr.state, dlr.ptt, dlr.code) == ("delivered", 4, "DELIVRD err:000")
        assert dlr.at == datetime(2026, 3, 29, 2, 31, tzinfo=UTC)

    def test_takes_them_from_parameters_where_there_is_no_text(self):
        dlr = read(
            b"",
            parameters={Tag.RECEIPTED_MESSAGE_ID: b"0A1b\0", Tag.MESSAGE_STATE: b"\x05"},
        )

        assert (dlr.carrier_message_id, dlr.state, dlr.ptt) == ("a1b", "undeliverable", 5)
        assert (dlr.code, dlr.at) == ("UNDELIV", None)

    def test_takes_the_whole_id_where_its_end_is_left_out(self):
        assert read(parameters={Tag.RECEIPTED_MESSAGE_ID: b"777"}).carrier_message_id == "777"

    def test_finds_its_text_in_a_payload_and_in_unicode_too(self):
        payload = read(b"", parameters={Tag.MESSAGE_PAYLOAD: TEXT})
        unicode = read(TEXT[:100].decode().encode("utf-16-be"))

        assert payload.carrier_message_id == unicode.carrier_message_id == "a1b"

    def test_knows_a_receipt_by_its_id_where_the_class_does_not_say_so(self):
        parameters = {Tag.RECEIPTED_MESSAGE_ID: b"5\0"}

        assert read(esm_class=0, parameters=parameters).carrier_message_id == "5"

    def test_gives_our_reference_back_where_the_carrier_kept_it(self):
        dlr = read(parameters={Tag.USER_MESSAGE_REFERENCE: b"\xab\xcd"})

        assert dlr.reference == "abcd/004"

    @pytest.mark.parametrize(
        ("text", "state", "ptt"),
        [
            (b"id:1 stat:ACCEPTD", "enroute", 3),
            (b"ID:1 STAT:expired ERR:0", "expired", 8),
            (b"id:1 stat:UNDELIV err:023", "undeliverable", 24),
            (b"id:1 stat:UNDELIV err:23", "undeliverable", 24),
            (b"id:1 stat:DELIVRD err:023", "delivered", 4),
            (b"id: 1 stat: REJECTD err: 0xF", "rejected", 28),
        ],
    )
    def test_tells_state_and_ptt_by_the_tables(self, text, state, ptt):
        given = options(err_codes={"23": 24, "0xF": 28})

        dlr = read(text, given=given)

        assert (dlr.carrier_message_id, dlr.state, dlr.ptt) == ("1", state, ptt)

    @pytest.mark.parametrize(
        ("text", "state", "ptt"),
        [
            (b"id:1 stat:SKIPPED err:5", "unknown", 6),
            (b"id:1 stat:UNDELIV err:150", "undeliverable", 5),
        ],
    )
    def test_of_unknown_codes_is_careful_and_logged(self, text, state, ptt):
        with capture_logs() as logs:
            dlr = read(text)

        assert (dlr.state, dlr.ptt) == (state, ptt)
        assert [line["event"] for line in logs] == ["carrier_code_unknown"]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"id:1 stat:DELIVRD",
            deliver_sm(b"Please call me", esm_class=0),
            deliver_sm(b"id:1 stat:DELIVRD", esm_class=0),
            deliver_sm(b"stat:DELIVRD"),
            deliver_sm(b"id:1"),
            deliver_sm(b"id:1", parameters={Tag.MESSAGE_STATE: b"\0\0"}),
            deliver_sm()[:-1],
            deliver_sm() * 2,
        ],
    )
    def test_refuses_what_is_no_receipt(self, body):
        with pytest.raises(MalformedDlr):
            receipts.read(body, options())

    @given(
        st.binary(max_size=200)
        | st.builds(
            deliver_sm,
            st.binary(max_size=120)
            | st.lists(
                st.sampled_from([b"id:", b"stat:", b"err:", b"done date:", b" ", b"12", b"\xff"])
            ).map(b"".join),
            esm_class=st.integers(0, 255),
            parameters=st.dictionaries(st.sampled_from(list(Tag)), st.binary(max_size=70)),
        )
    )
    def test_never_fails_in_another_way(self, body):
        try:
            dlr = receipts.read(body, options())
        except MalformedDlr:
            return

        assert dlr.reference or dlr.carrier_message_id
        assert dlr.code.isascii()
        assert dlr.code.isprintable()


class TestCanonicalId:
    @pytest.mark.parametrize(
        ("answer", "ids_in_answers", "receipt", "ids_in_receipts"),
        [
            ("0A1B", "caseless", "a1b", "caseless"),
            ("000123", "caseless", "123", "caseless"),
            ("1F", "hex", "0000000031", "decimal"),
            ("31", "decimal", "0000001f", "hex"),
            ("2Fg", "hex", "2fg", "caseless"),
            ("0", "caseless", "000", "decimal"),
        ],
    )
    def test_is_the_same_for_one_message(self, answer, ids_in_answers, receipt, ids_in_receipts):
        first = receipts.canonical_id(answer, ids_in_answers)

        assert first
        assert first == receipts.canonical_id(receipt, ids_in_receipts)

    def test_keeps_every_letter_where_they_count(self):
        assert receipts.canonical_id("0aB", "exact") != receipts.canonical_id("0Ab", "exact")


def test_ptts_of_every_state_exist():
    for state, ptts in receipts.PTTS.items():
        assert all(codes.PTTS[ptt].is_final == (state != "enroute") for ptt in ptts)
