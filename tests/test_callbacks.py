"""Callbacks: what the customer's URL is called with, when, and how often."""

import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from sms_accounts import (
    api_users,
    callback_lines,
    callback_requests,
    callback_results,
    callbacks,
    outbound_urls,
)
from sms_accounts.models import Account, Callback, CallbackAttempt, CallbackEndpoint
from tests.factories import make_account, make_api_user, make_callback, make_message
from tests.plans import plan_of
from tests.races import at_once
from tests.receiver import Receiver
from tests.simulator_rig import unused_port, wait_until

pytestmark = pytest.mark.django_db

SLOW_ONES = 20
VALUES = [("id", "7"), ("tag", "a b&c=é")]
ADDED = "id=7&tag=a+b%26c%3D%C3%A9"
CHANGED_AT = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def trusted(settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def claimed_by_a_worker() -> list[Callback]:
    """What a worker has claimed that then vanishes."""
    lines = callback_lines.Lines()
    callbacks._claim(lines)
    return lines.next_calls()


def given_up() -> int:
    return Callback.objects.exclude(given_up_at=None).count()


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://x.org", "https://x.org?"),
            ("https://x.org/dlr", "https://x.org/dlr?"),
            ("https://x.org/dlr?", "https://x.org/dlr?"),
            ("https://x.org/dlr?key=1", "https://x.org/dlr?key=1&"),
            ("https://x.org/dlr?key=1&", "https://x.org/dlr?key=1&"),
            ("https://x.org/?b=2&a=1&b=3&id=mine", "https://x.org/?b=2&a=1&b=3&id=mine&"),
            ("https://x.org/?q=%C3%A9+%2f%2F~%zz;x", "https://x.org/?q=%C3%A9+%2f%2F~%zz;x&"),
            ("https://x.org/?bare&empty=", "https://x.org/?bare&empty=&"),
            ("https://x.org/a;b?k=v?w", "https://x.org/a;b?k=v?w&"),
            ("https://x.org/dlr#part", "https://x.org/dlr?"),
            ("https://x.org/dlr;?#part", "https://x.org/dlr;?"),
            ("HTTPS://x.org/dlr?k=1#part?no=query", "HTTPS://x.org/dlr?k=1&"),
        ],
    )
    def test_keeps_its_own_query_as_it_is(self, url, expected):
        assert callback_requests.url_with(url, VALUES) == expected + ADDED

    @given(st.text("abc=&%;+?/#~é", max_size=20))
    def test_begins_with_what_was_typed_whatever_that_is(self, rest):
        url = "https://x.org/" + rest

        called = callback_requests.url_with(url, VALUES)

        assert called.startswith(url.split("#")[0])
        assert "#" not in called


class TestCall:
    def test_has_the_five_values_and_the_two_more(self, receiver):
        message = make_message(
            user=make_api_user(account=make_account(time_zone="Europe/Paris")), tag="jeu d'été"
        )
        make_callback(receiver.url + "?key=s3cret", message=message, changed_at=CHANGED_AT)

        assert callbacks.call_due() == 1

        [request] = receiver.requests
        assert request.path == "/dlr"
        assert request.values == [
            ("key", "s3cret"),
            ("id", str(message.pk)),
            ("ptt", "4"),
            ("date", "2026-07-02 00:30:05"),
            ("description", "1"),
            ("descriptionDlr", "Success"),
            ("dlr", "1"),
            ("tag", "jeu d'été"),
        ]

    @pytest.mark.parametrize(
        ("state", "ptt", "dlr_id", "text"),
        [
            ("enroute", 3, "8", "Buffered"),
            ("enroute", 2, "4", "Waiting"),
            ("expired", 24, "2", "Failed"),
            ("rejected", 23, "16", "Error, not billed"),
        ],
    )
    def test_names_the_dlr_id_of_the_change_and_not_of_now(
        self, receiver, state, ptt, dlr_id, text
    ):
        make_callback(receiver.url, state=state, ptt=ptt)

        callbacks.call_due()

        [request] = receiver.requests
        assert request.value("description") == request.value("dlr") == dlr_id
        assert request.value("descriptionDlr") == text
        assert request.value("ptt") == str(ptt)
        assert "tag" not in dict(request.values)

    def test_is_done_and_logged_after_a_2xx(self, receiver):
        receiver.status = 204
        receiver.body = b""
        callback = make_callback(receiver.url)

        callbacks.call_due()
        assert callbacks.call_due() == 0

        callback.refresh_from_db()
        assert callback.done_at
        assert (callback.tries, callback.claimed_until, callback.given_up_at) == (1, None, None)
        attempt = CallbackAttempt.objects.get()
        assert (attempt.status, attempt.problem) == (204, "")
        assert attempt.duration
        assert len(receiver.requests) == 1

    def test_keeps_the_first_bytes_of_an_answer_that_any_database_takes(self, receiver):
        receiver.body = b"caf\xe9\x00" + b"x" * 2000
        make_callback(receiver.url)

        callbacks.call_due()

        answer = CallbackAttempt.objects.get().answer
        assert answer.startswith("caf��xxx")
        assert len(answer) == 500

    def test_that_is_redirected_is_no_success_and_goes_nowhere_else(self, receiver):
        with Receiver() as elsewhere:
            receiver.status = 302
            receiver.headers = {"Location": elsewhere.url}
            callback = make_callback(receiver.url)

            callbacks.call_due()

            assert elsewhere.requests == []
        callback.refresh_from_db()
        assert callback.done_at is None
        assert callback.tries == 1
        assert CallbackAttempt.objects.get().status == 302

    @pytest.mark.parametrize(
        "url", ["http://10.0.0.1/dlr", "http://169.254.169.254/latest", "http://[::1]/"]
    )
    def test_to_a_place_that_is_not_public_is_given_up_at_once(self, url):
        callback = make_callback(url)

        assert callbacks.call_due() == 1
        assert callbacks.call_due() == 0

        callback.refresh_from_db()
        assert callback.given_up_at
        attempt = CallbackAttempt.objects.get()
        assert attempt.problem == "The URL must lead to an address on the public internet."
        assert attempt.status is None

    def test_that_stumbles_over_our_own_data_does_not_hold_up_others(self, receiver):
        message = make_message()
        Account.objects.filter(pk=message.account_id).update(time_zone="Nowhere/At_all")
        broken = make_callback(receiver.url, message=message)
        good = make_callback(receiver.url)

        assert callbacks.call_due() == 2

        broken.refresh_from_db()
        good.refresh_from_db()
        assert good.done_at
        assert (broken.done_at, broken.tries) == (None, 1)
        assert broken.attempts.get().problem.startswith("The panel could not make this call (")


