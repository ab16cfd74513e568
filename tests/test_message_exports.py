"""CSV files that are written in the background: whole, once, whoever is killed; seen by few."""

import fcntl
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import accounts, message_exports
from sms_accounts.message_exports import LEASE, MOST_AT_ONCE, MOST_FAULTS, TRY_AGAIN
from sms_accounts.message_searches import Unreadable
from sms_accounts.models import Activity, MessageExport
from tests.factories import make_account, make_api_user, make_message, make_user
from tests.pages.conftest import signed_in
from tests.plans import plan_of
from tests.races import at_once

State = MessageExport.State

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.EXPORTS_DIR = tmp_path / "exports"
    return settings.EXPORTS_DIR


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def account(alice):
    return make_account(owner=alice, name="sms-ab12345-1", time_zone="Asia/Kathmandu")


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


@pytest.fixture
def in_twos(monkeypatch):
    monkeypatch.setattr(message_exports, "PORTION", 2)


def write_all() -> int:
    return message_exports.write_due()


def written(export) -> str:
    found = MessageExport.objects.select_related("account").get(pk=export.pk)
    path = message_exports.path_of(found)
    assert path is not None
    return path.read_bytes().decode()


def streamed(account, alice, query: str = "") -> str:
    answer: Any = signed_in(alice).get(f"/sms/{account.name}/messages/csv/?{query}")
    return b"".join(answer.streaming_content).decode()


def begin(monkeypatch) -> None:
    """Write one portion, in a turn that is over then."""
    turns = iter([0, 0, 30, 30])
    with monkeypatch.context() as patched:
        patched.setattr("sms_accounts.message_exports.time.monotonic", lambda: next(turns))
        assert write_all() == 2


class TestFile:
    @pytest.mark.parametrize("count", [0, 1, 2, 5])
    def test_has_the_bytes_of_the_one_that_comes_at_once(
        self, account, alice, shop, in_twos, count
    ):
        for place in range(count):
            make_message(user=shop, text=f"=1+{place}; „é”\nnext", tag="parcels")

        export = message_exports.ask(account, "", by=alice)

        assert write_all() == count
        assert written(export) == streamed(account, alice)
        assert written(export).count("\r\n") == count + 1

    def test_has_what_the_search_finds(self, account, alice, shop, in_twos):
        for _ in range(3):
            make_message(user=shop, tag="parcels")
            make_message(user=shop)

        export = message_exports.ask(account, "tag=parcels", by=alice)
        write_all()

        assert written(export) == streamed(account, alice, "tag=parcels")
        export.refresh_from_db()
        assert (export.state, export.rows, export.total) == (State.DONE, 3, 3)

    def test_has_nothing_of_what_came_meanwhile(self, account, alice, shop, in_twos, monkeypatch):
        first = [make_message(user=shop).pk for _ in range(4)]
        export = message_exports.ask(account, "", by=alice)
        begin(monkeypatch)
        make_message(user=shop)

        write_all()

        lines = written(export).splitlines()[1:]
        assert [int(line.partition(";")[0]) for line in lines] == first[::-1]

    def test_nobody_else_on_the_machine_may_read_it(self, account, alice, folder):
        export = message_exports.ask(account, "", by=alice)
        write_all()

        [path] = folder.iterdir()
        assert path.name == export.file_name
        assert len(path.stem) >= 32
        assert path.stat().st_mode & 0o077 == folder.stat().st_mode & 0o077 == 0

    def test_of_what_cannot_be_read_is_not_begun(self, account, alice):
        with pytest.raises(Unreadable):
            message_exports.ask(account, "state=nonsense", by=alice)

        assert not MessageExport.objects.exists()

    def test_no_more_than_some_are_at_work_for_one_account(self, account, alice):
        for _ in range(message_exports.MOST_AT_WORK):
            message_exports.ask(account, "", by=alice)

        with pytest.raises(message_exports.TooMany):
            message_exports.ask(account, "", by=alice)
        write_all()
        message_exports.ask(account, "", by=alice)

    def test_leaves_workers_for_messages(self, account, alice):
        for _ in range(MOST_AT_ONCE + 1):
            message_exports.ask(account, "", by=alice)
        taken = MessageExport.objects.order_by("pk")[:MOST_AT_ONCE].values_list("pk", flat=True)
        MessageExport.objects.filter(pk__in=list(taken)).update(due_at=timezone.now() + LEASE)

        write_all()

        assert not MessageExport.objects.filter(state=State.DONE).exists()

    def test_is_read_in_portions_by_index(self, account, alice, django_assert_num_queries):
        message_exports.ask(account, "", by=alice)
        due = MessageExport.objects.due(timezone.now())

        assert "message_exports_due" in plan_of(due)
        write_all()
        with django_assert_num_queries(1):
            assert write_all() == 0


