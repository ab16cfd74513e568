"""Messages for later: sent once, not early, also when many workers look at the same moment."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import delivery, orders, submission
from sms_accounts.models import Message, MessageEvent, State
from tests.factories import make_account, make_api_user, make_order
from tests.plans import plan_of
from tests.races import at_once
from tests.scripted_carrier import installed

pytestmark = pytest.mark.django_db

NOON = datetime.fromisoformat("2026-11-24 12:00:00+00:00")


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def schedule(at, *, receivers=None):
    user = make_api_user(account=make_account(credits=1000))
    order = make_order(user, receivers=receivers)
    return submission.submit(order._replace(scheduled_at=at))


def test_waits_for_its_time(carrier, clock):
    schedule(NOON + timedelta(minutes=1))
    clock.shift(timedelta(seconds=59))

    assert delivery.deliver_due() == 0
    assert Message.objects.get().state == State.SCHEDULED
    assert carrier.submits == []


def test_goes_out_once_when_its_time_has_come(carrier, clock):
    schedule(NOON + timedelta(minutes=1))
    clock.shift(timedelta(minutes=1))

    assert [delivery.deliver_due(), delivery.deliver_due()] == [1, 0]
    assert Message.objects.get().state == State.ENROUTE
    assert len(carrier.submits) == 1


def test_says_in_its_history_when_it_was_queued(carrier, clock):
    schedule(NOON + timedelta(minutes=1))
    clock.shift(timedelta(hours=3))

    delivery.queue_scheduled()

    event = MessageEvent.objects.get()
    assert (event.state, event.at) == (State.QUEUED, timezone.now())


def test_that_was_cancelled_meanwhile_stays_so(carrier, clock):
    schedule(NOON + timedelta(minutes=1))
    Message.objects.get().advance(State.CANCELLED, since=timezone.now())
    clock.shift(timedelta(minutes=2))

    assert delivery.deliver_due() == 0
    assert Message.objects.get().state == State.CANCELLED


def test_for_a_moment_that_has_passed_is_refused(clock):
    for at in (NOON, NOON - timedelta(days=1)):
        with pytest.raises(orders.NotInTheFuture):
            schedule(at)

    assert not Message.objects.exists()


def test_come_by_the_thousand_at_one_moment(carrier, clock):
    numbers = [f"3363998{number:04}" for number in range(1000)]
    schedule(NOON + timedelta(minutes=1), receivers=numbers)
    clock.shift(timedelta(minutes=1))

    assert delivery.queue_scheduled() == 1000
    assert MessageEvent.objects.count() == 1000


@pytest.mark.django_db(transaction=True)
def test_are_queued_once_by_many_workers(clock):
    numbers = [f"3363998{number:04}" for number in range(40)]
    schedule(NOON + timedelta(minutes=1), receivers=numbers)
    clock.shift(timedelta(minutes=1))

    assert sum(at_once(*[delivery.queue_scheduled] * 6)) == 40
    assert MessageEvent.objects.count() == 40


def test_are_found_by_an_index():
    come = Message.objects.come(timezone.now())

    assert "messages_scheduled" in plan_of(come[:500])


class TestClock:
    """A clock that is set, and hours that come twice or never."""

    def test_set_forward_sends_what_has_come_meanwhile_once(self, carrier, clock):
        schedule(NOON + timedelta(hours=1))
        clock.move_to(NOON + timedelta(days=400))

        assert [delivery.deliver_due(), delivery.deliver_due()] == [1, 0]
        clock.move_to(NOON + timedelta(minutes=5))
        assert delivery.deliver_due() == 0

        assert len(carrier.submits) == 1

    def test_set_back_after_the_message_was_queued_sends_it_once_and_not_early(
        self, carrier, clock
    ):
        schedule(NOON + timedelta(hours=1))
        clock.move_to(NOON + timedelta(hours=1))
        delivery.queue_scheduled()

        clock.move_to(NOON)
        assert delivery.deliver_due() == 0
        clock.move_to(NOON + timedelta(minutes=59, seconds=59))
        assert delivery.deliver_due() == 0
        clock.move_to(NOON + timedelta(hours=1))

        assert [delivery.deliver_due(), delivery.deliver_due()] == [1, 0]
        assert len(carrier.submits) == 1

    def test_set_back_and_forth_around_the_moment_sends_once(self, carrier, clock):
        schedule(NOON + timedelta(hours=1))
        sent_at = []
        for minutes in (0, 61, 30, 59, 60, 10, 60, 200, 59, 61):
            clock.move_to(NOON + timedelta(minutes=minutes))
            sent_at += [minutes] * delivery.deliver_due()

        assert sent_at == [61]

    @pytest.mark.parametrize(("fold", "utc"), [(0, "00:30"), (1, "01:30")])
    def test_put_back_at_the_end_of_summer_sends_in_the_hour_that_was_meant(
        self, carrier, fold, utc
    ):
        """In Paris, half past two comes twice on 25 October 2026."""
        at = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=fold)
        meant = datetime.fromisoformat(f"2026-10-25 {utc}:00+00:00")
        with time_machine.travel(meant - timedelta(hours=5), tick=False) as clock:
            schedule(at)
            clock.move_to(meant - timedelta(seconds=1))
            assert delivery.deliver_due() == 0
            clock.move_to(meant)
            assert delivery.deliver_due() == 1
            clock.move_to(meant + timedelta(hours=1))
            assert delivery.deliver_due() == 0

        assert len(carrier.submits) == 1

    def test_put_forward_in_spring_sends_a_message_for_an_hour_that_never_comes_once(self, carrier):
        """In Paris, half past two does not come on 29 March 2026: it is half past three."""
        at = datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
        with time_machine.travel("2026-03-28 12:00:00+00:00", tick=False) as clock:
            schedule(at)
            clock.move_to("2026-03-29 01:29:59+00:00")
            assert delivery.deliver_due() == 0
            clock.move_to("2026-03-29 01:30:00+00:00")
            assert [delivery.deliver_due(), delivery.deliver_due()] == [1, 0]

        assert len(carrier.submits) == 1
