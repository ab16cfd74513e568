"""Carriers over HTTP: what every carrier must do, and what is said on the wire."""

import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from sms_accounts import carriers
from sms_accounts.carriers.base import OutcomeUnknown, Rejected, Submit, TryLater
from sms_accounts.carriers.http.carrier import Http
from sms_accounts.carriers.pacing import Brakes
from tests.carriers import rigs
from tests.carriers.contract import (
    CarrierContract,
    GivesIds,
    KnowsReferences,
    ReportsOverHttp,
    make,
)
from tests.certificates import pem_for
from tests.simulator_rig import unused_port


@pytest.fixture
def rig(request):
    rig = request.cls.rig_of()
    yield rig
    rig.close()


class TestKannel(CarrierContract, ReportsOverHttp):
    rig_of = staticmethod(rigs.kannel_rig)

    def test_names_charset_coding_header_and_class(self, rig):
        submit = replace(
            make(rig.numbers.delivered, part=2, parts=3),
            text="Grüße ✓ & +1",
            coding="ucs2",
            message_class=0,
            validity=timedelta(hours=2),
        )

        rig.carrier.submit(submit)

        [heard] = rig.upstream.heard
        assert heard.text == "Grüße ✓ & +1"
        values = heard.values
        assert (values["charset"], values["coding"], values["mclass"]) == ("UTF-8", "2", "0")
        assert (values["validity"], values["dlr-mask"]) == ("120", "31")
        assert values["udh"].encode("latin-1", "replace")[:3] == b"\x05\x00\x03"

    def test_says_when_it_happened(self, rig):
        rig.carrier.submit(make(rig.numbers.delivered))

        assert rig.wait_for_dlrs(2)[0].at == datetime(2026, 3, 29, 2, 31, tzinfo=UTC)


class TestHttp2sms(CarrierContract, GivesIds, KnowsReferences, ReportsOverHttp):
    rig_of = staticmethod(rigs.http2sms_rig)

    def test_hands_the_text_on_as_it_was_accepted(self, rig):
        submit = replace(make(rig.numbers.delivered), text="A\nB ✓", coding="ucs2", message_class=1)

        rig.carrier.submit(submit)

        values = rig.upstream.heard[0].values
        assert (values["message"], values["smsCoding"], values["class"]) == ("A\nB ✓", "2", "1")
        assert (values["noStop"], values["contentType"]) == ("1", "application/json")
        assert values["tag"] == f"{submit.reference[:16]}/004"

    def test_sends_no_key_to_whoever_does_not_heed_it(self, rig):
        dialect = carriers.Http2sms(account="sms-ab12345-1")
        carrier = Http(replace(rig.options, dialect=dialect))

        request = carrier.request_of(make(rig.numbers.delivered))

        assert b"idempotencyKey" not in (request.body or b"")
        assert not carrier.knows_references


class TestGeneric(CarrierContract, GivesIds, ReportsOverHttp):
    rig_of = staticmethod(rigs.generic_rig)

    def test_writes_what_would_break_the_body(self, rig):
        text = 'He said "{to}" \\ & <b>\n✓'
        rig.carrier.submit(replace(make(rig.numbers.delivered), text=text, coding="ucs2"))

        [heard] = rig.upstream.heard
        assert heard.text == text
        assert (heard.values["coding"], heard.values["udh"]) == ("unicode", "")


