"""What is kept for a time only: what goes, when, and what stays right."""

from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_network

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from sms_accounts import (
    alerts,
    books,
    callbacks,
    delivery,
    reports,
    retention,
    submission,
)
from sms_accounts.models import (
    FINAL,
    Account,
    Activity,
    AddressUse,
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
from tests.alerted import SMS, make_alerted
from tests.ended import DAYS, GONE, LATELY, WHOLE, age, kept_for, left_of, make_ended
from tests.factories import MSISDN, make_account, make_api_user, make_message, make_order
from tests.receiver import Receiver
from tests.scripted_carrier import dlr, installed, post, reported

pytestmark = pytest.mark.django_db

URL = "https://www.example.com/dlr"


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def user():
    return make_api_user(account=kept_for(DAYS))


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
        order = make_order(user)._replace(idempotency_key="k")
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
            row.query = "from=33639980004"
            row.save(update_fields=["received_at", "query"])

        assert retention.remove_old() == 1

        young, old = DlrPost.objects.order_by("pk")
        assert bytes(young.body)
        assert young.query
        assert young.body_removed_at is None
        assert (bytes(old.body), old.query) == (b"", "")
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
