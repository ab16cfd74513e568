"""How long credits last: what was paid by days, and what is told from it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sms_accounts import ledger, spending, submission
from sms_accounts.models import DaySpent, SpendingMark
from tests.factories import make_account, make_api_user, make_message, make_order

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
A_DAY = timedelta(days=1)


def spend_on_days(clock, user, *credits, until=MONDAY):
    """Spend so many credits on each of the days that end with `until`, and add them up."""
    for ago, count in enumerate(reversed(credits)):
        clock.move_to(until - ago * A_DAY, tick=False)
        for _ in range(count):
            submission.submit(make_order(user))
    clock.move_to(until + timedelta(minutes=1), tick=False)
    spending.count()


def outlook(wallet_id, left):
    return spending.outlooks({wallet_id: Decimal(left)}).get(wallet_id)


class TestOutlook:
    def test_is_told_from_the_last_seven_days(self, time_machine):
        user = make_api_user()
        spend_on_days(time_machine, user, 5, 1, 2, 0, 1, 2, 1, 0)

        found = outlook(user.wallet_id, 20)

        # 7 credits in six days and a half.
        assert found.spent == 7
        assert found.basis == "the last 7 days (7.00 credits)"
        assert found.span == "about 18 days"

    def test_of_a_young_user_is_told_from_its_first_day(self, time_machine):
        user = make_api_user()
        spend_on_days(time_machine, user, 3, 1)

        found = outlook(user.wallet_id, 4)

        assert found.basis == "the last 2 days (4.00 credits)"
        assert found.span == "about 1 day"

    @pytest.mark.parametrize("days", [(), (9,), (9, 0, 0)])
    def test_is_none_where_there_is_too_little_to_go_by(self, time_machine, days):
        user = make_api_user()
        spend_on_days(time_machine, user, *days)

        assert outlook(user.wallet_id, 100) is None

    @pytest.mark.parametrize(
        ("left", "span"), [("0", "less than a day"), ("2", "less than a day"), ("10000", "more")]
    )
    def test_says_no_more_than_is_known(self, time_machine, left, span):
        user = make_api_user()
        spend_on_days(time_machine, user, 3, 1)

        assert outlook(user.wallet_id, left).span.startswith(span)

    def test_of_many_purses_asks_once(self, django_assert_num_queries):
        users = [make_api_user(account=make_account(), quota=1) for _ in range(5)]

        with django_assert_num_queries(1):
            spending.outlooks({user.wallet_id: Decimal(1) for user in users})


class TestCount:
    def test_counts_each_entry_once(self, time_machine):
        user = make_api_user()
        spend_on_days(time_machine, user, 2, 3)

        assert spending.count() == 0

        assert sorted(DaySpent.objects.values_list("credits", flat=True)) == [2, 3]

    def test_takes_refunds_off_and_leaves_movements_out(self, time_machine):
        time_machine.move_to(MONDAY)
        user = make_api_user(account=make_account(credits=100))
        ledger.set_quota(user, Decimal(50), by=None)
        message = make_message(user=user)
        submission.submit(make_order(user))
        ledger.refund({message: "Rejected"})
        time_machine.shift(timedelta(minutes=1))

        spending.count()

        assert [day.credits for day in DaySpent.objects.all()] == [1]

    def test_leaves_the_latest_entries_to_the_next_time(self, time_machine):
        time_machine.move_to(MONDAY, tick=False)
        submission.submit(make_order(make_api_user()))

        assert spending.count() == 0

        time_machine.move_to(MONDAY + spending.SETTLED + timedelta(seconds=1), tick=False)
        assert spending.count() > 0

    def test_passes_no_entry_that_is_too_young_for_one_that_is_not(self, time_machine):
        time_machine.move_to(MONDAY, tick=False)
        user = make_api_user(quota=10)
        submission.submit(make_order(user))
        time_machine.move_to(MONDAY - timedelta(seconds=5), tick=False)
        # Stored later, but by a transaction that began before.
        submission.submit(make_order(user))

        time_machine.move_to(MONDAY + spending.SETTLED - timedelta(seconds=2), tick=False)
        spending.count()
        time_machine.move_to(MONDAY + timedelta(minutes=1), tick=False)
        spending.count()

        assert DaySpent.objects.get(wallet=user.quota_wallet_id).credits == 2

    def test_goes_on_in_batches(self, time_machine, monkeypatch):
        monkeypatch.setattr(spending, "BATCH", 2)
        user = make_api_user()
        spend_on_days(time_machine, user, 3, 4)

        assert sum(DaySpent.objects.values_list("credits", flat=True)) == 7
        assert SpendingMark.objects.count() == 1

    def test_forgets_days_that_nobody_asks_for(self, time_machine):
        user = make_api_user()
        spend_on_days(time_machine, user, 1, until=MONDAY)
        spend_on_days(time_machine, user, 1, until=MONDAY + 20 * A_DAY)

        assert [day.day for day in DaySpent.objects.all()] == [(MONDAY + 20 * A_DAY).date()]