class TestRetry:
    @pytest.mark.parametrize("status", [400, 404, 500, 503])
    def test_follows_the_table_while_the_receiver_fails_then_ends(self, receiver, status):
        receiver.status = status
        callback = make_callback(receiver.url)
        now = timezone.now()

        for tries, pause in enumerate(callback_results.WAITS, 1):
            with time_machine.travel(now):
                assert callbacks.call_due() == 1
                assert callbacks.call_due() == 0
            callback.refresh_from_db()
            assert callback.tries == tries
            jitter = pause * callback_results.JITTER + timedelta(seconds=2)
            assert callback.due_at - now == pytest.approx(pause, abs=jitter)
            now = callback.due_at
            with time_machine.travel(now - timedelta(seconds=2)):
                assert callbacks.call_due() == 0
        assert given_up() == 0
        with time_machine.travel(now):
            assert callbacks.call_due() == 1

        assert given_up() == 1
        assert not Callback.objects.exclude(done_at=None).exists()
        assert len(receiver.requests) == len(callback_results.WAITS) + 1
        assert callback.attempts.count() == len(callback_results.WAITS) + 1
        with time_machine.travel(now + timedelta(days=30)):
            assert callbacks.call_due() == 0

    def test_reaches_a_receiver_that_is_back(self):
        port = unused_port()
        callback = make_callback(f"http://127.0.0.1:{port}/dlr")
        callbacks.call_due()
        assert not Callback.objects.exclude(done_at=None).exists()
        assert CallbackAttempt.objects.get().problem == "connection refused"

        with Receiver() as receiver:
            Callback.objects.update(url=receiver.url)
            with time_machine.travel(callback.due_at + callback_results.WAITS[0] * 2):
                callbacks.call_due()

        callback.refresh_from_db()
        assert callback.done_at
        assert callback.tries == 2

    def test_follows_when_the_claim_of_a_killed_worker_ends(self, receiver):
        callback = make_callback(receiver.url)
        [claimed] = claimed_by_a_worker()
        assert claimed == callback

        assert callbacks.call_due() == 0
        with time_machine.travel(timezone.now() + callbacks.CLAIM + timedelta(seconds=1)):
            assert callbacks.call_due() == 1

        assert len(receiver.requests) == 1

    def test_of_a_late_worker_does_not_undo_a_success(self, receiver):
        callback = make_callback(receiver.url)
        [slow] = claimed_by_a_worker()
        with time_machine.travel(timezone.now() + callbacks.CLAIM + timedelta(seconds=1)):
            callbacks.call_due()
        callback.refresh_from_db()
        due_at = callback.due_at

        late = callback_results.Outcome(at=timezone.now(), problem="timed out")
        callback_results._record([(slow, late)], {slow.pk: CallbackEndpoint.objects.get()})

        callback.refresh_from_db()
        assert callback.done_at
        assert callback.due_at == due_at
        assert callback.attempts.count() == 2


