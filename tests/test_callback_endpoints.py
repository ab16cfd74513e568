"""Receivers that fail, ask for time or want no more calls, and what their holders hear."""

from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_network

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from sms_accounts import api_users, callback_endpoints, callback_requests, callbacks
from sms_accounts.callback_endpoints import OFF_AFTER, WARNED_AFTER
from sms_accounts.models import Activity, Callback, CallbackEndpoint, Membership
from tests.factories import make_account, make_api_user, make_callback, make_member, make_user
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def trusted(settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def user(receiver, alice):
    account = make_account(owner=alice, name="sms-ab12345-1")
    return make_api_user(account=account, login="shop", callback=receiver.url)


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


def due(user) -> Callback:
    return make_callback(user.callback_url, api_user=user)


def endpoint() -> CallbackEndpoint:
    return CallbackEndpoint.objects.get()


def open_callbacks() -> int:
    return Callback.objects.open().count()


class TestGone:
    def test_switches_off_at_once(self, user, receiver):
        receiver.status = 410
        first = due(user)
        callbacks.call_due()
        second = due(user)

        assert callbacks.call_due() == 0

        for callback in (first, second):
            callback.refresh_from_db()
            assert callback.given_up_at
        assert (first.tries, second.tries) == (1, 0)
        assert endpoint().off_because == CallbackEndpoint.OffBecause.GONE
        assert len(receiver.requests) == 1

    def test_leaves_the_account_s_other_callbacks_alone(self, user, receiver):
        receiver.status = 410
        due(user)
        callbacks.call_due()

        with Receiver() as other:
            done = make_callback(other.url, api_user=user)
            callbacks.call_due()

        done.refresh_from_db()
        assert done.done_at

    def test_is_told_by_mail_once(self, user, receiver, alice):
        make_member(user.account, Membership.Role.VIEWER)
        receiver.status = 410
        due(user)
        callbacks.call_due()

        assert callback_endpoints.tell_due() == 1
        assert callback_endpoints.tell_due() == 0

        [told] = mail.outbox
        assert told.to == ["alice@example.com"]
        assert told.subject == "sms-ab12345-1: a callback was switched off"
        assert "answered 410" in told.body
        assert "shop" in told.body
        assert "/sms/sms-ab12345-1/callbacks/" in told.body
        # Its query may hold a key of the receiver.
        assert user.callback_url not in told.body

    def test_mail_that_cannot_go_out_is_sent_later(self, user, receiver, clock, settings):
        receiver.status = 410
        due(user)
        callbacks.call_due()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_PORT = 1

        assert callback_endpoints.tell_due() == 0
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        assert callback_endpoints.tell_due() == 0
        clock.shift(callback_endpoints.TELL_AGAIN)

        assert callback_endpoints.tell_due() == 1


class TestFailures:
    def fail_for(self, span, user, receiver, clock, *, every=timedelta(hours=6)):
        receiver.status = 500
        until = timezone.now() + span
        while timezone.now() <= until:
            due(user)
            callbacks.call_due()
            clock.shift(every)

    def test_of_five_days_switch_off(self, user, receiver, clock):
        self.fail_for(OFF_AFTER - timedelta(hours=6), user, receiver, clock)
        assert endpoint().off_at is None

        self.fail_for(timedelta(), user, receiver, clock)

        assert endpoint().off_because == CallbackEndpoint.OffBecause.FAILING
        calls = len(receiver.requests)
        clock.shift(timedelta(days=5))
        due(user)
        callbacks.call_due()
        assert len(receiver.requests) == calls
        assert open_callbacks() == 0

    def test_of_half_that_time_are_warned_of_once(self, user, receiver, clock):
        self.fail_for(WARNED_AFTER - timedelta(hours=6), user, receiver, clock)
        assert callback_endpoints.tell_due() == 0

        self.fail_for(timedelta(hours=18), user, receiver, clock)

        assert callback_endpoints.tell_due() == 1
        [told] = mail.outbox
        assert told.subject == "sms-ab12345-1: a callback fails"
        assert "If that goes on, it is switched off at" in told.body
        assert endpoint().off_at is None

    def test_are_forgotten_after_one_success(self, user, receiver, clock):
        self.fail_for(WARNED_AFTER, user, receiver, clock)
        receiver.status = 200
        due(user)
        callbacks.call_due()

        self.fail_for(WARNED_AFTER, user, receiver, clock)

        assert endpoint().off_at is None

    def test_that_are_the_panels_own_do_not_count(self, user, receiver, clock, monkeypatch):
        monkeypatch.setattr(callback_requests, "change_of", lambda *given: 1 / 0)
        due(user)

        callbacks.call_due()

        assert endpoint().failing_since is None

    def test_of_a_backlog_are_all_given_up_when_it_is_off(self, user, receiver, clock):
        rows = [due(user) for _ in range(30)]
        receiver.status = 500
        for _ in range(40):
            callbacks.call_due()
        assert endpoint().has_backlog
        CallbackEndpoint.objects.update(off_at=timezone.now())
        clock.shift(timedelta(days=1))

        callbacks.call_due()

        assert open_callbacks() == 0
        assert Callback.objects.failed().count() == len(rows)


class TestSwitchOn:
    @pytest.fixture
    def off(self, user, receiver):
        receiver.status = 410
        due(user)
        callbacks.call_due()
        receiver.status = 200
        return endpoint()

    def test_calls_again(self, user, off, alice):
        assert callback_endpoints.switch_on(off, by=alice)
        assert not callback_endpoints.switch_on(off, by=alice)

        callback = due(user)
        callbacks.call_due()

        callback.refresh_from_db()
        assert callback.done_at
        assert Activity.objects.get(action="callback switched on").by == alice

    def test_follows_from_typing_the_url_anew(self, user, off, alice):
        api_users.set_callback(user, "", by=alice)
        api_users.set_callback(user, off.url, by=alice)

        off.refresh_from_db()
        assert off.off_at is None


class TestRetryAfter:
    @pytest.mark.parametrize("status", [429, 503])
    def test_puts_the_next_attempt_off(self, user, receiver, clock, status):
        receiver.status = status
        receiver.headers = {"Retry-After": "600"}
        callback = due(user)

        callbacks.call_due()

        callback.refresh_from_db()
        assert callback.due_at == timezone.now() + timedelta(minutes=10)

    def test_holds_for_all_that_waits_for_the_receiver(self, user, receiver, clock):
        receiver.status = 429
        receiver.headers = {"Retry-After": "600"}
        due(user)
        callbacks.call_due()
        receiver.status = 200
        due(user)

        assert callbacks.call_due() == 0
        clock.shift(timedelta(seconds=601))
        assert callbacks.call_due() == 2

        assert endpoint().paused_until is None

    @pytest.mark.parametrize(
        ("asked", "minutes"), [("86400", 60), ("999999999", 60), ("9" * 30, 0), ("soon", 0)]
    )
    def test_is_granted_within_a_cap(self, user, receiver, clock, asked, minutes):
        receiver.status = 503
        receiver.headers = {"Retry-After": asked}
        callback = due(user)

        callbacks.call_due()

        callback.refresh_from_db()
        wait = callback.due_at - timezone.now()
        assert timedelta(minutes=minutes) <= wait <= timedelta(minutes=minutes, seconds=6)

    def test_may_be_a_date(self, user, receiver, clock):
        receiver.status = 503
        at = (timezone.now() + timedelta(minutes=20)).replace(microsecond=0)
        receiver.headers = {"Retry-After": format_datetime(at, usegmt=True)}
        callback = due(user)

        callbacks.call_due()

        callback.refresh_from_db()
        assert callback.due_at == at

    @pytest.mark.parametrize("asked", ["0", "-5", "Mon, 01 Jan 2001 00:00:00 GMT"])
    def test_in_the_past_does_not_hurry_anybody(self, user, receiver, clock, asked):
        receiver.status = 429
        receiver.headers = {"Retry-After": asked}
        callback = due(user)

        callbacks.call_due()

        callback.refresh_from_db()
        assert callback.due_at >= timezone.now() + timedelta(seconds=4)

    def test_of_other_answers_means_nothing(self, user, receiver, clock):
        receiver.status = 500
        receiver.headers = {"Retry-After": "600"}
        callback = due(user)

        callbacks.call_due()

        callback.refresh_from_db()
        assert callback.due_at <= timezone.now() + timedelta(seconds=6)
