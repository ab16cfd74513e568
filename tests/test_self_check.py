"""The self-check: what it finds, what it asks the database, and that nothing stops it."""

import socket
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import (
    books,
    ledger,
    self_check,
)
from sms_accounts.checking import Level
from sms_accounts.models import (
    Heartbeat,
    LedgerEntry,
    SmppCarrier,
    Wallet,
)
from tests.factories import (
    make_account,
    make_api_user,
    make_message,
    make_route,
    make_smpp_carrier,
)
from tests.heartbeats import hear, hear_all
from tests.plans import plan_of
from tests.simulator_rig import unused_port

pytestmark = pytest.mark.django_db

QUEUES = ("delivery", "incoming", "callbacks", "alerts")


@pytest.fixture(autouse=True)
def broker(settings):
    """A broker that listens and says that it is there; the port to be refused when it closes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        yield listener


@pytest.fixture(autouse=True)
def answering(monkeypatch):
    monkeypatch.setattr("redis.Redis.ping", lambda client: True)


@pytest.fixture
def alive():
    hear_all()


def seen(name):
    [check] = [check for check in self_check.run() if check.name == name]
    return check


def test_of_an_installation_at_work_is_well(alive):
    make_message()

    checks = self_check.run()

    assert [check for check in checks if check.level != Level.OK] == []
    assert len({check.name for check in checks}) == len(checks) == 26
    assert all(check.figure and not check.advice for check in checks)


class TestBinds:
    def test_are_none_of_the_business_of_an_installation_without_carriers(self, alive):
        make_smpp_carrier(enabled=False)

        assert (seen("binds").level, seen("binds").figure) == (Level.OK, "none")

    @pytest.mark.parametrize(
        ("is_heard", "is_bound", "default", "level", "figure"),
        [
            (True, True, True, Level.OK, "acme is bound"),
            (True, False, False, Level.WARN, "acme is not bound: no answer"),
            (True, False, True, Level.FAIL, "acme is not bound: no answer"),
            # Whoever was killed while it was bound can no longer say otherwise.
            (False, True, True, Level.FAIL, "acme has no process"),
        ],
    )
    def test_are_missed(self, alive, is_heard, is_bound, default, level, figure):
        make_smpp_carrier(default=default)
        SmppCarrier.objects.update(is_bound=is_bound, bind_told="no answer")
        ago = timedelta(0) if is_heard else timedelta(minutes=5)
        hear(Heartbeat.Kind.SMPP, "acme@a", ago=ago)

        assert (seen("binds").level, seen("binds").figure) == (level, figure)


class TestCarriers:
    def test_fail_where_messages_wait_for_one_that_is_switched_off(self, alive):
        make_smpp_carrier(name="acme", enabled=False)
        make_route("acme")
        assert (seen("carriers").level, "acme" in seen("carriers").figure) == (Level.OK, False)
        make_message()

        assert seen("carriers").level == Level.FAIL
        assert "acme is switched off, and 1 messages wait for it" in seen("carriers").figure


class TestBooks:
    def test_are_wrong_where_a_purse_holds_what_no_entry_says(self):
        message = make_message()
        Wallet.objects.filter(pk=message.account.wallet_id).update(credits=Decimal(7))

        assert seen("books").level == Level.FAIL
        assert seen("books").figure == "1 purse is wrong"
        assert "check_books" in seen("books").advice
        Wallet.objects.filter(pk=message.account.wallet_id).update(credits=Decimal(199))

    def test_are_wrong_where_an_entry_does_not_follow_from_the_one_before(self, monkeypatch):
        """The sum would tell too, but of purses with few entries only."""
        monkeypatch.setattr(self_check, "ENTRIES_OF_WHOLE_PURSES", 0)
        monkeypatch.setattr(self_check, "LATEST_MOVEMENTS", 3)
        account = make_account(credits=100)
        ledger.top_up(account, Decimal(5), by=None, reason="x")
        second = LedgerEntry.objects.latest("pk")
        values = {
            "account": account,
            "wallet_id": account.wallet_id,
            "kind": second.kind,
            "reason": "x",
        }
        now = timezone.now()

        # As if a third movement had been forgotten between the two.
        LedgerEntry.objects.create(**values, credits=1, balance=107, created_at=now)
        Wallet.objects.filter(pk=account.wallet_id).update(credits=107)

        assert seen("books").level == Level.FAIL
        LedgerEntry.objects.create(**values, credits=1, balance=107, created_at=now)

    def test_are_looked_at_in_a_bounded_number_of_rows(self, monkeypatch):
        monkeypatch.setattr(self_check, "ENTRIES_OF_WHOLE_PURSES", 4)
        monkeypatch.setattr(self_check, "LATEST_MOVEMENTS", 6)
        large, small = make_account(credits=1), make_account(credits=1)
        for _ in range(5):
            ledger.top_up(large, Decimal(1), by=None, reason="x")
        ledger.top_up(small, Decimal(1), by=None, reason="x")
        summed = []
        wrong_books = books.wrong_books

        def watched(chosen):
            summed.append(chosen)
            return wrong_books(chosen)

        with monkeypatch.context() as watching:
            watching.setattr(books, "wrong_books", watched)
            figure = seen("books").figure

        assert summed == [[small.wallet_id]]
        assert figure == "right: the last 6 movements, and 1 whole purses"

    def test_are_looked_at_by_indexes(self):
        make_message()
        latest = LedgerEntry.objects.order_by("-pk").values_list("wallet_id", "wallet__credits")
        of_one = LedgerEntry.objects.filter(wallet_id=1)

        assert "Seq Scan" not in plan_of(latest[:1000])
        assert "SCAN" not in plan_of(of_one[:1000])
        assert "wallet_id" in plan_of(of_one[:1000])


class TestWorkers:
    @pytest.mark.parametrize("queue", QUEUES)
    def test_that_never_came_are_missed(self, queue):
        check = seen(f"workers_{queue}")

        assert (check.level, check.figure) == (Level.FAIL, "0 running")
        assert "Start a worker for this queue" in check.advice

    def test_on_one_machine_are_missed_soon_after_they_are_gone(self, alive):
        for age, level in ((20, Level.OK), (60, Level.FAIL)):
            Heartbeat.objects.filter(name="worker@a").update(at=Now() - timedelta(seconds=age))

            levels = [seen(f"workers_{queue}").level for queue in QUEUES]

            assert levels == [level, Level.OK, Level.OK, level]

    def test_on_several_machines_are_missed_one_by_one(self, alive):
        hear(
            Heartbeat.Kind.WORKER,
            "worker@b",
            queues="alerts,delivery",
            ago=timedelta(minutes=10),
        )

        check = seen("workers_delivery")

        assert check.level == Level.WARN
        assert check.figure == "1 running; worker@b has been silent for 10 min"


class TestBeat:
    def test_that_never_came_is_missed(self):
        assert (seen("beat").level, seen("beat").figure) == (Level.FAIL, "never heard")

    def test_is_missed_soon_after_it_is_gone(self, alive):
        Heartbeat.objects.filter(kind="beat").update(at=Now() - timedelta(minutes=2))

        assert seen("beat").level == Level.FAIL
        assert seen("beat").figure == "beat@a has been silent for 2 min"

    def test_may_have_moved_to_another_machine(self, alive):
        hear(Heartbeat.Kind.BEAT, "beat@old", ago=timedelta(hours=3))

        assert seen("beat").level == Level.OK
        assert "beat@a" in seen("beat").figure


class TestClocks:
    def test_of_this_process_may_be_off(self):
        with time_machine.travel(timezone.now() + timedelta(seconds=10)):
            assert seen("clock").level == Level.WARN
        with time_machine.travel(timezone.now() + timedelta(minutes=1)):
            assert seen("clock").level == Level.FAIL

    def test_of_a_worker_elsewhere_may_be_off(self, alive):
        hear(Heartbeat.Kind.WORKER, "worker@b", ahead=timedelta(seconds=-50))

        assert seen("clock").level == Level.FAIL
        assert seen("clock").figure == "50.0 s apart at most (worker@b)"

    def test_of_a_process_that_is_gone_matters_no_more(self, alive):
        hear(
            Heartbeat.Kind.WORKER,
            "worker@b",
            ago=timedelta(minutes=5),
            ahead=timedelta(seconds=50),
        )

        assert seen("clock").level == Level.OK


class TestMail:
    def test_server_that_does_not_listen_is_a_warning(self, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port()

        assert seen("mail").level == Level.WARN
        assert "PANEL_SMTP_URL" in seen("mail").advice

    def test_server_that_listens_is_well(self, settings, broker):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = broker.getsockname()

        assert seen("mail").level == Level.OK

    def test_folder_may_be_missing_before_the_first_mail(self, settings, tmp_path):
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = tmp_path / "mail"

        assert seen("mail").level == Level.OK


def test_lets_no_question_take_longer_than_its_limit(monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such limit; what is asked is bounded by its rows.")
    monkeypatch.setattr(self_check, "LONGEST", timedelta(milliseconds=50))

    def slow():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")

    monkeypatch.setattr(self_check, "_books", slow)

    assert "timeout" in seen("books").figure


def test_asks_the_same_number_of_questions_however_many_rows_there_are(alive):
    def questions():
        with CaptureQueriesContext(connection) as asked:
            self_check.run()
        return len(asked)

    user = make_api_user(account=make_account(credits=500))
    make_message(user=user)
    few = questions()
    for _ in range(10):
        make_message(user=user)

    assert questions() == few
