"""Tasks: what each rings after its work, and a ring that nobody can hear."""

import inspect
import socket
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
import structlog
from structlog.testing import capture_logs

from panel.celery import app
from sms_accounts import (
    alerts,
    callbacks,
    delivery,
    failover,
    followups,
    renewals,
    reports,
    tasks,
    validity,
)
from tests.simulator_rig import unused_port

# What a request may lose to a broker that is away.
QUICK = timedelta(seconds=1)

TASKS = {
    "deliver_due": tasks.deliver_due,
    "record_dlrs": tasks.record_dlrs,
    "call_due": tasks.call_due,
    "alert_due": tasks.alert_due,
    "alert_sms_due": tasks.alert_sms_due,
}


@pytest.fixture
def rung(monkeypatch):
    """The names of the tasks that are rung, in their order."""
    names: list[str] = []
    monkeypatch.setattr(
        tasks, "ring", lambda *rung: names.extend(task.name.rpartition(".")[2] for task in rung)
    )
    return names


def broker_at(monkeypatch, url):
    """Point the Celery application at a broker, leaving connections of before aside."""
    # One that has logged before goes on to log where it did.
    monkeypatch.setattr(tasks, "log", structlog.get_logger())
    monkeypatch.setattr(app.conf, "broker_url", url)
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)


class TestTask:
    @pytest.mark.parametrize("name", TASKS)
    def test_takes_no_arguments(self, name):
        assert not inspect.signature(TASKS[name].run).parameters

    @pytest.mark.parametrize("name", TASKS)
    def test_is_rung_by_beat_and_forgotten_when_late(self, name, settings):
        [entry] = [
            entry
            for entry in settings.CELERY_BEAT_SCHEDULE.values()
            if entry["task"] == TASKS[name].name
        ]

        assert entry["schedule"] <= timedelta(seconds=5)
        assert entry["options"]["expires"]
        assert "args" not in entry

    @pytest.mark.parametrize(
        ("module", "name", "follow"),
        [
            (delivery, "deliver_due", ["alert_due", "call_due"]),
            (reports, "record_dlrs", ["call_due"]),
            (alerts, "alert_due", ["deliver_due"]),
            (alerts, "sms_due", ["deliver_due"]),
            (callbacks, "call_due", []),
        ],
    )
    def test_rings_what_its_work_made_due_and_nothing_else(
        self, monkeypatch, rung, module, name, follow
    ):
        task = TASKS[{"sms_due": "alert_sms_due"}.get(name, name)]
        monkeypatch.setattr(module, name, lambda **given: 0)
        task.run()
        assert rung == []

        monkeypatch.setattr(module, name, lambda **given: 3)
        task.run()

        assert rung == follow


class TestFollowUp:
    @pytest.mark.parametrize("name", ["follow_up", "count_figures", "renew_quotas"])
    def test_is_rung_by_beat_and_forgotten_when_late(self, name, settings):
        entry = settings.CELERY_BEAT_SCHEDULE[name]

        assert entry["task"] == f"sms_accounts.tasks.{name}"
        assert timedelta(seconds=entry["options"]["expires"]) < entry["schedule"]

    @pytest.mark.parametrize(("stored", "follow"), [(0, []), (2, ["alert_due"])])
    def test_rings_for_the_alerts_that_it_stored(self, monkeypatch, rung, stored, follow):
        monkeypatch.setattr(followups, "follow_up", lambda: stored)

        tasks.follow_up.run()

        assert rung == follow


class TestRenewals:
    @pytest.mark.parametrize(("filled", "follow"), [(0, []), (2, ["alert_due"])])
    def test_rings_for_the_alerts_of_those_who_fell(self, monkeypatch, rung, filled, follow):
        monkeypatch.setattr(renewals, "renew_due", lambda: filled)

        tasks.renew_quotas.run()

        assert rung == follow


class TestBell:
    @pytest.mark.parametrize(
        ("meanwhile", "pauses"), [(0, [0.1]), (24, [0.1, 0.1]), (25, [0.1, 0.3, 0.1])]
    )
    def test_rings_at_once_and_more_seldom_where_many_ring(
        self, monkeypatch, rung, meanwhile, pauses
    ):
        slept: list[float] = []
        has_slept = threading.Semaphore(0)

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 1:
                for _ in range(meanwhile):
                    bell.ring()
            has_slept.release()

        monkeypatch.setattr(tasks, "time", SimpleNamespace(sleep=sleep))
        bell = tasks.Bell(tasks.deliver_due, pause=timedelta(milliseconds=100))

        bell.ring()

        for _ in pauses:
            assert has_slept.acquire(timeout=10)
        assert not has_slept.acquire(timeout=0.05)
        assert slept == pytest.approx(pauses)
        # Whoever rang meanwhile is heard.
        assert rung == ["deliver_due"] * (2 if meanwhile else 1)


class TestWatchOverCarriers:
    def test_is_kept_soon_and_forgotten_when_late(self, settings):
        entry = settings.CELERY_BEAT_SCHEDULE["watch_carriers"]

        assert entry["task"] == tasks.watch_carriers.name
        assert timedelta(seconds=entry["options"]["expires"]) <= entry["schedule"]
        assert entry["schedule"] < failover.GRACE

    @pytest.mark.parametrize(("switched", "follow"), [(0, []), (1, ["deliver_due"])])
    def test_rings_for_what_another_carrier_takes_over(self, monkeypatch, rung, switched, follow):
        monkeypatch.setattr(failover, "watch", lambda: switched)

        tasks.watch_carriers.run()

        assert rung == follow


class TestSweep:
    def test_is_rung_by_beat_and_forgotten_when_late(self, settings):
        entry = settings.CELERY_BEAT_SCHEDULE["end_overdue"]

        assert entry["task"] == tasks.end_overdue.name
        assert entry["schedule"] <= timedelta(minutes=1)
        assert timedelta(seconds=entry["options"]["expires"]) < entry["schedule"]

    @pytest.mark.parametrize(("ended", "follow"), [(0, []), (3, ["call_due"])])
    def test_rings_for_the_callbacks_that_it_left(self, monkeypatch, rung, ended, follow):
        monkeypatch.setattr(validity, "end_overdue", lambda: ended)

        tasks.end_overdue.run()

        assert rung == follow


class TestRing:
    def test_never_fails_and_is_quick_where_no_broker_listens(self, monkeypatch):
        broker_at(monkeypatch, f"redis://127.0.0.1:{unused_port()}/0")

        self.assert_quick()

    def test_never_fails_and_is_quick_where_the_socket_is_missing(self, monkeypatch, tmp_path):
        broker_at(monkeypatch, f"redis+socket://{tmp_path}/broker.sock")

        self.assert_quick()

    def test_never_fails_and_is_quick_where_a_broker_left_its_socket(self, monkeypatch, tmp_path):
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(str(tmp_path / "broker.sock"))
        broker_at(monkeypatch, f"redis+socket://{tmp_path}/broker.sock")

        self.assert_quick()

    def assert_quick(self):
        tasks.ring(tasks.call_due)  # The first one also loads what Celery loads late.
        started = time.monotonic()

        with capture_logs() as logs:
            tasks.ring(tasks.deliver_due, tasks.alert_due)

        assert time.monotonic() - started < QUICK.total_seconds()
        assert [log["event"] for log in logs] == ["broker_away"]
