import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sms_accounts import carriers
from sms_accounts.carriers.base import MalformedDlr, OutcomeUnknown, Rejected, TryLater
from sms_accounts.carriers.simulator import Simulator, meaning
from tests.carriers.contract import CarrierContract, GivesIds, KnowsReferences, ReportsOverHttp
from tests.simulator_rig import SECRET, SimulatorRig, make_submit, unused_port


@pytest.fixture
def rig(tmp_path):
    rig = SimulatorRig(tmp_path)
    yield rig
    rig.close()


class TestSimulator(CarrierContract, GivesIds, KnowsReferences, ReportsOverHttp):
    pass


@contextmanager
def answering(answer):
    """Listen once, read a whole request, answer with these bytes and hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                while b'"validity"' not in connection.recv(65536):
                    pass
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Simulator(url=url, secret=SECRET, timeout=timedelta(seconds=2))
        thread.join()


def http(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id": "1',
            b"\x00\x01nothing like HTTP\r\n\r\n",
            http("200 OK"),
            http("200 OK", b"{}"),
            http("200 OK", b'{"id": ""}'),
            http("200 OK", b'{"id": 5}'),
            http("200 OK", b"[" * 60_000),
            http("302 Found", b"", "Location: http://127.0.0.1:1/submit"),
            http("500 Internal Server Error", b'{"id": "5"}'),
            http("502 Bad Gateway"),
        ],
    )
    def test_without_a_certain_meaning_leave_the_outcome_unknown(self, answer):
        with answering(answer) as simulator, pytest.raises(OutcomeUnknown):
            simulator.submit(make_submit())

    @pytest.mark.parametrize(
        ("retry_after", "wait"),
        [
            ("Retry-After: 30", timedelta(seconds=30)),
            ("Retry-After: soon", None),
            ("Retry-After: 99999999999999999999", None),
            ("X-Other: 1", None),
        ],
    )
    @pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
    def test_that_ask_for_patience_say_how_long(self, status, retry_after, wait):
        busy = http(status, b"", retry_after)
        with answering(busy) as simulator, pytest.raises(TryLater) as later:
            simulator.submit(make_submit())

        assert later.value.wait == wait

    @pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "400 Bad Request"])
    def test_that_blame_the_call_lose_no_message(self, status):
        refused = http(status, b'{"error": "no"}')
        with capture_logs() as logs, answering(refused) as simulator, pytest.raises(TryLater):
            simulator.submit(make_submit())

        assert [line["log_level"] for line in logs] == ["error"]

    def test_that_refuse_for_an_unknown_reason_keep_it(self):
        refusal = http("422 Unprocessable Entity", b'{"stat": "REJECTD", "err": "777"}')
        with answering(refusal) as simulator, pytest.raises(Rejected) as refused:
            simulator.submit(make_submit())

        assert refused.value.code == "REJECTD err:777"
        assert refused.value.ptt == 20

    def test_that_never_come_leave_the_outcome_unknown(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            simulator = Simulator(url=url, secret=SECRET, timeout=timedelta(milliseconds=50))

            with pytest.raises(OutcomeUnknown):
                simulator.submit(make_submit())


class TestMeaning:
    @pytest.mark.parametrize(
        ("stat", "err", "state", "ptt"),
        [
            ("DELIVRD", "000", "delivered", 4),
            ("ACCEPTD", "000", "enroute", 3),
            ("ENROUTE", "000", "enroute", 3),
            ("ENROUTE", "001", "enroute", 1),
            ("ENROUTE", "002", "enroute", 2),
            ("EXPIRED", "000", "expired", 8),
            ("EXPIRED", "021", "expired", 21),
            ("DELETED", "000", "undeliverable", 5),
            ("UNDELIV", "000", "undeliverable", 5),
            ("UNDELIV", "023", "undeliverable", 23),
            ("REJECTD", "000", "rejected", 20),
            ("REJECTD", "202", "rejected", 202),
            ("UNKNOWN", "000", "unknown", 6),
        ],
    )
    def test_of_known_codes_is_told_without_a_word(self, stat, err, state, ptt):
        with capture_logs() as logs:
            assert meaning(stat, err) == (state, ptt)

        assert logs == []

    @pytest.mark.parametrize(
        ("stat", "err", "state", "ptt"),
        [
            ("SKIPPED", "000", "unknown", 6),
            ("delivrd", "000", "unknown", 6),
            ("UNDELIV", "150", "undeliverable", 5),
            # A reason for a failure never turns a delivery into one.
            ("DELIVRD", "023", "delivered", 4),
        ],
    )
    def test_of_unknown_codes_is_careful_and_logged(self, stat, err, state, ptt):
        with capture_logs() as logs:
            assert meaning(stat, err) == (state, ptt)

        assert [(line["stat"], line["err"]) for line in logs] == [(stat, err)]


class TestParseDlrs:
    simulator = Simulator(url="http://127.0.0.1:1", secret=SECRET)

    def test_keeps_moment_code_and_order(self):
        body = json.dumps(
            [
                {"ref": "b", "stat": "UNDELIV", "err": "150"},
                {"id": "7", "stat": "DELIVRD", "done_at": "2026-03-29T02:30:00+02:00"},
            ]
        ).encode()

        first, second = self.simulator.parse_dlrs(body, {})

        assert (first.reference, first.carrier_message_id) == ("b", None)
        assert (first.code, first.at) == ("UNDELIV err:150", None)
        assert (second.reference, second.carrier_message_id) == (None, "7")
        assert second.at == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

    def test_takes_an_empty_list(self):
        assert self.simulator.parse_dlrs(b"[]", {}) == []

    @given(
        st.binary()
        | st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["ref", "id", "stat", "err", "done_at"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode())
    )
    def test_never_fails_in_another_way(self, body):
        try:
            dlrs = self.simulator.parse_dlrs(body, {})
        except MalformedDlr:
            return

        assert all(dlr.reference or dlr.carrier_message_id for dlr in dlrs)


class TestGet:
    def test_gives_one_simulator_per_setting(self, settings):
        settings.SIMULATOR_URL = f"http://127.0.0.1:{unused_port()}"
        settings.SIMULATOR_SECRET = "first"
        first = carriers.get("simulator")

        assert carriers.get("simulator") is first
        assert first.authorised({"Authorization": "Bearer first"})

        settings.SIMULATOR_SECRET = "second"
        assert not carriers.get("simulator").authorised({"Authorization": "Bearer first"})

    def test_counts_on_its_knowing_references_again_where_a_setting_says_so(self, settings):
        assert not carriers.get("simulator").repeats_are_safe

        settings.SIMULATOR_REPEATS = True

        assert carriers.get("simulator").repeats_are_safe

    def test_refuses_an_unknown_name(self):
        with pytest.raises(carriers.UnknownCarrier):
            carriers.get("carrier-pigeon")

    def test_without_a_secret_lets_nobody_in(self, settings):
        settings.SIMULATOR_SECRET = ""

        assert not carriers.get("simulator").authorised({"Authorization": "Bearer "})


class TestSubmit:
    def test_shows_neither_number_nor_text(self):
        shown = repr(make_submit(msisdn="33639980004", text="The code is 4711"))

        assert "33639980004" not in shown
        assert "4711" not in shown
