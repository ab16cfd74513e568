"""What is kept for a time only: what goes, when, in which portions, and what stays right."""

import threading
import time
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import (
    alerts,
    books,
    callbacks,
    delivery,
    ledger,
    orders,
    reports,
    retention,
    submission,
    tasks,
)
from sms_accounts.models import (
    FINAL,
    Account,
    Activity,
    AddressUse,
    ApiUser,
    Callback,
    CallbackAttempt,
    DlrPost,
    DlrReport,
    LedgerEntry,
    Message,
    MessageEvent,
    Notification,
    State,
    Submission,
)
from sms_accounts.models.message import MessageQuerySet
from tests.alerted import SMS, make_alerted
from tests.factories import MSISDN, make_account, make_api_user, make_message, make_order
from tests.plans import plan_of
from tests.races import at_once
from tests.receiver import Receiver
from tests.scripted_carrier import dlr, installed, post, reported

pytestmark = pytest.mark.django_db

URL = "https://www.example.com/dlr"
DAYS = 30
LONG_AGO = timedelta(days=DAYS, hours=1)
LATELY = timedelta(days=DAYS, hours=-1)


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def user():
    return make_api_user(account=kept_for(DAYS))


def kept_for(days, *, credits=200):
    account = make_account(credits=credits)
    Account.objects.filter(pk=account.pk).update(retention_days=days)
    account.refresh_from_db()
    return account


def make_ended(user, *, ago=LONG_AGO, state=State.DELIVERED, **given):
    """A message that became final some time ago."""
    message = make_message(user=user, **given)
    age(message, ago=ago, state=state)
    return message


def age(message, *, ago=LONG_AGO, state=State.DELIVERED):
    at = timezone.now() - ago
    Submission.objects.filter(pk=message.submission_id).update(created_at=at)
    final_at = at if state in FINAL else None
    Message.objects.filter(pk=message.pk).update(state=state, state_since=at, final_at=final_at)


def left_of(message):
    """What is left of a message: its text, its number."""
    row = Message.objects.select_related("submission").get(pk=message.pk)
    return row.submission.text, row.msisdn


WHOLE, GONE = ("Hello", MSISDN), ("", MSISDN[-3:])


class TestPeriod:
    def test_over_removes_text_and_number_but_three_digits(self, user):
        message = make_ended(user)

        assert retention.remove_old() == 1

        assert left_of(message) == GONE
        row = Submission.objects.get()
        assert row.text_removed_at is not None
        assert row.numbers_removed_at is not None

    @pytest.mark.parametrize("state", sorted(FINAL))
    def test_begins_with_the_end_of_the_message_whatever_that_was(self, user, state):
        old, young = make_ended(user, state=state), make_ended(user, state=state, ago=LATELY)

        retention.remove_old()

        assert (left_of(old), left_of(young)) == (GONE, WHOLE)

    @pytest.mark.parametrize("state", sorted(set(State) - FINAL))
    def test_never_ends_for_what_is_not_final(self, user, state):
        message = make_ended(user, state=state)

        assert retention.remove_old() == 0
        assert left_of(message) == WHOLE

    def test_counts_from_the_end_and_not_from_the_order(self, user):
        message = make_ended(user)
        Message.objects.update(final_at=timezone.now() - LATELY)

        retention.remove_old()

        assert left_of(message) == WHOLE

    def test_of_many_receivers_is_over_when_it_is_for_the_last(self, user):
        order = make_order(user, receivers=[MSISDN, "33639980024"])
        first, second = submission.submit(order).message_ids
        age(Message.objects.get(pk=first))
        age(Message.objects.get(pk=second), ago=LATELY)

        retention.remove_old()
        assert Message.objects.filter(msisdn=MSISDN).exists()
        age(Message.objects.get(pk=second))
        retention.remove_old()

        assert set(Message.objects.values_list("msisdn", flat=True)) == {"004", "024"}

    def test_that_is_not_set_keeps_everything(self):
        message = make_ended(make_api_user(), ago=timedelta(days=4000))

        assert retention.remove_old() == 0
        assert left_of(message) == WHOLE

    def test_is_each_account_s_own(self, user):
        others = make_ended(make_api_user(account=kept_for(400)))
        mine = make_ended(user)

        retention.remove_old()

        assert (left_of(mine), left_of(others)) == (GONE, WHOLE)

    def test_over_once_has_nothing_to_do_again(self, user):
        make_ended(user)
        retention.remove_old()
        before = Submission.objects.values().get()

        assert retention.remove_old() == 0
        assert Submission.objects.values().get() == before

    @pytest.mark.parametrize("days", [0, -1, 3651])
    def test_is_a_number_of_days_that_makes_sense(self, days):
        account = make_account()
        account.retention_days = days

        with pytest.raises(ValidationError):
            account.full_clean()

    def test_of_an_alert_sms_is_that_of_its_account(self, carrier):
        alert = make_alerted(SMS, msisdn=MSISDN)
        alerts.alert_due()
        Account.objects.update(retention_days=DAYS)
        message = Message.objects.get()
        assert message.submission.channel == Submission.Channel.ALERT
        retention.remove_old()
        assert Notification.objects.get().address == MSISDN

        age(message)
        retention.remove_old()

        assert left_of(message) == GONE
        assert Notification.objects.get().address == MSISDN[-3:]
        alert.api_user.refresh_from_db()
        assert alert.api_user.alert_msisdn == MSISDN


