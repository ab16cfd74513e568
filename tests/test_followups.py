"""Reminders while credits stay low, and the all-clear when they are back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sms_accounts import accounts, api_users, followups, ledger, limits, submission
from sms_accounts.models import Alert
from tests.factories import make_account, make_api_user, make_order

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
A_DAY = timedelta(days=1)


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


def make_watched(*, quota=10, threshold=5, **more):
    user = make_api_user(account=make_account(), quota=quota, threshold=threshold)
    api_users.set_limit(user, replace(limits.limit_of(user), **more), by=None)
    user.refresh_from_db()
    return user


def fall_to(user, credits):
    while user.wallet.credits > credits:
        submission.submit(make_order(user))
        user.wallet.refresh_from_db()


def kinds(subject) -> list[str]:
    found = Alert.objects.of_subject(subject).order_by("pk")
    return list(found.values_list("kind", flat=True))


class TestReminder:
    def test_comes_every_so_many_days_while_the_credits_are_low(self, clock):
        user = make_watched(reminder_days=2)
        fall_to(user, 5)

        told = []
        for day in range(7):
            clock.move_to(NOW + day * A_DAY + timedelta(minutes=1), tick=False)
            told.append(followups.follow_up())

        assert told == [0, 0, 1, 0, 1, 0, 1]
        assert kinds(user) == ["crossing", "reminder", "reminder", "reminder"]

    def test_tells_what_is_left_by_then(self, clock):
        user = make_watched(reminder_days=1)
        fall_to(user, 3)
        clock.move_to(NOW + A_DAY, tick=False)

        followups.follow_up()

        reminder = user.alerts.get(kind="reminder")
        assert reminder.balance == 3
        assert reminder.threshold == 5
        assert [each.channel for each in reminder.notifications.all()] == ["email"]

    def test_is_not_sent_where_nobody_asked_for_it(self, clock):
        user = make_watched()
        fall_to(user, 5)
        clock.move_to(NOW + 100 * A_DAY, tick=False)

        assert followups.follow_up() == 0

    def test_ends_when_the_credits_are_back(self, clock):
        user = make_watched(reminder_days=1)
        fall_to(user, 5)
        ledger.set_quota(user, Decimal(50), by=None)

        for day in range(1, 4):
            clock.move_to(NOW + day * A_DAY, tick=False)
            assert followups.follow_up() == 0

    @pytest.mark.parametrize("change", [{"enabled": False}, {"reminder_days": None}])
    def test_ends_when_it_is_switched_off(self, clock, change):
        user = make_watched(reminder_days=1)
        fall_to(user, 5)
        api_users.set_limit(user, replace(limits.limit_of(user), **change), by=None)
        clock.move_to(NOW + A_DAY, tick=False)

        assert followups.follow_up() == 0

    def test_ends_with_the_user(self, clock):
        user = make_watched(reminder_days=1)
        fall_to(user, 5)
        api_users.delete(user, by=None)
        clock.move_to(NOW + A_DAY, tick=False)

        assert followups.follow_up() == 0

    def test_is_one_for_all_levels(self, clock):
        user = make_watched(reminder_days=1, levels=("8.00", "7.00"))
        fall_to(user, 5)
        assert kinds(user) == ["crossing"] * 3
        clock.move_to(NOW + A_DAY, tick=False)

        assert followups.follow_up() == 1
        assert user.alerts.get(kind="reminder").threshold == 5

    def test_of_an_account_comes_too(self, clock):
        user = make_api_user(account=make_account(credits=10))
        limit = replace(
            limits.limit_of(user),
            enabled=True,
            threshold=Decimal(5),
            email="ops@example.com",
            reminder_days=1,
        )
        accounts.set_limit(user.account, limit, by=None)
        fall_to(user, 5)
        clock.move_to(NOW + A_DAY, tick=False)

        assert followups.follow_up() == 1
        assert kinds(user.account) == ["crossing", "reminder"]


class TestAllClear:
    def test_comes_once_when_the_credits_are_above_the_level_again(self, clock):
        user = make_watched(all_clear=True)
        fall_to(user, 5)
        assert followups.follow_up() == 0
        ledger.set_quota(user, Decimal(6), by=None)

        assert [followups.follow_up() for _ in range(3)] == [1, 0, 0]

        clear = user.alerts.get(kind="clear")
        assert clear.balance == 6
        assert clear.threshold == 5

    def test_is_not_sent_where_nobody_asked_for_it(self, clock):
        user = make_watched()
        fall_to(user, 5)
        ledger.set_quota(user, Decimal(6), by=None)

        assert followups.follow_up() == 0

    def test_waits_at_the_level_itself(self, clock):
        user = make_watched(all_clear=True)
        fall_to(user, 4)
        ledger.set_quota(user, Decimal(5), by=None)

        assert followups.follow_up() == 0

    def test_names_the_highest_level_that_is_behind(self, clock):
        user = make_watched(all_clear=True, levels=("9.00", "7.00"))
        fall_to(user, 5)
        ledger.set_quota(user, Decimal(8), by=None)

        assert followups.follow_up() == 1
        assert user.alerts.get(kind="clear").threshold == 7

        ledger.set_quota(user, Decimal(10), by=None)
        assert followups.follow_up() == 1
        assert user.alerts.filter(kind="clear").latest("pk").threshold == 9

    def test_counts_the_reserve_as_gone(self, clock):
        user = make_api_user(account=make_account(credits=6), threshold=5)
        api_users.set_limit(user, replace(limits.limit_of(user), all_clear=True), by=None)
        fall_to(user, 5)
        accounts.set_reserve(user.account, Decimal(3), by=None)
        ledger.top_up(user.account, Decimal(3), by=None, reason="Invoice")

        assert followups.follow_up() == 0

        ledger.top_up(user.account, Decimal(1), by=None, reason="Invoice")
        assert followups.follow_up() == 1

    def test_ends_reminders(self, clock):
        user = make_watched(all_clear=True, reminder_days=1)
        fall_to(user, 5)
        ledger.set_quota(user, Decimal(6), by=None)
        followups.follow_up()
        clock.move_to(NOW + A_DAY, tick=False)

        assert followups.follow_up() == 0

    def test_follows_each_time_anew(self, clock):
        user = make_watched(all_clear=True)
        for _ in range(2):
            fall_to(user, 5)
            ledger.set_quota(user, Decimal(6), by=None)
            followups.follow_up()
            user.wallet.refresh_from_db()

        assert kinds(user) == ["crossing", "clear"] * 2
