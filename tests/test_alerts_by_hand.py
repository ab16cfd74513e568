"""Tests of an alert, and alerts that are sent again."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from sms_accounts import alerts, alerts_by_hand
from sms_accounts.models import Activity, Alert, LedgerEntry, Notification, Submission
from tests.alerted import BOTH, EMAIL, credits_of, make_alerted
from tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db

EVERYWHERE = {"email": "ops@example.com", "sms": "33639980004"}


@pytest.fixture
def alice(db):
    return make_user("alice2@example.com")


def send_test(subject, by, addresses=EVERYWHERE):
    return alerts_by_hand.send_test(subject, threshold=Decimal(5), addresses=addresses, by=by)


class TestTest:
    def test_goes_where_it_was_said_marked_charged_and_recorded(self, alice):
        user = make_alerted(EMAIL, email="stored@example.com").api_user
        Alert.objects.all().delete()
        account = user.account

        alert = send_test(user, alice)
        alerts.alert_due()

        [sent] = mail.outbox
        assert sent.to == ["ops@example.com"]
        assert sent.subject == "Test: script1: 10.00 SMS credits left"
        text = Submission.objects.get().text
        assert text == "Test: script1: 10.00 SMS credits left, alert at 5.00"
        assert credits_of(account.wallet_id) == 189
        assert LedgerEntry.objects.filter(reason="Alert for script1").count() == 1
        assert {each.state for each in alert.notifications.all()} == {"done"}
        change = Activity.objects.get(action="alert tested")
        assert (change.by, change.after["email"]) == (alice, "ops@example.com")

    def test_of_an_account_is_about_the_account(self, alice):
        account = make_account(credits=9, name="sms-ab12345-1")
        account.wallet.refresh_from_db()

        send_test(account, alice, {"email": "ops@example.com"})
        alerts.alert_due()

        assert mail.outbox[0].subject == "Test: sms-ab12345-1: 9.00 SMS credits left"

    def test_leaves_no_reminder_and_no_all_clear(self, alice):
        user = make_alerted(EMAIL).api_user
        user.alert_reminder_days, user.alert_all_clear = 1, True

        alert = send_test(user, alice)

        assert (alert.remind_at, alert.awaits_refill) == (None, False)

    def test_is_refused_after_a_few_until_they_are_some_minutes_old(self, alice):
        account = make_account()
        for _ in range(alerts_by_hand.MOST):
            send_test(account, alice)

        with pytest.raises(alerts_by_hand.TooOften):
            send_test(account, alice)

        assert Alert.objects.count() == alerts_by_hand.MOST
        send_test(make_account(), alice)
        later = timezone.now() + alerts_by_hand.SPAN + timedelta(seconds=1)
        with time_machine.travel(later):
            send_test(account, alice)


class TestAgain:
    def test_goes_out_once_more_over_its_channel_as_another_mail(self, alice):
        alert = make_alerted(BOTH, email="old@example.com")
        alerts.alert_due()
        alert.api_user.alert_email = "new@example.com"
        alert.api_user.save(update_fields=["alert_email"])
        first = Notification.objects.select_related("alert__account", "alert__api_user__account")

        again = alerts_by_hand.send_again(first.get(channel="email"), by=alice)
        alerts.alert_due()

        assert [sent.to for sent in mail.outbox] == [["old@example.com"], ["new@example.com"]]
        ids = {sent.extra_headers["Message-ID"] for sent in mail.outbox}
        assert len(ids) == 2
        assert mail.outbox[0].subject == mail.outbox[1].subject
        assert Submission.objects.count() == 1
        again.refresh_from_db()
        assert (again.round, again.state) == (1, "done")
        assert alert.notifications.filter(channel="email").count() == 2
        assert Activity.objects.get(action="alert sent again").after["address"] == "new@example.com"

    def test_is_refused_while_the_same_is_on_its_way(self, alice):
        alert = make_alerted(EMAIL)

        with pytest.raises(alerts_by_hand.StillWaiting):
            alerts_by_hand.send_again(alert.notifications.get(), by=alice)

    def test_counts_with_the_tests(self, alice):
        alert = make_alerted(EMAIL)
        alerts.alert_due()
        for _ in range(alerts_by_hand.MOST):
            send_test(alert.api_user, alice)

        with pytest.raises(alerts_by_hand.TooOften):
            alerts_by_hand.send_again(alert.notifications.get(), by=alice)

    def test_by_sms_that_nobody_can_pay_becomes_an_email_of_its_own(self, alice):
        alert = make_alerted(BOTH, credits=10, email="bob@example.com")
        alerts.alert_due()
        assert len(mail.outbox) == 1

        alerts_by_hand.send_again(alert.notifications.get(channel="sms"), by=alice)
        alerts.alert_due()

        assert len(mail.outbox) == 2
        assert "could not pay this SMS" in mail.outbox[1].body