class TestWhatWasCleared:
    def test_still_has_its_history_states_and_credits(self, carrier, user):
        message = make_message(user=user)
        delivery.deliver_due()
        reported(message)
        events = list(MessageEvent.objects.values())
        entries = list(LedgerEntry.objects.values())
        age(message)

        retention.remove_old()

        message.refresh_from_db()
        assert (message.state, message.ptt, message.credits) == (State.DELIVERED, 4, Decimal(1))
        assert list(MessageEvent.objects.values()) == events
        assert list(LedgerEntry.objects.values()) == entries
        assert books.wrong_books() == []

    def test_takes_a_late_report_as_a_note(self, carrier, user):
        message = make_message(user=user)
        delivery.deliver_due()
        reported(message)
        age(message)
        retention.remove_old()

        reported(message, "undeliverable")

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert MessageEvent.objects.latest("pk").cause.startswith("Report came too late")

    def test_is_still_called_back(self, carrier, settings):
        settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
        user = make_api_user(account=kept_for(DAYS), callback=URL)
        message = make_message(user=user, tag="spring")
        delivery.deliver_due()
        reported(message)
        age(message)
        retention.remove_old()

        with Receiver() as receiver:
            Callback.objects.update(url=receiver.url)
            callbacks.call_due()

        assert [request.value("ptt") for request in receiver.requests] == ["3", "4"]
        assert {request.value("tag") for request in receiver.requests} == {"spring"}


class TestNoTexts:
    def test_are_left_of_a_final_message_and_its_number_stays(self):
        user = make_api_user()
        other = make_api_user(account=user.account)
        retention.set_keeps_no_texts(user, True, by=None)
        message, others = make_ended(user, ago=timedelta(0)), make_ended(other, ago=timedelta(0))

        assert retention.remove_old() == 1

        assert left_of(message) == ("", MSISDN)
        assert left_of(others) == WHOLE
        assert retention.remove_old() == 0

    def test_are_left_later_where_a_period_takes_the_number_too(self):
        user = make_api_user(account=kept_for(DAYS))
        retention.set_keeps_no_texts(user, True, by=None)
        message = make_ended(user, ago=LATELY)
        retention.remove_old()
        removed_at = Submission.objects.get().text_removed_at

        age(message)
        retention.remove_old()

        assert left_of(message) == GONE
        assert Submission.objects.get().text_removed_at == removed_at

    @pytest.mark.parametrize("state", sorted(set(State) - FINAL))
    def test_are_wanted_of_what_is_not_final(self, state):
        user = make_api_user()
        retention.set_keeps_no_texts(user, True, by=None)
        message = make_ended(user, state=state)

        retention.remove_old()

        assert left_of(message) == WHOLE

    def test_wait_for_callbacks(self, carrier):
        user = make_api_user(callback=URL)
        retention.set_keeps_no_texts(user, True, by=None)
        message = make_message(user=user)
        delivery.deliver_due()
        reported(message)

        retention.remove_old()
        assert left_of(message) == WHOLE
        Callback.objects.filter(sequence=1).update(done_at=timezone.now())
        retention.remove_old()
        assert left_of(message) == WHOLE
        Callback.objects.filter(sequence=2).update(given_up_at=timezone.now())
        retention.remove_old()

        assert left_of(message) == ("", MSISDN)

    def test_do_not_make_a_repeated_call_another_one(self):
        user = make_api_user()
        retention.set_keeps_no_texts(user, True, by=None)
        order = orders.Order(**{**make_order(user).__dict__, "idempotency_key": "k"})
        first = submission.submit(order)
        age(Message.objects.get(), ago=timedelta(0))
        retention.remove_old()

        again = submission.submit(order)

        assert again.message_ids == first.message_ids
        assert Submission.objects.get().text == ""

    def test_are_asked_for_once_and_recorded_for_the_holder(self):
        user = make_api_user()

        assert retention.set_keeps_no_texts(user, True, by=None)
        assert not retention.set_keeps_no_texts(user, True, by=None)

        change = Activity.objects.latest("pk")
        assert (change.action, change.api_user) == ("keeping of texts changed", user)
        assert change.before == {"keeps no texts": False}
        assert change.after == {"keeps no texts": True}
        assert Activity.objects.filter(action=change.action).count() == 1


