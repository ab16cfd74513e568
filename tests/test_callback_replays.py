"""What failed and is sent again: in its order, at a pace, until it is stopped."""

import itertools
from datetime import timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import callback_replays, callbacks
from sms_accounts.models import Callback, CallbackReplay
from tests.factories import make_account, make_api_user, make_callback, make_message, make_user
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db

FAILED = 45


@pytest.fixture(autouse=True)
def trusted(settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def alice():
    return make_user()


@pytest.fixture
def user(alice, receiver):
    return make_api_user(account=make_account(owner=alice), callback=receiver.url)


def failed(user, receiver, count=1, *, changed_at=None) -> list[Callback]:
    message = make_message(user=user)
    first = Callback.objects.count() + 1
    rows = [
        make_callback(
            receiver.url,
            message=message,
            api_user=user,
            sequence=first + number,
            changed_at=changed_at,
        )
        for number in range(count)
    ]
    pks = [row.pk for row in rows]
    Callback.objects.filter(pk__in=pks).update(given_up_at=timezone.now(), tries=10)
    return rows


def start(user, **given):
    since = timezone.now() - timedelta(days=1)
    return callback_replays.start(user.account, **{"api_user": None, "since": since, **given})


def numbers(receiver) -> list[int]:
    return [int(request.headers["Sms-Sequence"]) for request in receiver.requests]


class TestReplay:
    def test_calls_all_again_in_their_order_at_a_pace(self, user, receiver, clock, alice):
        failed(user, receiver, FAILED)
        replay = start(user, by=alice)

        came = []
        while CallbackReplay.objects.filter(ended_at=None).exists():
            callbacks.call_due()
            came.append(len(receiver.requests))
            clock.shift(timedelta(seconds=1))
        callbacks.call_due()

        assert numbers(receiver) == list(range(1, FAILED + 1))
        a_second = callback_replays.A_MINUTE // 60
        steps = [later - before for before, later in itertools.pairwise(came)]
        assert max(steps) <= a_second
        replay.refresh_from_db()
        assert (replay.released, replay.is_stopped) == (FAILED, False)
        assert not Callback.objects.filter(done_at=None).exists()

    def test_leaves_out_what_is_older_of_others_or_done(self, user, receiver, clock, alice):
        [mine] = failed(user, receiver)
        other = make_api_user(account=user.account, callback=receiver.url)
        failed(other, receiver)
        failed(user, receiver, changed_at=timezone.now() - timedelta(days=2))
        failed(make_api_user(callback=receiver.url), receiver)
        done = make_callback(receiver.url, api_user=user)
        Callback.objects.filter(pk=done.pk).update(done_at=timezone.now())
        start(user, api_user=user, by=alice)

        for _ in range(3):
            callbacks.call_due()
            clock.shift(timedelta(seconds=1))

        assert [request.value("id") for request in receiver.requests] == [str(mine.message_id)]

    def test_calls_what_waits_for_its_next_attempt_too(self, user, receiver, clock, alice):
        """After an outage most of it has not been given up yet, and would come hours later."""
        rows = failed(user, receiver, 3)
        later = timezone.now() + timedelta(hours=6)
        waiting = Callback.objects.filter(pk=rows[1].pk)
        waiting.update(given_up_at=None, tries=5, due_at=later)
        assert callback_replays.has_failed(user.account)
        start(user, by=alice)

        callbacks.call_due()

        assert sorted(numbers(receiver)) == [1, 2, 3]
        assert not Callback.objects.filter(done_at=None).exists()
        assert not callback_replays.has_failed(user.account)

    def test_stopped_leaves_what_waited_to_its_schedule(self, user, receiver, clock, alice):
        [row] = failed(user, receiver)
        Callback.objects.update(
            given_up_at=None, tries=5, due_at=timezone.now() + timedelta(hours=6)
        )
        replay = start(user, by=alice)
        callback_replays.step_all()
        callback_replays.stop(replay, by=alice)

        assert Callback.objects.open().get() == row

    def test_goes_on_past_what_fails_again(self, user, receiver, clock, alice):
        failed(user, receiver, 3)
        receiver.status = 500
        start(user, by=alice)

        callbacks.call_due()
        clock.shift(timedelta(seconds=1))
        callbacks.call_due()

        assert numbers(receiver) == [1, 2, 3]
        assert set(Callback.objects.values_list("tries", flat=True)) == {1}

    def test_stops_at_once(self, user, receiver, clock, alice):
        failed(user, receiver, FAILED)
        replay = start(user, by=alice)
        callback_replays.step_all()

        assert callback_replays.stop(replay, by=alice)
        assert not callback_replays.stop(replay, by=alice)
        clock.shift(timedelta(minutes=5))
        assert callbacks.call_due() == 0

        assert Callback.objects.failed().count() == FAILED

    def test_is_one_for_an_account(self, user, receiver, alice):
        start(user, by=alice)

        with pytest.raises(callback_replays.AlreadyRunning):
            start(user, by=alice)
        other = make_api_user(callback=receiver.url)
        start(other, by=None)

    def test_does_nothing_more_after_a_kill_between_two_steps(self, user, receiver, clock, alice):
        failed(user, receiver, FAILED)
        start(user, by=alice)
        callback_replays.step_all()

        # Another worker steps in the same moment, and after the pace allows it.
        callback_replays.step_all()
        assert Callback.objects.open().count() == callback_replays.A_MINUTE // 60
        clock.shift(timedelta(seconds=1))
        callback_replays.step_all()

        assert Callback.objects.open().count() == 2 * callback_replays.A_MINUTE // 60


def test_one_callback_can_be_sent_again_and_keeps_its_calls(user, receiver, alice):
    row = make_callback(receiver.url, api_user=user)
    callbacks.call_due()
    row.refresh_from_db()

    assert callback_replays.send_again(row, by=alice)
    assert not callback_replays.send_again(row, by=alice)
    callbacks.call_due()

    row.refresh_from_db()
    assert row.done_at
    assert row.attempts.count() == 2
