"""Tests of what the guarded HTTP client takes for an answer, against receivers on this machine."""

import contextlib
import socket
import ssl
import threading
import time
from datetime import timedelta
from functools import partial
from ipaddress import ip_network

import pytest

from sms_accounts import outbound
from sms_accounts.outbound import CallFailed, Failure, get
from sms_accounts.outbound_connections import Connections

LOOPBACK = [ip_network("127.0.0.0/8")]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# Nobody's certificate, for receiver.test alone, its own authority, valid from 2020 to 2119: made
# with `openssl ca -selfsign` and the extensions that strict verifiers insist on: subjectAltName,
# basicConstraints=critical,CA:TRUE, keyUsage=critical,digitalSignature,keyCertSign and
# subjectKeyIdentifier.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUZzOdycxPnnBvF2kChovknbrPO+owCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcmVjZWl2ZXIudGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIw
MDEwMTAwMDAwMFowGDEWMBQGA1UEAwwNcmVjZWl2ZXIudGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABCfSv5rDvQGax89+MkYh4Lhdbz7fkuoH+QlBTjfkLbzI
QbjmqPiZnMJ8CjUi4OmyRtZDhL3TffKXxBcvyREG3dGjXDBaMBgGA1UdEQQRMA+C
DXJlY2VpdmVyLnRlc3QwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAoQw
HQYDVR0OBBYEFJgaxZPrNIJ0ysITdzZGOAL7gHa5MAoGCCqGSM49BAMCA0gAMEUC
IQCcLXf/GtWxOEcja31emfpM6ea3Xw6UT5BwYNIxiSRwkAIgXM7nhGtv87rXIHb6
3QBA5LS0gfFuMTd5kKalrgcIdUg=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQp+gAjtJh+pS5tIM
v4LQkhanDLheDmNrCM0jIv3FkpehRANCAAQn0r+aw70BmsfPfjJGIeC4XW8+35Lq
B/kJQU435C28yEG45qj4mZzCfAo1IuDpskbWQ4S9033yl8QXL8kRBt3R
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
        try:
            yield listening.getsockname()[1]
        finally:
            # Closing alone would leave the thread waiting for the next caller.
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)


def read_request(connection):
    request = b""
    while b"\r\n\r\n" not in request and (chunk := connection.recv(4096)):
        request += chunk
    return request


def says(answer):
    return lambda connection, request: connection.sendall(answer)


def drips(start):
    def answer(connection, request):
        connection.sendall(start)
        # The caller hangs up long before the end, which ends this loop too.
        for _ in range(200):
            time.sleep(0.02)
            connection.sendall(b"x")

    return answer


def stays_silent(connection, request):
    connection.recv(1)


def resolve_to_this_machine(host, port, **options):
    return [(0, 0, 0, "", ("127.0.0.1", port))]


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

    def test_its_headers_by_their_names(self):
        answer = self.call(says(b"HTTP/1.1 429 No\r\nretry-after: 7\r\nContent-Length: 0\r\n\r\n"))

        assert answer.header("Retry-After") == "7"
        assert answer.header("Location") == ""

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
            b"HTTP/1.1 200 ",
            b"HTTP/1.1 200 OK\r\nX: ",
            b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
        ],
        ids=["status", "header", "body", "body without length"],
    )
    def test_no_drip_beyond_the_deadline(self, start):
        assert self.failure(drips(start), timeout=0.2) is Failure.TOO_SLOW

    def test_silence_until_the_deadline(self):
        assert self.failure(stays_silent, timeout=0.2) is Failure.TIMED_OUT

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
        self.answer = says(OK)
        secure = partial(server.wrap_socket, server_side=True)
        with receiver(lambda line, asked: self.answer(line, asked), secure=secure) as port:
            yield port
        outbound._tls.cache_clear()

    def call(self, host, port, **options):
        url = f"https://{host}:{port}/"
        return get(url, trusted=LOOPBACK, resolve=resolve_to_this_machine, **options)

    def test_asks_for_and_accepts_the_certificate_of_the_name(self, port):
        answer = self.call("Receiver.Test.", port)

        assert answer.body_start == b"ok"
        assert self.asked_for == ["receiver.test"]

    def test_goes_over_one_connection_that_is_kept(self, port):
        def answer_twice(line, _request):
            line.sendall(OK)
            if read_request(line):
                line.sendall(OK)

        self.answer = answer_twice
        with contextlib.closing(Connections()) as connections:
            for _ in range(2):
                answer = self.call("receiver.test", port, connections=connections)
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
        def connect(address, timeout):
            return socket.create_connection(address)

        with receiver(says(b"")) as port, pytest.raises(CallFailed) as failed:
            self.call("receiver.test", port, timeout=timedelta(seconds=0.2), connect=connect)

        assert failed.value.reason is Failure.TIMED_OUT