class TestKilled:
    """A worker dies after it has written, before it records: nothing is lost, nothing doubled."""

    @pytest.fixture
    def export(self, account, alice, shop, in_twos):
        for place in range(5):
            make_message(user=shop, text=f"Text {place}")
        return message_exports.ask(account, "", by=alice)

    @pytest.fixture
    def killed(self, export, monkeypatch):
        """Four lines are in the file, two of them recorded."""
        record = message_exports._record

        def die(export, messages, *, is_last):
            if export.rows:
                raise KeyboardInterrupt
            return record(export, messages, is_last=is_last)

        monkeypatch.setattr(message_exports, "_record", die)
        with suppress(KeyboardInterrupt):
            write_all()
        monkeypatch.setattr(message_exports, "_record", record)
        export.refresh_from_db()
        assert (export.rows, export.state) == (2, State.WORKING)
        return export

    def test_another_goes_on_once_its_time_is_over(self, account, alice, killed):
        assert write_all() == 0

        with time_machine.travel(timezone.now() + LEASE, tick=False):
            assert write_all() == 3

        assert written(killed) == streamed(account, alice)

    def test_half_a_line_is_cut_off(self, account, alice, killed, folder):
        with (folder / killed.file_name).open("ab") as file:
            file.write(b"17;half a li")

        with time_machine.travel(timezone.now() + LEASE, tick=False):
            write_all()

        assert written(killed) == streamed(account, alice)

    def test_a_file_that_is_gone_is_begun_anew(self, account, alice, killed, folder):
        (folder / killed.file_name).unlink()

        with time_machine.travel(timezone.now() + LEASE, tick=False):
            assert write_all() == 5

        assert written(killed) == streamed(account, alice)

    def test_one_whose_turn_is_over_goes_on_at_the_next(self, account, alice, export, monkeypatch):
        begin(monkeypatch)

        assert write_all() > 0

        assert written(export) == streamed(account, alice)

    def test_a_file_that_another_worker_is_still_at_is_left_alone(
        self, account, alice, export, folder
    ):
        folder.mkdir()
        with (folder / export.file_name).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert write_all() == 0
        with time_machine.travel(timezone.now() + LEASE, tick=False):
            assert write_all() == 5

        assert written(export) == streamed(account, alice)

    def test_a_fault_is_tried_again_and_given_up_in_the_end(self, export, monkeypatch, folder):
        def fail(*_arguments):
            raise OSError("No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with time_machine.travel(timezone.now(), tick=False) as clock:
            for _ in range(MOST_FAULTS):
                assert write_all() == 0
                clock.shift(TRY_AGAIN)

        export.refresh_from_db()
        assert (export.state, export.faults) == (State.FAILED, MOST_FAULTS)
        assert list(folder.iterdir()) == []


class TestStop:
    def test_removes_the_file_and_is_recorded(
        self, account, alice, shop, in_twos, folder, monkeypatch
    ):
        for _ in range(5):
            make_message(user=shop)
        export = message_exports.ask(account, "", by=alice)
        begin(monkeypatch)
        assert len(list(folder.iterdir())) == 1

        assert message_exports.stop(export, by=alice)

        assert write_all() == 0
        assert list(folder.glob("*")) == []
        assert Activity.objects.filter(action="CSV file stopped", by=alice).count() == 1
        assert not message_exports.stop(export, by=alice)

    def test_in_the_middle_of_a_portion_ends_it(self, account, alice, shop, in_twos, monkeypatch):
        for _ in range(5):
            make_message(user=shop)
        export = message_exports.ask(account, "", by=alice)
        write = message_exports._write

        def stopped_meanwhile(*arguments):
            message_exports.stop(export, by=alice)
            write(*arguments)

        monkeypatch.setattr(message_exports, "_write", stopped_meanwhile)
        write_all()

        export.refresh_from_db()
        assert (export.state, export.rows) == (State.STOPPED, 0)


class TestRetention:
    @pytest.mark.parametrize(("kept", "days"), [(None, 7), (30, 7), (2, 2)])
    def test_files_go_after_a_week_or_when_texts_do(self, account, alice, folder, kept, days):
        accounts.change(account, {"retention_days": kept}, by=None)
        export = message_exports.ask(account, "tag=parcels", by=alice)
        write_all()
        with time_machine.travel(timezone.now(), tick=False) as clock:
            clock.shift(timedelta(days=days, minutes=-1))
            assert message_exports.remove_old() == 0
            clock.shift(timedelta(minutes=1, seconds=1))

            assert message_exports.remove_old() == 1
            assert message_exports.remove_old() == 0

        assert list(folder.iterdir()) == []
        export.refresh_from_db()
        # What was searched for may be a number, which is kept no longer either.
        assert (export.state, export.query) == (State.DONE, "")
        assert message_exports.path_of(export) is None

    def test_files_that_no_row_knows_go_too(self, account, alice, folder):
        message_exports.ask(account, "", by=alice)
        write_all()
        for name, age in (("old.csv", timedelta(hours=2)), ("new.csv", timedelta(0))):
            (folder / name).touch()
            at = (timezone.now() - age).timestamp()
            os.utime(folder / name, (at, at))

        assert message_exports.remove_old() == 1

        assert not (folder / "old.csv").exists()
        assert len(list(folder.iterdir())) == 2


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_write_each_line_once(account, alice, shop, in_twos):
    for _ in range(7):
        make_message(user=shop)
    exports = [message_exports.ask(account, "", by=alice) for _ in range(2)]

    at_once(*[write_all] * 4)
    with time_machine.travel(timezone.now() + LEASE, tick=False):
        write_all()

    expected = streamed(account, alice)
    assert [written(export) for export in exports] == [expected, expected]