class TestForeignWords:
    @pytest.mark.parametrize(("days", "kept"), [(None, 30), (7, 7), (400, 30)])
    def test_of_carriers_go_with_the_shortest_period(self, carrier, days, kept):
        kept_for(days)
        for age_in_days in (kept - 1, kept + 1):
            post(dlr(reference="r"))
            reports.record_dlrs()
            row = DlrPost.objects.latest("pk")
            row.received_at -= timedelta(days=age_in_days)
            row.save(update_fields=["received_at"])

        assert retention.remove_old() == 1

        young, old = DlrPost.objects.order_by("pk")
        assert bytes(young.body)
        assert young.body_removed_at is None
        assert bytes(old.body) == b""
        assert old.body_removed_at is not None
        assert DlrReport.objects.count() == 2

    def test_of_carriers_stay_until_they_are_read(self):
        post(dlr(reference="r"))
        DlrPost.objects.update(received_at=timezone.now() - timedelta(days=90))

        assert retention.remove_old() == 0
        assert bytes(DlrPost.objects.get().body)

    @pytest.mark.parametrize("ended", ["done_at", "given_up_at"])
    def test_of_receivers_go_when_the_callback_is_over(self, user, ended):
        long_ago = timezone.now() - timedelta(days=DAYS + 1)
        message = make_message(user=user)
        for sequence in (1, 2):
            callback = Callback.objects.create(
                message=message,
                account=message.account,
                url=URL,
                sequence=sequence,
                state=State.DELIVERED,
                changed_at=long_ago,
                due_at=long_ago,
                **({ended: long_ago} if sequence == 1 else {}),
            )
            CallbackAttempt.objects.create(
                callback=callback, at=long_ago, status=500, answer="thanks"
            )

        assert retention.remove_old() == 1

        attempts = CallbackAttempt.objects.order_by("pk")
        assert list(attempts.values_list("status", "answer")) == [(500, ""), (500, "thanks")]


class TestAddresses:
    def test_go_a_year_after_their_last_use(self, user):
        year, day = timedelta(days=365), timedelta(days=1)
        now = timezone.now()
        for number, (accepted, refused, observed) in enumerate(
            [
                (year + day, None, None),
                (year - day, None, None),
                (year + day, year - day, None),
                (None, year + day, None),
                (None, year - day, None),
                (year + day, year + day, year - day),
                (year + day, year + day, year + day),
            ]
        ):
            AddressUse.objects.create(
                api_user=user,
                address=f"192.0.2.{number}",
                **{
                    name: None if ago is None else now - ago
                    for name, ago in (
                        ("accepted_at", accepted),
                        ("refused_at", refused),
                        ("observed_at", observed),
                    )
                },
            )

        assert retention.remove_old() == 3

        left = AddressUse.objects.values_list("address", flat=True)
        assert {address[-1] for address in left} == {"1", "2", "4", "5"}


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


def first_plan(old):
    rows = old.rows.order_by(old.by, "id").values_list(old.by, "pk")
    return plan_of(rows[: retention.BATCH])


class TestQueries:
    def test_find_what_is_left_by_their_indexes(self, user):
        make_ended(user)
        user.keeps_no_texts = True
        user.save(update_fields=["keeps_no_texts"])

        looked_at = list(retention._old(timezone.now()))

        expected = [
            "submissions_with_text",
            "submissions_with_numbers",
            "dlr_posts_with_body",
            "callback_attempts_with_answer",
            "address_uses_by_age",
            "address_uses_by_age",
        ]
        assert len(looked_at) == len(expected)
        for old, index in zip(looked_at, expected, strict=True):
            assert index in first_plan(old)

    def test_are_few_while_there_is_nothing_to_do(self):
        make_ended(make_api_user())

        with CaptureQueriesContext(connection) as asked:
            retention.remove_old()

        assert len(asked) <= 8


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
