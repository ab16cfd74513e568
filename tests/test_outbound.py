"""Tests of the guarded HTTP client, against real sockets on this machine wherever there is one."""

import contextlib
import socket
import ssl
import threading
import time
from datetime import timedelta
from functools import partial
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_accounts import outbound
from sms_accounts.outbound import CallFailed, Failure, NotAllowed, Refusal, get

LOOPBACK = [ip_network("127.0.0.0/8")]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# A certificate of nobody for receiver.test, its own authority, valid until 2126, made by
# openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500
#   -subj /CN=receiver.test -addext subjectAltName=DNS:receiver.test
#   -addext basicConstraints=critical,CA:TRUE
#   -addext keyUsage=critical,digitalSignature,keyCertSign
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBsTCCAVegAwIBAgIUGxflpRv84Lo++XtJUVTUZa7ZgbkwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcmVjZWl2ZXIudGVzdDAgFw0yNjExMjMyMjUyMjdaGA8yMTI2
MTAzMDIyNTIyN1owGDEWMBQGA1UEAwwNcmVjZWl2ZXIudGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABBiHJmeiE36A+U96/VBruag0BWqtVk/OdAw3ExkEYrlJ
VRrF+8ukOueS22y5t5M7q6i3sXyXOeldckoyEYpieV6jfTB7MB0GA1UdDgQWBBTQ
NQntuk6YJ6riqsD6wzErlxuvIjAfBgNVHSMEGDAWgBTQNQntuk6YJ6riqsD6wzEr
lxuvIjAYBgNVHREEETAPgg1yZWNlaXZlci50ZXN0MA8GA1UdEwEB/wQFMAMBAf8w
DgYDVR0PAQH/BAQDAgKEMAoGCCqGSM49BAMCA0gAMEUCIBSaX8f/GkrgQxxq0wt/
fpKOOiwxhkWAxY7P+iPoyU0rAiEAp4o3l+A4cvUIgWzyW8T4l1Ac7Opsxrd572HI
ENKdpfc=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZaIYjFbvhwDdgRA+
gD6yG1BmyfpS9UO44icnQQVoVzqhRANCAAQYhyZnohN+gPlPev1Qa7moNAVqrVZP
znQMNxMZBGK5SVUaxfvLpDrnkttsubeTO6uot7F8lznpXXJKMhGKYnle
-----END PRIVATE KEY-----
"""


@contextlib.contextmanager
def receiver(answer, *, secure=contextlib.nullcontext):
    """Listen on this machine; `answer` gets the connection and the request of every caller."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError), secure(connection) as line:
                        answer(line, read_request(line))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def read_request(connection):
    request = b""
    while b"\r\n\r\n" not in request and (chunk := connection.recv(4096)):
        request += chunk
    return request


def says(answer):
    return lambda connection, request: connection.sendall(answer)


def drips(start, *, then):
    def answer(connection, request):
        connection.sendall(start)
        # The caller hangs up long before the end, which ends this loop too.
        for _ in range(200):
            time.sleep(0.02)
            connection.sendall(then)

    return answer


def resolves_to(*addresses):
    def resolve(host, port, **ignored):
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    return resolve


