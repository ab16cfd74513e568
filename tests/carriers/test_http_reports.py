"""What carriers over HTTP report, in the words of each kind."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_accounts import carriers
from sms_accounts.carriers.base import MalformedDlr
from sms_accounts.carriers.http.carrier import Http
from tests.carriers import rigs
from tests.carriers.test_http import HTTP2SMS, KANNEL, options_at


class TestParseDlrs:
    @pytest.mark.parametrize(
        ("query", "state", "ptt", "code"),
        [
            ("d=1", "delivered", 4, "dlr 1"),
            ("d=4&answer=", "enroute", 3, "dlr 4"),
            ("d=2&answer=id:7+stat:EXPIRED+err:024", "expired", 24, "EXPIRED err:024"),
            ("d=2&answer=stat:DELIVRD", "undeliverable", 5, "DELIVRD"),
            ("d=1&answer=stat:UNDELIV+err:024", "delivered", 4, "UNDELIV err:024"),
            ("d=16&answer=NACK/0x0000000b/Invalid", "rejected", 23, "NACK/0x0000000b/Invalid"),
            ("d=16&answer=NACK/11/Invalid", "rejected", 23, "NACK/11/Invalid"),
            ("d=16", "rejected", 20, "dlr 16"),
            ("d=34", "expired", 8, "dlr 34"),
            ("d=", "unknown", 6, "dlr"),
            ("d=64", "unknown", 6, "dlr 64"),
        ],
    )
    def test_of_kannel_goes_by_the_kind_and_then_by_what_the_smsc_said(
        self, query, state, ptt, code
    ):
        kannel = Http(options_at("http://k/", carriers.Kannel(err_codes=rigs.ERR_CODES)))

        [dlr] = kannel.parse_dlrs(b"", {}, f"ref=abc&{query}")

        assert (dlr.state, dlr.ptt, dlr.code) == (state, ptt, code)

    @pytest.mark.parametrize(
        ("query", "state", "ptt"),
        [
            ("ptt=4&description=1", "delivered", 4),
            ("ptt=&description=0", "enroute", 3),
            ("ptt=1&description=4", "enroute", 1),
            ("ptt=24&dlr=2", "expired", 24),
            ("ptt=23&description=2", "undeliverable", 23),
            ("ptt=6&description=2", "unknown", 6),
            ("ptt=23&description=16", "rejected", 23),
            ("ptt=777&description=2", "undeliverable", 5),
            # A reason for a failure never turns a delivery into one.
            ("ptt=23&description=1", "delivered", 4),
            ("ptt=23", "undeliverable", 23),
            ("ptt=3", "enroute", 3),
            ("ptt=777", "unknown", 6),
        ],
    )
    def test_of_http2sms_goes_by_the_dlr_id_and_then_by_the_ptt(self, query, state, ptt):
        [dlr] = Http(options_at("http://p/", HTTP2SMS)).parse_dlrs(b"", {}, f"id=7&{query}")

        assert (dlr.state, dlr.ptt, dlr.carrier_message_id) == (state, ptt, "7")

    def test_of_http2sms_takes_posted_callbacks_with_their_moment(self):
        body = (
            b'{"id": "7", "ptt": 4, "description": 1, "tag": "spring",'
            b' "changedAt": "2026-03-29T02:31:00.000+02:00"}'
        )
        json_type = {"Content-Type": "application/json"}

        [dlr] = Http(options_at("http://p/", HTTP2SMS)).parse_dlrs(body, json_type)

        assert dlr.at == datetime(2026, 3, 29, 0, 31, tzinfo=UTC)
        assert dlr.reference is None

    def test_of_a_form_takes_fields_of_url_and_body_and_several_reports(self):
        generic = Http(options_at("http://p/"))
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        [posted] = generic.parse_dlrs(b"messageId=7&status=DELIVRD", form, "ref=abc")
        several = generic.parse_dlrs(
            b'{"results": [{"messageId": 1, "status": "lost"}, {"messageId": 2, "status": "failed",'
            b' "err": "024"}]}',
            {},
        )

        assert (posted.reference, posted.carrier_message_id, posted.state) == (
            "abc",
            "7",
            "delivered",
        )
        assert [(dlr.state, dlr.ptt) for dlr in several] == [("unknown", 6), ("undeliverable", 24)]

    @pytest.mark.parametrize("dialect", [rigs.JSON, KANNEL, HTTP2SMS])
    @given(
        body=st.binary(),
        query=st.text(),
        content_type=st.sampled_from(["", "application/json", "text/plain"]),
    )
    def test_never_fails_in_another_way(self, dialect, body, query, content_type):
        try:
            dlrs = Http(options_at("http://p/", dialect)).parse_dlrs(
                body, {"Content-Type": content_type}, query
            )
        except MalformedDlr:
            return

        assert all(dlr.reference or dlr.carrier_message_id for dlr in dlrs)
