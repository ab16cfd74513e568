"""Tests of whom the guarded HTTP client calls, what it sends, and what it says when it cannot."""

import contextlib
import socket
import threading
from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_accounts import outbound
from sms_accounts.outbound import CallFailed, Failure, get, post
from sms_accounts.outbound_urls import NotAllowed, Refusal, query_sent

LOOPBACK = [ip_network("127.0.0.0/8")]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def resolves_to(*addresses):
    def resolve(host, port, **ignored):
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    return resolve


class Recorder:
    """A connector that notes whom it is asked for, and hands out a line that says `answer`."""

    def __init__(self):
        self.answer = OK
        self.refusing = []
        self.dialled = []
        self.timeouts: list[float] = []
        self._lines: list[socket.socket] = []

    def __call__(self, address, timeout):
        self.dialled.append(address)
        self.timeouts.append(timeout)
        if address[0] in self.refusing:
            raise ConnectionRefusedError
        ours, theirs = socket.socketpair()
        theirs.sendall(self.answer)
        theirs.shutdown(socket.SHUT_WR)
        self._lines.append(theirs)
        return ours

    def request(self):
        return self._lines[-1].recv(65_536).decode()

    def close(self):
        for line in self._lines:
            line.close()


@pytest.fixture
def recorder():
    recorder = Recorder()
    yield recorder
    recorder.close()


def failure_of(url, **options):
    with pytest.raises(CallFailed) as failed:
        get(url, **options)
    return failed.value.reason


