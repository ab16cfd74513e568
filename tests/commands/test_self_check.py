"""What `self_check` prints, and how it ends."""

import io
import json
import socket
from contextlib import closing
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from sms_accounts import self_check
from sms_accounts.models import Heartbeat
from tests.heartbeats import hear, hear_all
from tests.simulator_rig import unused_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def broker(settings, monkeypatch):
    """A broker that says that it is there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        monkeypatch.setattr("redis.Redis.ping", lambda client: True)
        yield


@pytest.fixture
def alive():
    hear_all()


class TestCommand:
    def run(self):
        printed = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("self_check", stdout=printed)
        [line] = printed.getvalue().splitlines()
        return ended.value.code, json.loads(line)

    def test_ends_with_0_where_all_is_well(self, alive):
        code, told = self.run()

        assert (code, told["level"]) == (0, "ok")
        assert told["checks"][0].keys() == {"name", "level", "figure", "advice"}

    def test_ends_with_1_where_somebody_should_look(self, alive):
        hear(Heartbeat.Kind.WORKER, "worker@b", queues="alerts", ago=timedelta(minutes=5))

        code, told = self.run()

        assert (code, told["level"]) == (1, "warn")
        [check] = [check for check in told["checks"] if check["level"] == "warn"]
        assert check["name"] == "workers_alerts"

    def test_ends_with_2_where_something_does_not_work(self, alive):
        Heartbeat.objects.filter(kind="beat").delete()

        code, told = self.run()

        assert (code, told["level"]) == (2, "fail")

    def test_says_that_the_broker_is_away(self, alive, settings, monkeypatch):
        monkeypatch.undo()
        settings.REDIS_URL = f"redis://:secret@127.0.0.1:{unused_port()}/0"

        code, told = self.run()

        [check] = [check for check in told["checks"] if check["level"] != "ok"]
        assert (code, check["name"]) == (2, "broker")
        assert "secret" not in json.dumps(told)

    def test_says_that_the_database_is_away(self, alive, monkeypatch):
        def away(*_args):
            raise OperationalError("connection refused\nLINE 1: SELECT secret")

        with monkeypatch.context() as patched:
            patched.setattr(connection, "cursor", away)
            code, told = self.run()

        by_name = {check["name"]: check for check in told["checks"]}
        assert code == 2
        assert by_name["database"]["level"] == "fail"
        assert by_name["database"]["figure"] == "connection refused"
        assert by_name["books"]["figure"] == "not looked at"
        assert by_name["broker"]["level"] == "ok"

    def test_says_what_the_database_does_not_answer(self, alive, monkeypatch):
        def slow():
            raise OperationalError("canceling statement due to statement timeout")

        monkeypatch.setattr(self_check, "_books", slow)

        code, told = self.run()

        failed = [check["name"] for check in told["checks"] if check["level"] == "fail"]
        assert (code, failed) == (2, ["books"])
