"""Tests of connections that the guarded HTTP client keeps from one call to the next."""

import contextlib
import socket
import threading
from datetime import timedelta
from ipaddress import ip_network

import pytest

from sms_accounts import outbound_connections
from sms_accounts.outbound import CallFailed, Failure, get, post
from sms_accounts.outbound_connections import Connections
from tests.test_outbound_answers import read_request, resolve_to_this_machine

LOOPBACK = [ip_network("127.0.0.0/8")]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HANG_UP = b""


class Receiver:
    """Answers on each connection as often as it has answers for it; then it hangs up."""

    def __init__(self, *answers_by_connection):
        self._answers = [list(answers) for answers in answers_by_connection]
        self.requests: list[list[bytes]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError), contextlib.ExitStack() as connections:
            for answers in self._answers:
                connection = connections.enter_context(self._listener.accept()[0])
                requests: list[bytes] = []
                self.requests.append(requests)
                thread = threading.Thread(target=self._answer, args=(connection, answers, requests))
                thread.start()
                connections.callback(thread.join)
            self._listener.accept()

    @staticmethod
    def _answer(connection, answers, requests):
        with contextlib.suppress(OSError):
            for answer in answers:
                if answer is HANG_UP or not (request := read_request(connection)):
                    break
                requests.append(request)
                connection.sendall(answer)
            else:
                # The next request is read, and not answered.
                if request := read_request(connection):
                    requests.append(request)
            connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def connections():
    with contextlib.closing(Connections()) as kept:
        yield kept


def call(receiver, connections, *, host="127.0.0.1", path="/"):
    return get(
        f"http://{host}:{receiver.port}{path}",
        trusted=LOOPBACK,
        connections=connections,
        resolve=resolve_to_this_machine,
    )


class TestConnections:
    def test_take_one_call_after_the_other(self, connections):
        with Receiver([OK] * 3) as receiver:
            for number in range(3):
                assert call(receiver, connections, path=f"/{number}").body_start == b"ok"
            connections.close()

        [requests] = receiver.requests
        assert [request.split(b" ")[1] for request in requests] == [b"/0", b"/1", b"/2"]
        assert all(b"\r\nConnection: keep-alive\r\n" in request for request in requests)

    def test_are_not_asked_for_where_nobody_keeps_them(self):
        with Receiver([OK], [OK]) as receiver:
            for _ in range(2):
                call(receiver, None)

        assert [len(requests) for requests in receiver.requests] == [1, 1]
        assert all(b"\r\nConnection: close\r\n" in first for [first] in receiver.requests)

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
            OK + OK,
        ],
        ids=["close", "1.0", "long", "more than was asked for"],
    )
    def test_are_left_after_an_answer_that_may_be_the_last(self, connections, answer):
        with Receiver([answer, OK], [OK]) as receiver:
            for _ in range(2):
                assert call(receiver, connections).status == 200
            connections.close()

        assert [len(requests) for requests in receiver.requests] == [1, 1]

    def test_that_end_before_anything_came_are_replaced_and_the_call_made_anew(self, connections):
        with Receiver([OK], [OK]) as receiver:
            call(receiver, connections, path="/1")
            url = f"http://127.0.0.1:{receiver.port}/2"
            answer = post(url, b"{}", trusted=LOOPBACK, connections=connections)
            connections.close()

        assert answer.body_start == b"ok"
        first, second = receiver.requests
        assert [request.split(b" ")[1] for request in first] == [b"/1", b"/2"]
        assert [request.split(b" ")[1] for request in second] == [b"/2"]

    def test_that_end_in_the_middle_of_an_answer_have_failed(self, connections):
        with Receiver([OK, OK[:-1], HANG_UP], [OK]) as receiver:
            call(receiver, connections)
            with pytest.raises(CallFailed) as failed:
                call(receiver, connections)

        assert failed.value.reason is Failure.CLOSED
        assert len(receiver.requests) == 1

    def test_that_stay_silent_are_not_replaced_after_the_deadline(self, connections):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

            def serve():
                with listener.accept()[0] as connection:
                    read_request(connection)
                    connection.sendall(OK)
                    read_request(connection)
                    is_over.wait(5)

            is_over = threading.Event()
            thread = threading.Thread(target=serve)
            thread.start()
            get(url, trusted=LOOPBACK, connections=connections)
            with pytest.raises(CallFailed) as failed:
                get(
                    url,
                    trusted=LOOPBACK,
                    connections=connections,
                    timeout=timedelta(seconds=0.2),
                )
            is_over.set()
            thread.join()

        assert failed.value.reason is Failure.TIMED_OUT

    @pytest.mark.parametrize("name", ["IDLE", "OLDEST"])
    def test_are_left_after_their_time(self, connections, monkeypatch, name):
        with Receiver([OK, OK], [OK]) as receiver:
            call(receiver, connections)
            monkeypatch.setattr(outbound_connections, name, timedelta(0))
            call(receiver, connections)
            connections.close()

        assert [len(requests) for requests in receiver.requests] == [1, 1]

    def test_lead_to_one_name_and_port_alone(self, connections):
        """Who has the same address under another name is not called over them."""
        with Receiver([OK, OK], [OK]) as receiver:
            for name in ("a.example", "b.example", "a.example"):
                call(receiver, connections, host=name)
            connections.close()

        assert [len(requests) for requests in receiver.requests] == [2, 1]

    def test_are_so_many_at_most(self, connections, monkeypatch):
        monkeypatch.setattr(outbound_connections, "MOST_KEPT", 1)
        with Receiver([OK, OK], [OK]) as receiver:
            for name in ("a.example", "b.example", "a.example"):
                call(receiver, connections, host=name)
            assert len(connections) == 1
            connections.close()

        assert len(connections) == 0
        assert [len(requests) for requests in receiver.requests] == [2, 1]