class TestGetDials:
    @pytest.mark.parametrize(
        "addresses",
        [
            ["127.0.0.1"],
            ["8.8.8.8", "10.0.0.1"],
            ["10.0.0.1", "8.8.8.8"],
            ["8.8.8.8", "::1"],
            ["::ffff:169.254.169.254"],
            ["fe80::1%1"],
            ["8.8.8.8"] * 20 + ["192.168.0.1"],
        ],
    )
    def test_nobody_if_one_address_of_the_name_is_inside(self, recorder, addresses):
        with pytest.raises(NotAllowed) as refused:
            get("http://name.example/", resolve=resolves_to(*addresses), connect=recorder)

        assert recorder.dialled == []
        assert str(refused.value) == Refusal.ADDRESS

    @pytest.mark.parametrize("url", ["http://127.1/", "http://[::1]/", "ftp://8.8.8.8/"])
    def test_nobody_for_a_url_that_cannot_be_saved(self, recorder, url):
        with pytest.raises(NotAllowed):
            get(url, connect=recorder)

        assert recorder.dialled == []

    def test_the_checked_address_and_asks_for_the_name_once(self, recorder):
        answers = [resolves_to("8.8.8.8"), resolves_to("127.0.0.1")]

        def rebinding(host, port, **options):
            return answers.pop(0)(host, port, **options)

        get("http://name.example:8080/", resolve=rebinding, connect=recorder)

        assert recorder.dialled == [("8.8.8.8", 8080)]
        assert len(answers) == 1

    def test_the_next_address_if_one_does_not_answer(self, recorder):
        addresses = ["2606:4700::1111", "1.1.1.1", "8.8.8.8"]
        recorder.refusing = addresses[:2]

        answer = get("http://name.example/", resolve=resolves_to(*addresses), connect=recorder)

        assert answer.status == 200
        assert [host for host, port in recorder.dialled] == addresses

    def test_each_address_in_its_share_of_the_time(self, recorder):
        recorder.refusing = ["8.8.8.8"]
        resolve = resolves_to("8.8.8.8", "8.8.4.4")

        get("http://name.example/", timeout=timedelta(seconds=8), resolve=resolve, connect=recorder)

        assert 3 < recorder.timeouts[0] <= 4
        assert 7 < recorder.timeouts[1] <= 8

    def test_a_few_of_very_many_addresses(self, recorder):
        many = [f"8.8.8.{number}" for number in range(200)]
        recorder.refusing = many

        with pytest.raises(CallFailed):
            get("http://name.example/", resolve=resolves_to(*many), connect=recorder)

        assert len(recorder.dialled) == outbound.MOST_DIALLED

    def test_nobody_to_post_to_inside(self, recorder):
        with pytest.raises(NotAllowed):
            post("http://name.example/", b"", resolve=resolves_to("::1"), connect=recorder)

        assert recorder.dialled == []

    @pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
    def test_what_the_installation_trusts(self, recorder, address):
        resolve = resolves_to(address)

        get("http://in.example/", trusted=LOOPBACK, resolve=resolve, connect=recorder)

        assert recorder.dialled == [("127.0.0.1", 80)]

    def test_no_proxy(self, recorder, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://8.8.4.4:3128")

        get("http://8.8.8.8/", connect=recorder)

        assert recorder.dialled == [("8.8.8.8", 80)]


class TestGetSends:
    def request(self, recorder, url, **options):
        get(url, resolve=resolves_to("8.8.8.8"), connect=recorder, **options)
        return recorder.request()

    def test_path_and_query_as_they_were_typed(self, recorder):
        request = self.request(recorder, "http://name.example/a//b/../c?x=%2f&y=a+b&z='|~#part")

        assert request.startswith("GET /a//b/../c?x=%2f&y=a+b&z='|~ HTTP/1.1\r\n")

    def test_other_letters_encoded(self, recorder):
        request = self.request(recorder, "http://bücher.example?q=ü")

        assert request.startswith("GET /?q=%C3%BC HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n")

    @pytest.mark.parametrize(
        ("host", "header"),
        [
            ("Name.example.", "name.example"),
            ("name.example:80", "name.example"),
            ("name.example:443", "name.example:443"),
            ("[2606:4700:0::1111]:81", "[2606:4700::1111]:81"),
            ("0x08.8.8.8", "8.8.8.8"),
        ],
    )
    def test_the_host_in_its_one_spelling(self, recorder, host, header):
        assert f"\r\nHost: {header}\r\n" in self.request(recorder, f"http://{host}/")

    def test_its_own_headers_and_the_callers(self, recorder):
        request = self.request(recorder, "http://name.example/", headers=[("X-Signature", "abc")])

        for line in ("User-Agent: sms-panel", "Accept-Encoding: identity", "X-Signature: abc"):
            assert request.count(f"\r\n{line}\r\n") == 1

    def test_a_body_with_its_length(self, recorder):
        body = '{"é": 1}'.encode()
        headers = [("Content-Type", "application/json")]

        post("http://8.8.8.8/dlr?own=1", body, headers=headers, connect=recorder)

        head, _blank, sent = recorder.request().partition("\r\n\r\n")
        assert head.startswith("POST /dlr?own=1 HTTP/1.1\r\n")
        assert "\r\nContent-Length: 9" in head
        assert "\r\nContent-Type: application/json" in head
        assert sent.encode() == body

    @pytest.mark.parametrize(
        "url",
        [
            "http://8.8.8.8/dlr?b=2&a=1&b=3&c=%2f+x&é=ü#part",
            "http://8.8.8.8?a=1?b=2",
            "http://8.8.8.8/dlr",
        ],
    )
    def test_the_query_that_it_says_it_sends(self, recorder, url):
        request = self.request(recorder, url)

        assert request.split(" ")[1].partition("?")[2] == query_sent(url)

    def test_no_header_that_breaks_out_of_its_line(self, recorder):
        with pytest.raises(ValueError, match="header"):
            get("http://8.8.8.8/", connect=recorder, headers=[("X-Signature", "a\r\nX: y")])

        assert recorder.dialled == []


class TestGetFails:
    def test_when_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]

        assert failure_of(f"http://127.0.0.1:{port}/", trusted=LOOPBACK) is Failure.REFUSED

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (OSError(113, "No route to host"), Failure.NO_CONNECTION),
            (TimeoutError(), Failure.TIMED_OUT),
            (ConnectionResetError(), Failure.CLOSED),
        ],
    )
    def test_with_a_reason_for_each_way_not_to_connect(self, error, reason):
        def connect(address, timeout):
            raise error

        assert failure_of("http://8.8.8.8/", connect=connect) is reason

    def test_when_the_name_is_unknown(self):
        def unknown(host, port, **options):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        assert failure_of("http://name.example/", resolve=unknown) is Failure.NAME_NOT_FOUND
        assert failure_of("http://name.example/", resolve=resolves_to()) is Failure.NAME_NOT_FOUND

    def test_at_the_deadline_when_the_look_up_takes_longer(self):
        answered = threading.Event()

        def slow(host, port, **options):
            answered.wait(5)
            return []

        timeout = timedelta(seconds=0.1)
        reason = failure_of("http://name.example/", resolve=slow, timeout=timeout)
        answered.set()

        assert reason is Failure.TIMED_OUT

    def test_where_plain_http_is_spoken(self, recorder):
        recorder.answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"

        reason = failure_of("https://8.8.8.8/", connect=recorder)

        assert reason is Failure.TLS

    @given(st.binary(max_size=80), st.sampled_from([b"", OK[:17], OK[:37]]))
    @settings(max_examples=100, deadline=None)
    def test_only_with_a_named_reason_whatever_comes_in(self, noise, start):
        recorder = Recorder()
        recorder.answer = start + noise

        with contextlib.suppress(CallFailed):
            get("http://8.8.8.8/", connect=recorder)
        recorder.close()