@contextmanager
def answering(answer, *, dialect=rigs.JSON, **given):
    """A carrier at a server that reads one request, answers with these octets and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _address = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Http(options_at(f"http://127.0.0.1:{listener.getsockname()[1]}/", dialect, **given))
        thread.join()


def options_at(url, dialect=rigs.JSON, **given):
    return carriers.HttpOptions(
        **{
            "name": "acme",
            "url": url,
            "dialect": dialect,
            "username": "panel",
            "password": "s3cret",
            "dlr_url": "http://panel.example/dlr/acme/s3cret/",
            "answer_within": timedelta(seconds=2),
            **given,
        }
    )


def http(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


KANNEL = carriers.Kannel()
HTTP2SMS = carriers.Http2sms(account="sms-ab12345-1")
TEXT = replace(rigs.JSON, reads_json=False, id_at='Success "([^"]+)"', code_at="", codes=())


class TestAnswers:
    @pytest.mark.parametrize("dialect", [rigs.JSON, KANNEL, HTTP2SMS, TEXT])
    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"messages',
            b"\x00\x01nothing like HTTP\r\n\r\n",
            http("200 OK"),
            http("200 OK", b"{}"),
            http("200 OK", b"[" * 60_000),
            http("200 OK", b"x" * 200_000),
            http("302 Found", b"", "Location: http://127.0.0.1:1/"),
            http("500 Internal Server Error"),
            http("502 Bad Gateway"),
            http("504 Gateway Timeout"),
        ],
    )
    def test_without_a_certain_meaning_leave_the_outcome_unknown(self, dialect, answer):
        with answering(answer, dialect=dialect) as carrier, pytest.raises(OutcomeUnknown):
            carrier.submit(make("33639980004"))

    def test_that_a_key_came_before_pay_nothing_back(self):
        told = b'{"status": 202, "message": "Invalid idempotencyKey: it came before, with other"}'
        answer = http("200 OK", told)
        with answering(answer, dialect=HTTP2SMS) as carrier, pytest.raises(OutcomeUnknown):
            carrier.submit(make("33639980004"))

    @pytest.mark.parametrize("dialect", [rigs.JSON, KANNEL, HTTP2SMS, TEXT])
    @pytest.mark.parametrize(
        ("status", "header", "wait"),
        [
            ("503 Service Unavailable", "Retry-After: 30", timedelta(seconds=30)),
            ("429 Too Many Requests", "Retry-After: soon", None),
            ("429 Too Many Requests", "X-Other: 1", None),
        ],
    )
    def test_that_ask_for_patience_say_how_long(self, dialect, status, header, wait):
        busy = http(status, b"", header)
        with answering(busy, dialect=dialect) as carrier, pytest.raises(TryLater) as later:
            carrier.submit(make("33639980004"))

        assert later.value.wait == wait

    @pytest.mark.parametrize(
        ("dialect", "answer"),
        [
            (rigs.JSON, http("401 Unauthorized")),
            (rigs.JSON, http("404 Not Found", b"{}")),
            (KANNEL, http("403 Forbidden", b"Authorization failed for sendsms")),
            (KANNEL, http("400 Bad Request", b"Empty text not allowed, rejected")),
            (HTTP2SMS, http("200 OK", b'{"status": 201, "message": "Missing login."}')),
            (HTTP2SMS, http("200 OK", b'{"status": 202, "message": "Invalid credentials"}')),
            (HTTP2SMS, http("200 OK", b'{"status": 202, "message": "Not enough credits"}')),
            (HTTP2SMS, http("200 OK", b'{"status": 202, "message": "Quota reached"}')),
            (HTTP2SMS, http("200 OK", b'{"status": 401, "message": "Unauthorized IP ::1"}')),
        ],
    )
    def test_that_blame_the_call_lose_no_message(self, dialect, answer):
        with (
            capture_logs() as logs,
            answering(answer, dialect=dialect) as carrier,
            pytest.raises(TryLater),
        ):
            carrier.submit(make("33639980004"))

        assert [line["log_level"] for line in logs] == ["error"]

    @pytest.mark.parametrize(
        ("dialect", "answer", "code", "ptt"),
        [
            (HTTP2SMS, b'{"status": "202", "message": "Invalid tag: is too long"}', "202", 20),
            (rigs.JSON, b'{"messages": [{"status": "99"}]}', "99", 39),
            (replace(TEXT, code_at="^ERR ([0-9]+)", codes=(("7", 24),)), b"ERR 7", "7", 24),
        ],
    )
    def test_that_refuse_name_code_and_ptt(self, dialect, answer, code, ptt):
        refusal = http("200 OK", answer)
        with answering(refusal, dialect=dialect) as carrier, pytest.raises(Rejected) as refused:
            carrier.submit(make("33639980004"))

        assert refused.value.code.startswith(code)
        assert refused.value.ptt == ptt

    @pytest.mark.parametrize(
        ("status", "meaning", "raised"),
        [("400 Bad Request", 23, Rejected), ("500 Oops", "later", TryLater)],
    )
    def test_mean_what_staff_say_of_a_status(self, status, meaning, raised):
        dialect = replace(rigs.JSON, http_statuses=((int(status[:3]), meaning),))
        with answering(http(status), dialect=dialect) as carrier, pytest.raises(raised):
            carrier.submit(make("33639980004"))

    def test_are_searched_by_an_expression(self):
        with answering(http("200 OK", b'Success "07033084"'), dialect=TEXT) as carrier:
            assert carrier.submit(make("33639980004")) == "07033084"

    def test_do_not_hold_anybody_up_by_an_expression_that_takes_for_ever(self):
        endless = replace(TEXT, id_at="^((?:a|aa)+)$")
        answer = http("200 OK", b"a" * 4_000 + b"!")
        started = time.monotonic()
        with answering(answer, dialect=endless) as carrier, pytest.raises(OutcomeUnknown):
            carrier.submit(make("33639980004"))

        assert time.monotonic() - started < 2

    def test_that_mean_taken_need_no_id(self):
        answer = http("200 OK", b'{"messages": [{"status": "0"}]}')
        with answering(answer) as carrier:
            assert carrier.submit(make("33639980004")) == ""

    def test_that_come_too_late_leave_the_outcome_unknown(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            carrier = Http(options_at(url, answer_within=timedelta(milliseconds=50)))

            with pytest.raises(OutcomeUnknown):
                carrier.submit(make("33639980004"))


class TestConnections:
    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("http://127.0.0.1:{unused}/", "connection refused"),
            ("http://nobody.invalid/", "name was not found"),
        ],
    )
    def test_that_do_not_come_about_take_nothing(self, url, told):
        with pytest.raises(TryLater, match=told):
            Http(options_at(url.format(unused=unused_port()))).submit(make("33639980004"))

    def test_that_are_not_secure_take_nothing(self):
        with answering(b"") as plain:
            carrier = Http(options_at(plain.options.url.replace("http:", "https:")))
            with pytest.raises(TryLater, match="could not be reached"):
                carrier.submit(make("33639980004"))

    def test_to_link_local_addresses_are_closed_before_anything_is_written(self, monkeypatch):
        written = []
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve():
                connection, _address = listener.accept()
                with connection:
                    written.append(connection.recv(100))

            thread = threading.Thread(target=serve)
            thread.start()
            monkeypatch.setattr(
                "sms_accounts.carriers.http.wire._is_link_local", lambda peer: peer == "127.0.0.1"
            )
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            with pytest.raises(TryLater, match="link-local"):
                Http(options_at(url)).submit(make("33639980004"))
            thread.join()

        assert written == [b""]

    def test_are_kept_and_not_used_once_they_may_be_closed_over_there(self, monkeypatch):
        rig = rigs.generic_rig()
        try:
            peers: list[object] = []
            process = rig.upstream._server.process_request

            def counted(*of_peer):
                peers.append(of_peer)
                process(*of_peer)

            monkeypatch.setattr(rig.upstream._server, "process_request", counted)
            for _ in range(2):
                rig.carrier.submit(make(rig.numbers.delivered))
            assert len(peers) == 1

            monkeypatch.setattr("sms_accounts.carriers.http.wire._IDLE", timedelta(0))
            rig.carrier.submit(make(rig.numbers.delivered))
            assert len(peers) == 2
        finally:
            rig.close()

    def test_keep_to_the_messages_a_second(self):
        rig = rigs.generic_rig()
        try:
            carrier = Http(replace(rig.options, rate=20, window=5))
            started = datetime.now(UTC)
            for _ in range(5):
                carrier.submit(make(rig.numbers.delivered))

            assert datetime.now(UTC) - started > timedelta(milliseconds=140)
            assert Http(replace(rig.options, rate=1, window=50)).window == 4
        finally:
            rig.close()

    def test_rest_for_a_while_once_a_carrier_is_busy(self):
        rig = rigs.generic_rig()
        try:
            carrier = Http(rig.options, brakes=Brakes(first_pause=timedelta(milliseconds=150)))
            with pytest.raises(TryLater):
                carrier.submit(make(rig.numbers.busy_twice))
            started = time.monotonic()
            carrier.submit(make(rig.numbers.delivered))

            assert time.monotonic() - started > 0.1
        finally:
            rig.close()


class TestPassword:
    @pytest.mark.parametrize("dialect", [rigs.JSON, KANNEL, HTTP2SMS])
    def test_that_cannot_be_read_takes_nothing(self, dialect):
        carrier = Http(options_at("http://127.0.0.1:1/", dialect, password=None))

        with pytest.raises(TryLater, match="type it in again"):
            carrier.submit(make("33639980004"))

    def test_is_not_shown(self):
        carrier = Http(options_at("http://127.0.0.1:1/", dlr_secret="dlr-s3cret"))

        assert "s3cret" not in repr(carrier.options)
        assert "s3cret" not in repr(carrier.request_of(make("33639980004")))


def test_a_certificate_of_the_carriers_own_making_is_taken(monkeypatch):
    certificate, pem = pem_for("localhost")
    assert certificate in pem.decode()
    carrier = Http(options_at("https://localhost:1/", certificates=certificate))

    with pytest.raises(TryLater):
        carrier.submit(make("33639980004"))


def test_a_url_holds_whatever_a_text_says():
    dialect = replace(rigs.JSON, method="GET")
    submit = replace(make("33639980004"), text="a&b=c/d #1 {to} ü%")
    carrier = Http(options_at("http://127.0.0.1:1/{to}/send?text={text}&to=%2B{to}", dialect))

    request = carrier.request_of(replace(submit, coding="ucs2"))

    parts = urlsplit(request.url)
    assert parts.path == "/33639980004/send"
    assert parse_qs(parts.query) == {"text": ["a&b=c/d #1 {to} ü%"], "to": ["+33639980004"]}
    assert request.body is None


def test_a_part_that_no_header_can_hold_is_refused():
    dialect = replace(rigs.JSON, headers=(("X-Sender", "{from}"),))
    submit = replace(make("33639980004"), sender="ПАНЕЛЬ")
    assert isinstance(submit, Submit)

    with pytest.raises(Rejected):
        Http(options_at("http://127.0.0.1:1/", dialect)).submit(submit)