class Recorder:
    """A connector that notes whom it is asked for, and hands out a line that says `answer`."""

    def __init__(self, answer=OK, *, refusing=()):
        self.dialled = []
        self._answer = answer
        self._refusing = refusing

    def __call__(self, address, timeout):
        self.dialled.append(address)
        if address[0] in self._refusing:
            raise ConnectionRefusedError
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):
            theirs.sendall(self._answer)
            theirs.shutdown(socket.SHUT_WR)
            self._theirs = theirs.dup()
        return ours

    def request(self):
        with self._theirs:
            return self._theirs.recv(65_536).decode()

    def close(self):
        if self.dialled:
            self._theirs.close()


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
    def test_nobody_if_one_address_of_the_name_is_inside(self, addresses):
        recorder = Recorder()

        with pytest.raises(NotAllowed) as refused:
            get("http://name.example/", resolve=resolves_to(*addresses), connect=recorder)

        assert recorder.dialled == []
        assert str(refused.value) == Refusal.ADDRESS

    @pytest.mark.parametrize("url", ["http://127.1/", "http://[::1]/", "ftp://8.8.8.8/"])
    def test_nobody_for_a_url_that_cannot_be_saved(self, url):
        recorder = Recorder()

        with pytest.raises(NotAllowed):
            get(url, connect=recorder)

        assert recorder.dialled == []

    def test_the_checked_address_and_asks_for_the_name_once(self):
        answers = [resolves_to("8.8.8.8"), resolves_to("127.0.0.1")]
        recorder = Recorder()

        def rebinding(host, port, **options):
            return answers.pop(0)(host, port, **options)

        get("http://name.example:8080/", resolve=rebinding, connect=recorder)
        recorder.close()

        assert recorder.dialled == [("8.8.8.8", 8080)]
        assert len(answers) == 1

    def test_the_next_address_if_one_does_not_answer(self):
        recorder = Recorder(refusing=["2606:4700::1111", "1.1.1.1"])
        resolve = resolves_to("2606:4700::1111", "1.1.1.1", "8.8.8.8")

        answer = get("http://name.example/", resolve=resolve, connect=recorder)
        recorder.close()

        assert answer.status == 200
        assert [host for host, port in recorder.dialled] == [
            "2606:4700::1111",
            "1.1.1.1",
            "8.8.8.8",
        ]

    def test_a_few_of_very_many_addresses(self):
        many = [f"8.8.8.{number}" for number in range(200)]
        recorder = Recorder(refusing=many)

        with pytest.raises(CallFailed):
            get("http://name.example/", resolve=resolves_to(*many), connect=recorder)

        assert len(recorder.dialled) == outbound.MOST_DIALLED

    def test_what_the_installation_trusts(self):
        recorder = Recorder()

        get(
            "http://in.example/",
            trusted=LOOPBACK,
            resolve=resolves_to("127.0.0.1"),
            connect=recorder,
        )
        recorder.close()

        assert recorder.dialled == [("127.0.0.1", 80)]

    def test_no_proxy(self, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://8.8.4.4:3128")
        recorder = Recorder()

        get("http://8.8.8.8/", connect=recorder)
        recorder.close()

        assert recorder.dialled == [("8.8.8.8", 80)]


class TestGetSends:
    def request(self, url, **options):
        recorder = Recorder()
        get(url, resolve=resolves_to("8.8.8.8"), connect=recorder, **options)
        return recorder.request()

    def test_path_and_query_as_they_were_typed(self):
        request = self.request("http://name.example/a//b/../c?x=%2f&y=a+b&z='|~#part")

        assert request.startswith("GET /a//b/../c?x=%2f&y=a+b&z='|~ HTTP/1.1\r\n")

    def test_other_letters_encoded(self):
        request = self.request("http://bücher.example?q=ü")

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
    def test_the_host_in_its_one_spelling(self, host, header):
        assert f"\r\nHost: {header}\r\n" in self.request(f"http://{host}/")

    def test_its_own_headers_and_the_callers(self):
        request = self.request("http://name.example/", headers=[("X-Signature", "abc")])

        for line in ("User-Agent: sms-panel", "Accept-Encoding: identity", "X-Signature: abc"):
            assert request.count(f"\r\n{line}\r\n") == 1

    def test_no_header_that_breaks_out_of_its_line(self):
        recorder = Recorder()

        with pytest.raises(ValueError, match="header"):
            get("http://8.8.8.8/", connect=recorder, headers=[("X-Signature", "a\r\nX: y")])

        assert recorder.request() == ""


class TestGetReceives:
    def call(self, answer, *, timeout=2.0):
        with receiver(answer) as port:
            return get(
                f"http://127.0.0.1:{port}/", trusted=LOOPBACK, timeout=timedelta(seconds=timeout)
            )

    def failure(self, answer, *, timeout=2.0):
        started = time.monotonic()
        with pytest.raises(CallFailed) as failed:
            self.call(answer, timeout=timeout)
        # The receivers here would go on for four seconds.
        assert time.monotonic() - started < timeout + 1
        return failed.value.reason

    def test_status_body_and_duration(self):
        answer = self.call(says(b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nlater"))

        assert (answer.status, answer.body_start) == (503, b"later")
        assert timedelta(0) < answer.duration < timedelta(seconds=2)

    def test_an_answer_in_chunks(self):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

        assert self.call(says(head + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")).body_start == b"abc"

    def test_a_redirect_and_does_not_follow_it(self):
        requests = []

        def redirect(connection, request):
            requests.append(request)
            connection.sendall(b"HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")

        assert self.call(redirect).status == 302
        assert len(requests) == 1

    def test_the_start_of_a_body_without_end(self):
        def endless(connection, request):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65_536)

        assert self.call(endless).body_start == b"x" * 1_024

    def test_nothing_unpacked(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"

        assert self.call(says(head + b"\x1f\x8b\x08\x00")).body_start == b"\x1f\x8b\x08\x00"

    @pytest.mark.parametrize(
        "flood",
        [
            b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
            b"HTTP/1.1 200 OK\r\n"
            + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 2000) for n in range(90)),
        ],
        ids=["continues", "headers"],
    )
    def test_no_flood_before_the_body(self, flood):
        assert self.failure(says(flood)) is Failure.TOO_LARGE

    def test_no_more_than_a_hundred_headers(self):
        many = b"".join(b"X-%d: y\r\n" % number for number in range(101))

        assert self.failure(says(b"HTTP/1.1 200 OK\r\n" + many + b"\r\n")) is Failure.NOT_HTTP

    @pytest.mark.parametrize(
        "start",
        [
            b"H",
            b"HTTP/1.1 200 OK\r\nX: ",
            b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
        ],
        ids=["status", "header", "body", "body without length"],
    )
    def test_no_drip_beyond_the_deadline(self, start):
        assert self.failure(drips(start, then=b"x"), timeout=0.2) is Failure.TOO_SLOW

    def test_silence_until_the_deadline(self):
        assert self.failure(drips(b"", then=b""), timeout=0.2) is Failure.TIMED_OUT

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (b"", Failure.CLOSED),
            (b"220 mail.example ESMTP\r\n", Failure.NOT_HTTP),
            (b"HTTP/1.1 99999 OK\r\n\r\n", Failure.NOT_HTTP),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab", Failure.CLOSED),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-9\r\nab", Failure.NOT_HTTP),
        ],
    )
    def test_no_broken_answer(self, answer, reason):
        assert self.failure(says(answer)) is reason

    @given(st.binary(max_size=80), st.sampled_from([b"", OK[:17], OK[:37]]))
    @settings(max_examples=100, deadline=None)
    def test_any_bytes_as_an_answer_or_a_named_failure(self, noise, start):
        recorder = Recorder(start + noise)

        with contextlib.suppress(CallFailed):
            get("http://8.8.8.8/", connect=recorder)
        recorder.close()


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


