"""The limit of messages a minute: exact, also for many at once, and only for what was accepted."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import books, ledger, pace, submission
from sms_accounts.models import ApiUser, Message, Pace, Submission
from tests.factories import make_account, make_api_user, make_order
from tests.http2sms_calls import ask, get
from tests.races import at_once

pytestmark = pytest.mark.django_db

START = "2026-11-24 12:00:00.500Z"
TWO = ["33639980004", "33639980001"]


def limited(most, **more):
    user = make_api_user(**more)
    user.messages_a_minute = most
    user.save(update_fields=["messages_a_minute"])
    return user


def sent(user, receivers=None):
    """Submit; return None, or how long to wait."""
    try:
        submission.submit(make_order(user, receivers=receivers))
    except pace.TooFast as limit:
        return limit.wait
    return None


class TestLimit:
    def test_counts_messages_and_not_calls(self):
        user = limited(5)

        with time_machine.travel(START, tick=False):
            outcomes = [sent(user, TWO) for _ in range(3)]

        assert outcomes[:2] == [None, None]
        assert outcomes[2] is not None
        assert Message.objects.count() == 4

    def test_lets_what_is_left_of_it_through(self):
        user = limited(5)

        with time_machine.travel(START, tick=False):
            outcomes = [sent(user, TWO), sent(user, TWO), sent(user), sent(user)]

        assert [outcome is None for outcome in outcomes] == [True, True, True, False]

    def test_never_lets_more_through_in_any_sixty_seconds(self):
        user = limited(4)
        accepted = []
        with time_machine.travel(START, tick=False) as clock:
            for _ in range(200):
                if sent(user) is None:
                    accepted.append(timezone.now())
                clock.shift(timedelta(seconds=3.7))

        assert all(
            later - earlier >= timedelta(seconds=60)
            for earlier, later in zip(accepted, accepted[4:], strict=False)
        )
        # And not much less: in twelve minutes there is room for 49.
        assert len(accepted) > 44

    def test_says_when_there_is_room_again(self):
        user = limited(3)
        with time_machine.travel(START, tick=False) as clock:
            sent(user, TWO)
            clock.shift(timedelta(seconds=10))
            sent(user)

            wait_for_one, wait_for_three = sent(user), sent(user, [*TWO, "33639980008"])

            assert wait_for_one is not None
            assert wait_for_three == wait_for_one + timedelta(seconds=10)
            clock.shift(wait_for_one - timedelta(seconds=2))
            assert sent(user) is not None
            clock.shift(timedelta(seconds=2))
            assert sent(user) is None

    def test_does_not_count_what_could_not_be_paid(self):
        user = limited(2, account=make_account(credits=1))
        with pytest.raises(ledger.InsufficientCredits):
            submission.submit(make_order(user, receivers=TWO))

        assert sent(user) is None

    def test_of_one_user_is_not_that_of_another(self):
        account = make_account()
        first, second = limited(1, account=account), limited(1, account=account)

        assert [sent(first), sent(second)] == [None, None]

    def test_keeps_no_more_than_a_minute(self):
        user = limited(600)
        with time_machine.travel(START, tick=False) as clock:
            for _ in range(100):
                sent(user)
                clock.shift(timedelta(seconds=1))

        assert len(Pace.objects.get().sent) <= 61

    def test_keeps_nothing_for_users_without_one(self):
        sent(make_api_user())

        assert not Pace.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_counted_one_by_one():
    user = limited(5, account=make_account(credits=100))

    outcomes = at_once(*[lambda: sent(ApiUser.objects.get(pk=user.pk))] * 16)

    assert outcomes.count(None) == 5
    assert Message.objects.count() == 5
    assert books.wrong_books() == []


class TestAnswer:
    def test_is_429_with_the_time_to_wait(self, client):
        user = limited(1)
        get(client, user)

        response = get(client, user, contentType="application/json")

        assert response.status_code == 429
        assert 0 < int(response.headers["Retry-After"]) <= 61
        assert response.json() == {
            "status": 429,
            "message": "Too many messages, this user may send 1 a minute",
        }
        assert Submission.objects.count() == 1

    def test_is_another_one_where_no_minute_has_room(self, client):
        user = limited(1)

        assert ask(client, user, to=",".join(TWO)) == (
            202,
            "Invalid receivers: this user may send 1 messages a minute",
        )

    def test_of_a_repeated_call_is_the_first_one(self, client):
        user = limited(1)

        first = get(client, user, idempotencyKey="a")
        again = get(client, user, idempotencyKey="a")

        assert (again.status_code, again.content) == (200, first.content)


def test_order_of_an_account_has_no_limit():
    user = limited(1)
    order = make_order(user)._replace(api_user=None)

    for _ in range(2):
        submission.submit(order)

    assert Message.objects.count() == 2
