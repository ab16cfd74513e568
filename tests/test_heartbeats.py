"""Signs of life: who is noted, who is forgotten, and that it never stops anybody's work."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from structlog.testing import capture_logs

from panel.pulse import BeatPulse
from sms_accounts import heartbeats
from sms_accounts.models import Heartbeat

pytestmark = pytest.mark.django_db

WORKER, BEAT = Heartbeat.Kind.WORKER, Heartbeat.Kind.BEAT


@pytest.fixture(autouse=True)
def _connection_of_the_test(monkeypatch):
    """Each process lets go of its connection after a beat; the test needs its own further on."""
    monkeypatch.setattr("django.db.connection.close", lambda: None)


def test_of_one_process_is_one_row_that_moves_on():
    heartbeats.note(WORKER, "worker@a", queues=["delivery"])
    Heartbeat.objects.update(at=Now() - timedelta(minutes=5))

    heartbeats.note(WORKER, "worker@a", queues=["delivery", "alerts"])

    row = Heartbeat.objects.get()
    assert row.queues == "alerts,delivery"
    assert Heartbeat.objects.filter(at__gt=Now() - timedelta(minutes=1)).exists()


def test_of_processes_of_one_name_and_two_kinds_are_two():
    heartbeats.note(WORKER, "a")
    heartbeats.note(BEAT, "a")

    assert Heartbeat.objects.count() == 2


def test_of_a_process_that_was_asked_to_stop_is_forgotten():
    heartbeats.note(WORKER, "worker@a")
    heartbeats.note(WORKER, "worker@b")

    heartbeats.end(WORKER, "worker@a")

    assert Heartbeat.objects.get().name == "worker@b"


def test_of_a_process_that_was_killed_is_forgotten_after_a_day():
    for name, ago in (("worker@a", timedelta(hours=23)), ("worker@b", timedelta(hours=25))):
        heartbeats.note(WORKER, name)
        Heartbeat.objects.filter(name=name).update(at=Now() - ago)

    heartbeats.note(WORKER, "worker@c")

    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"worker@a", "worker@c"}


@pytest.mark.parametrize("doing", [heartbeats.note, heartbeats.end])
def test_are_lost_without_a_word_to_the_process_while_the_database_is_away(monkeypatch, doing):
    def away(*_args, **_more):
        raise OperationalError("no connection")

    monkeypatch.setattr(Heartbeat.objects, "bulk_create", away)
    monkeypatch.setattr(Heartbeat.objects, "filter", away)

    with capture_logs() as logs:
        doing(WORKER, "worker@a")

    assert [log["problem"] for log in logs] == ["OperationalError"]


def test_may_be_lost_three_times_before_anybody_is_missed():
    assert 3 * heartbeats.BETWEEN + timedelta(seconds=5) < heartbeats.SILENT_AFTER


def test_of_beat_are_not_written_for_each_ring(monkeypatch):
    noted = []
    monkeypatch.setattr(heartbeats, "note", lambda kind, name: noted.append(kind))
    pulse = BeatPulse()

    for _ in range(5):
        pulse(sender="sms_accounts.tasks.deliver_due")

    assert noted == [BEAT]