class TestGetWithTls:
    @pytest.fixture
    def port(self, tmp_path, monkeypatch):
        files = [tmp_path / "certificate.pem", tmp_path / "key.pem"]
        for file, text in zip(files, (CERTIFICATE, KEY), strict=True):
            file.write_text(text)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(*files)
        self.asked_for: list[str | None] = []
        server.sni_callback = lambda line, name, context: self.asked_for.append(name)
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
        outbound._tls.cache_clear()
        with receiver(says(OK), secure=partial(server.wrap_socket, server_side=True)) as port:
            yield port
        outbound._tls.cache_clear()

    def call(self, host, port, **options):
        resolve = resolves_to("127.0.0.1")
        return get(f"https://{host}:{port}/", trusted=LOOPBACK, resolve=resolve, **options)

    def test_asks_for_and_accepts_the_certificate_of_the_name(self, port):
        answer = self.call("Receiver.Test.", port)

        assert answer.body_start == b"ok"
        assert self.asked_for == ["receiver.test"]

    @pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
    def test_refuses_the_certificate_of_another_name(self, port, host):
        with pytest.raises(CallFailed) as failed:
            self.call(host, port)

        assert failed.value.reason is Failure.CERTIFICATE

    def test_refuses_a_certificate_of_an_unknown_authority(self, port, monkeypatch):
        monkeypatch.delenv("SSL_CERT_FILE")
        outbound._tls.cache_clear()

        with pytest.raises(CallFailed) as failed:
            self.call("receiver.test", port)

        assert failed.value.reason is Failure.CERTIFICATE

    def test_gives_up_at_the_deadline_on_a_handshake_that_does_not_go_on(self):
        with receiver(says(b"")) as port, pytest.raises(CallFailed) as failed:
            self.call("receiver.test", port, timeout=timedelta(seconds=0.2))

        assert failed.value.reason is Failure.TIMED_OUT

    def test_fails_where_plain_http_is_spoken(self):
        recorder = Recorder(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        reason = failure_of("https://8.8.8.8/", connect=recorder)
        recorder.close()

        assert reason is Failure.TLS
