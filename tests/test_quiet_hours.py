"""Quiet hours: no SMS meanwhile, and none afterwards that is not true any more."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.core import mail

from sms_accounts import alerts, alerts_by_hand, api_users, ledger, limits
from sms_accounts.models import Account, Notification, Submission
from tests.alerted import BOTH, make_alerted
from tests.factories import make_alert, make_user

pytestmark = pytest.mark.django_db

# In Paris it is an hour later than in UTC, in summer two.
NIGHT = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)


def make_quiet(begins=time(22), ends=time(7), *, support=BOTH):
    alert = make_alerted(support, email="bob@example.com")
    Account.objects.update(time_zone="Europe/Paris")
    user = alert.api_user
    limit = replace(limits.limit_of(user), quiet_from=begins, quiet_until=ends)
    api_users.set_limit(user, limit, by=None)
    alert.delete()
    user.refresh_from_db()
    ledger.set_quota(user, Decimal(4), by=None)
    user.alerts.all().delete()
    return make_alert(user)


class TestSms:
    def test_waits_for_the_end_of_quiet_hours_while_the_email_goes(self, time_machine):
        time_machine.move_to(NIGHT, tick=False)
        alert = make_quiet()

        alerts.alert_due()

        assert len(mail.outbox) == 1
        held = alert.notifications.get(channel="sms")
        assert (held.state, held.was_held, held.tries) == ("waiting", True, 0)
        assert held.due_at == datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
        assert held.note == "Quiet hours: goes out at 07:00."
        assert not Submission.objects.exists()

        time_machine.move_to(held.due_at, tick=False)
        alerts.alert_due()
        assert Submission.objects.get().channel == "alert"
        assert alert.notifications.get(channel="sms").state == "done"

    def test_is_dropped_where_the_credits_came_back_meanwhile(self, time_machine):
        time_machine.move_to(NIGHT, tick=False)
        alert = make_quiet()
        alerts.alert_due()
        ledger.set_quota(alert.api_user, Decimal(50), by=None)

        time_machine.move_to(NIGHT + timedelta(hours=9), tick=False)
        alerts.alert_due()

        assert not Submission.objects.exists()
        held = alert.notifications.get(channel="sms")
        assert held.state == "needless"
        assert "before the quiet hours were over" in held.note

    @pytest.mark.parametrize(
        ("at", "begins", "ends", "due_at"),
        [
            ("2026-03-01 20:59", time(22), time(7), None),
            ("2026-03-01 21:00", time(22), time(7), "2026-03-02 06:00"),
            ("2026-03-02 05:59", time(22), time(7), "2026-03-02 06:00"),
            ("2026-03-02 06:00", time(22), time(7), None),
            ("2026-03-02 12:00", time(12), time(14), "2026-03-02 13:00"),
            ("2026-03-02 13:00", time(12), time(14), None),
            ("2026-03-02 12:00", time(12), time(12), None),
            # The clock goes forward in this night.
            ("2026-03-28 22:00", time(22), time(7), "2026-03-29 05:00"),
            ("2026-10-24 21:00", time(22), time(7), "2026-10-25 06:00"),
        ],
    )
    def test_is_held_by_the_clock_of_the_account(self, time_machine, at, begins, ends, due_at):
        time_machine.move_to(datetime.fromisoformat(f"{at}+00:00"), tick=False)
        alert = make_quiet(begins, ends)

        alerts.alert_due()

        held = alert.notifications.get(channel="sms")
        assert held.was_held == (due_at is not None)
        if due_at:
            assert held.due_at == datetime.fromisoformat(f"{due_at}+00:00")

    def test_that_somebody_asks_for_goes_at_once(self, time_machine):
        time_machine.move_to(NIGHT, tick=False)
        alert = make_quiet()
        person = make_user()

        alerts_by_hand.send_test(
            alert.api_user,
            threshold=Decimal(5),
            addresses={Notification.Channel.SMS: "33639980004"},
            by=person,
        )
        alerts.alert_due()

        assert Submission.objects.count() == 1
