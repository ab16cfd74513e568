"""What is removed goes in small portions, by indexes, and in nobody's way."""

import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import (
    ledger,
    retention,
    submission,
    tasks,
)
from sms_accounts.models import (
    AddressUse,
    ApiUser,
    Message,
    State,
    Submission,
)
from sms_accounts.models.message import MessageQuerySet
from tests.ended import DAYS, GONE, age, kept_for, left_of, make_ended
from tests.factories import MSISDN, make_api_user, make_order
from tests.plans import analyze, plan_of, sorts
from tests.races import at_once

pytestmark = pytest.mark.django_db

URL = "https://www.example.com/dlr"


@pytest.fixture
def user():
    return make_api_user(account=kept_for(DAYS))


class TestPortions:
    def test_are_small_also_for_one_order_with_many_receivers(self, monkeypatch):
        monkeypatch.setattr(retention, "BATCH", 10)
        user = make_api_user(account=kept_for(DAYS))
        receivers = [f"3363998{number:04}" for number in range(35)]
        submission.submit(make_order(user, receivers=receivers))
        for message in Message.objects.all():
            age(message)
        changed = []
        update = MessageQuerySet.update

        def watched(rows, **values):
            changed.append(update(rows, **values))
            return changed[-1]

        monkeypatch.setattr(MessageQuerySet, "update", watched)

        assert retention.remove_old() == 1

        assert changed == [10, 10, 10, 5]
        assert not Message.objects.filter(msisdn__startswith="336").exists()

    def test_are_as_many_as_there_is_time_for(self, monkeypatch, user):
        monkeypatch.setattr(retention, "BATCH", 2)
        for _ in range(5):
            make_ended(user)

        runs = [retention.remove_old(within=timedelta(0)) for _ in range(4)]

        assert runs == [2, 2, 1, 0]

    def test_go_on_to_the_end_where_nobody_counts_the_time(self, monkeypatch, user):
        monkeypatch.setattr(retention, "BATCH", 2)
        for _ in range(5):
            make_ended(user)

        assert retention.remove_old(within=None) == 5

    def test_interrupted_go_on_where_they_were(self, monkeypatch, user):
        message = make_ended(user)
        with monkeypatch.context() as killed:
            killed.setattr(retention, "_remove_texts", _killed)
            with pytest.raises(KeyboardInterrupt):
                retention.remove_old()
        assert left_of(message) == ("Hello", "004")

        retention.remove_old()

        assert left_of(message) == GONE

    def test_stop_at_no_message_that_cannot_be_cleared_yet(self, monkeypatch, user):
        monkeypatch.setattr(retention, "BATCH", 1)
        make_ended(user, state=State.SCHEDULED)
        message = make_ended(user)

        retention.remove_old()

        assert left_of(message) == GONE


def test_runs_each_minute_and_ends_before_the_next_one_begins(settings, user):
    message = make_ended(user)

    tasks.remove_old.run()

    assert left_of(message) == GONE
    entry = settings.CELERY_BEAT_SCHEDULE["remove_old"]
    assert entry["task"] == tasks.remove_old.name
    assert retention.A_RUN < entry["schedule"] == timedelta(minutes=1)


def first_plan(old, *, may_sort):
    rows = old.in_order().values_list(old.by, "pk")
    return plan_of(rows[: retention.BATCH], may_sort=may_sort)


class TestQueries:
    def test_find_what_is_left_by_their_indexes(self, user):
        make_ended(user)
        user.keeps_no_texts = True
        user.save(update_fields=["keeps_no_texts"])
        # Nearly all addresses are of today.
        AddressUse.objects.bulk_create(
            AddressUse(api_user=user, address=f"2001:db8::{number}", accepted_at=timezone.now())
            for number in range(300)
        )
        analyze(AddressUse)

        looked_at = list(retention._old(timezone.now()))

        expected = [
            "submissions_with_text",
            "received_with_text",
            "submissions_with_numbers",
            "received_with_numbers",
            # Of which nobody knows whose they are.
            "received_with_numbers",
            "received_posts_with_body",
            "dlr_posts_with_body",
            "callback_attempts_with_answer",
            "address_uses_by_age",
            "address_uses_by_age",
        ]
        assert len(looked_at) == len(expected)
        for old, index in zip(looked_at, expected, strict=True):
            # These have several moments, any of which may be the last.
            may_sort = index == "address_uses_by_age"
            plan = first_plan(old, may_sort=may_sort)
            assert index in plan
            assert may_sort or not sorts(plan)

    def test_are_few_while_there_is_nothing_to_do(self):
        make_ended(make_api_user())

        with CaptureQueriesContext(connection) as asked:
            retention.remove_old()

        assert len(asked) <= 9


@pytest.mark.django_db(transaction=True)
class TestMeanwhile:
    def test_scripts_of_the_account_go_on_sending(self, monkeypatch):
        """The removal stops in the middle of its transaction, holding all that it ever locks."""
        if connection.vendor != "postgresql":
            pytest.skip("SQLite lets one transaction write at a time; the others wait in a queue.")
        user = make_api_user(account=kept_for(DAYS), quota=50, callback=URL)
        for _ in range(3):
            make_ended(user)
        holding, may_end = threading.Event(), threading.Event()
        locked = retention._locked

        def locked_and_held(model, keys):
            rows = locked(model, keys)
            holding.set()
            assert may_end.wait(20)
            return rows

        monkeypatch.setattr(retention, "_locked", locked_and_held)
        removing = threading.Thread(target=_in_thread, args=(retention.remove_old,))
        removing.start()
        try:
            assert holding.wait(10)
            began = time.monotonic()
            for _ in range(5):
                submission.submit(make_order(user))
            ledger.set_quota(user, Decimal(60), by=None)
            took = time.monotonic() - began
            assert removing.is_alive()
        finally:
            may_end.set()
            removing.join(20)

        assert took < 5
        assert Message.objects.filter(msisdn=MSISDN).count() == 5
        assert Message.objects.filter(msisdn="004").count() == 3

    def test_several_workers_remove_the_same_without_harm(self, monkeypatch):
        monkeypatch.setattr(retention, "BATCH", 3)
        user = make_api_user(account=kept_for(DAYS))
        for _ in range(12):
            make_ended(user)

        at_once(*[lambda: retention.remove_old(within=None)] * 4)

        assert not Submission.objects.exclude(text="").exists()
        assert set(Message.objects.values_list("msisdn", flat=True)) == {"004"}
        assert not Submission.objects.filter(numbers_removed_at=None).exists()
        assert ApiUser.objects.count() == 1


def _in_thread(do):
    try:
        do()
    finally:
        connections.close_all()


def _killed(*_args):
    raise KeyboardInterrupt
