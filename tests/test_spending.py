"""How long credits last: what was paid by days, and what is told from it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sms_accounts import counting, ledger, spending, submission
from sms_accounts.models import DaySpent
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
    counting.count()


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


class TestDaysSpent:
    def test_take_refunds_off_and_leave_movements_out(self, time_machine):
        time_machine.move_to(MONDAY)
        user = make_api_user(account=make_account(credits=100))
        ledger.set_quota(user, Decimal(50), by=None)
        message = make_message(user=user)
        submission.submit(make_order(user))
        ledger.refund({message: "Rejected"})

        counting.count()

        assert [day.credits for day in DaySpent.objects.all()] == [1]

    def test_are_added_up_from_one_run_to_the_next(self, time_machine):
        user = make_api_user()
        spend_on_days(time_machine, user, 2, 3)
        submission.submit(make_order(user))

        counting.count()

        assert sorted(DaySpent.objects.values_list("credits", flat=True)) == [2, 4]

    def test_that_nobody_asks_for_are_forgotten(self, time_machine):
        user = make_api_user()
        spend_on_days(time_machine, user, 1, until=MONDAY)
        spend_on_days(time_machine, user, 1, until=MONDAY + 20 * A_DAY)

        assert [day.day for day in DaySpent.objects.all()] == [(MONDAY + 20 * A_DAY).date()]