class TestOrder:
    def test_of_two_changes_of_one_message_is_kept(self, receiver):
        message = make_message()
        make_callback(receiver.url, message=message, sequence=2, ptt=4)
        make_callback(receiver.url, message=message, sequence=1, state="enroute", ptt=3)

        assert callbacks.call_due() == 2

        assert [request.value("ptt") for request in receiver.requests] == ["3", "4"]

    def test_is_kept_while_the_first_is_still_under_way(self, receiver):
        message = make_message()
        make_callback(receiver.url, message=message, sequence=1, state="enroute", ptt=3)
        second = make_callback(receiver.url, message=message, sequence=2, ptt=4)
        claimed_by_a_worker()

        assert callbacks.call_due() == 0

        second.refresh_from_db()
        assert second.tries == 0

    def test_does_not_let_a_failed_first_call_hold_up_the_news(self, receiver):
        message = make_message()
        make_callback(receiver.url, message=message, sequence=1, state="enroute", ptt=3)
        make_callback(receiver.url, message=message, sequence=2, ptt=4)
        receiver.status = 500

        callbacks.call_due()

        assert [request.value("ptt") for request in receiver.requests] == ["3", "4"]

    def test_of_one_url_says_nothing_about_another(self, receiver):
        message = make_message()
        make_callback(receiver.url + "?other", message=message, sequence=1, ptt=3)
        claimed_by_a_worker()
        make_callback(receiver.url, message=message, sequence=2, ptt=4)

        assert callbacks.call_due() == 1


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_at_once_call_each_once(self, receiver):
        message = make_message()
        for sequence in range(1, 13):
            make_callback(f"{receiver.url}?{sequence}", message=message, sequence=sequence)

        called = at_once(callbacks.call_due, callbacks.call_due, callbacks.call_due)

        assert sum(called) == 12
        assert len({request.target for request in receiver.requests}) == 12
        assert len(receiver.requests) == 12
        assert CallbackAttempt.objects.count() == 12

    def test_do_not_let_a_slow_receiver_hold_up_a_good_one(self, receiver):
        """The good one's call comes last, after many slow ones."""
        is_called = threading.Event()
        receiver.before_answer = lambda request: is_called.set()
        with Receiver() as slow:
            slow.before_answer = lambda request: is_called.wait(callbacks.TIMEOUT.seconds)
            message = make_message()
            for _ in range(SLOW_ONES):
                make_callback(slow.url, message=make_message(user=message.submission.api_user))
            make_callback(receiver.url, message=message)
            worker = threading.Thread(target=lambda: at_once(callbacks.call_due))
            worker.start()

            wait_until(is_called.is_set, reason="the good receiver is called")
            at_that_moment = len(slow.requests)
            worker.join()

        assert at_that_moment <= callback_lines.OF_ONE_URL
        assert len(slow.requests) == SLOW_ONES
        assert not Callback.objects.filter(done_at=None).exists()


class TestNewUrl:
    def test_gets_what_waited_for_the_old_one(self, receiver):
        user = make_api_user(callback="https://old.example/dlr")
        callback = make_callback(user.callback_url, message=make_message(user=user), api_user=user)

        api_users.set_callback(user, receiver.url, by=None)
        callbacks.call_due()

        assert len(receiver.requests) == 1
        assert Callback.objects.get(pk=callback.pk).done_at

    def test_that_is_the_accounts_too_hears_of_each_change_once(self, receiver):
        user = make_api_user(callback="https://old.example/dlr")
        message = make_message(user=user)
        make_callback(user.callback_url, message=message, api_user=user)
        make_callback(receiver.url, message=message)

        api_users.set_callback(user, receiver.url, by=None)
        callbacks.call_due()

        assert len(receiver.requests) == 1
        assert not Callback.objects.filter(done_at=None, given_up_at=None).exists()

    def test_of_two_thousand_characters_is_called_with_its_values(self, receiver, settings):
        long = f"{receiver.url}?own={'x' * (outbound_urls.LONGEST_URL - len(receiver.url) - 5)}"
        outbound_urls.check_url(long, trusted=settings.CALLBACK_TRUSTED_NETWORKS)
        make_callback(long, message=make_message())

        callbacks.call_due()

        assert len(receiver.requests) == 1


class TestDueCallbacks:
    def test_are_found_by_their_index(self):
        due = Callback.objects.due(timezone.now())

        assert "callbacks_due" in plan_of(due.filter(backlog_of=None)[:4])
        assert "callbacks_in_backlog" in plan_of(due.filter(backlog_of=1)[:4])
