"""What a worker does by itself while its broker is away."""

import threading
import time

import pytest
from structlog.testing import capture_logs

from panel.celery import app
from panel.own_rounds import Round, tasks_of


class Counted:
    """A task that counts its runs, and ends when it may."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.name = name
        self.runs = 0
        self.may_end = threading.Event()
        self._fails = fails

    def __call__(self) -> None:
        self.runs += 1
        self.may_end.wait(10)
        if self._fails:
            raise ValueError("nothing to be done about it")


def until(is_so) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def begun(round_: Round) -> bool:
    round_.begin()
    return True


class TestTheTasks:
    def test_are_those_of_the_queues_that_beat_rings_all_the_time(self):
        app.loader.import_default_modules()

        assert [task.name for task in tasks_of(app, queues=["callbacks"])] == [
            "sms_accounts.tasks.call_due"
        ]

    def test_leave_out_what_is_rung_now_and_then(self):
        app.loader.import_default_modules()

        names = {
            task.name.rsplit(".", 1)[1] for task in tasks_of(app, queues=["delivery", "alerts"])
        }

        assert {"deliver_due", "send_batches", "alert_due", "watch_carriers"} <= names
        assert names.isdisjoint({"call_due", "record_dlrs", "purge", "remove_old", "renew_quotas"})


class TestARound:
    def test_begins_with_each_task_and_waits_for_none(self):
        slow, quick = Counted("slow"), Counted("quick")
        quick.may_end.set()
        round_ = Round([slow, quick])

        until(lambda: begun(round_) and quick.runs > 1)

        assert slow.runs == 1
        slow.may_end.set()

    @pytest.mark.parametrize("fails", [False, True])
    def test_begins_anew_with_what_has_ended_however_it_did(self, fails):
        task = Counted("task", fails=fails)
        task.may_end.set()
        round_ = Round([task])

        with capture_logs() as logs:
            until(lambda: begun(round_) and task.runs > 1)

        assert {log["event"] for log in logs} == ({"own_round_failed"} if fails else set())
