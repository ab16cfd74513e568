"""The tab of callbacks: events, calls, receivers, and what is sent again."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import callbacks
from sms_accounts.models import (
    Callback,
    CallbackAttempt,
    CallbackEndpoint,
    CallbackReplay,
    Membership,
)
from tests.factories import make_api_user, make_callback, make_member, make_message
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.receiver import Receiver

URL = "https://example.com/dlr?key=s3cret"


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop", callback=URL)


@pytest.fixture
def failed(shop):
    return attempted(make_callback(URL, api_user=shop), status=500, is_given_up=True)


def attempted(callback, *, status=None, problem="", answer="", is_given_up=False):
    CallbackAttempt.objects.create(
        callback=callback,
        at=timezone.now(),
        duration=timedelta(milliseconds=120),
        status=status,
        problem=problem,
        answer=answer,
    )
    is_done = status is not None and 200 <= status < 300
    callback.tries = 1
    callback.done_at = timezone.now() if is_done else None
    callback.given_up_at = timezone.now() if is_given_up else None
    callback.save(update_fields=["tries", "done_at", "given_up_at"])
    return callback


def tab(account) -> str:
    return reverse("callbacks", args=[account.name])


def page_of(callback) -> str:
    return reverse("callback", args=[callback.account.name, callback.pk])


def again(callback) -> str:
    return reverse("callback-again", args=[callback.account.name, callback.pk])


def said(answer) -> str:
    return text_of(answer.content.decode())


class TestList:
    def test_says_when_there_is_nothing_yet(self, browser, account):
        assert "Nothing has been told to a URL yet." in said(browser.get(tab(account)))

    def test_shows_each_event_with_its_last_answer(self, browser, account, shop):
        done = attempted(make_callback(URL, api_user=shop), status=204)
        attempted(make_callback(URL, api_user=shop, ptt=24, state="expired"), problem="timed out")

        page = said(browser.get(tab(account)))

        assert f"{done.message_id} https://example.com/dlr" in page
        assert "Delivered ptt 4 shop Done 1 204 120 ms" in page
        assert "Expired ptt 24 shop Retrying 1 timed out 120 ms" in page

    def test_never_shows_the_query_of_a_receiver(self, browser, account, failed):
        assert "s3cret" not in browser.get(tab(account)).content.decode()
        assert "s3cret" not in browser.get(page_of(failed)).content.decode()

    @pytest.mark.parametrize(
        ("outcome", "shown"), [("waiting", "w"), ("done", "d"), ("failed", "f"), ("", "wdf")]
    )
    def test_is_filtered_by_outcome(self, browser, account, shop, outcome, shown):
        events = {
            "w": make_callback(URL, api_user=shop),
            "d": attempted(make_callback(URL, api_user=shop), status=200),
            "f": attempted(make_callback(URL, api_user=shop), status=500, is_given_up=True),
        }

        page = browser.get(tab(account), {"outcome": outcome}).content.decode()

        found = [name for name, event in events.items() if f'href="{event.pk}/"' in page]
        assert found == list(shown)

    def test_is_filtered_by_user_and_time(self, browser, account, shop):
        other = make_api_user(account=account, login="other")
        now = timezone.now()
        old = make_callback(URL, api_user=shop, changed_at=now - timedelta(days=3))
        new = make_callback(URL, api_user=shop)
        others = make_callback("https://example.org/", api_user=other)

        since = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}"
        page = browser.get(tab(account), {"user": "shop", "since": since}).content.decode()
        before = browser.get(tab(account), {"until": since}).content.decode()

        def is_in(page, event):
            return f'href="{event.pk}/"' in page

        assert [is_in(page, each) for each in (old, new, others)] == [False, True, False]
        assert [is_in(before, each) for each in (old, new, others)] == [True, False, False]
        assert "Callbacks of shop" in page

    @pytest.mark.parametrize("given", ["x", "0", "99999999999999999999"])
    def test_of_a_user_of_another_account_does_not_exist(self, browser, account, given):
        others = make_api_user(login="others")
        for asked in (given, others.pk, "others"):
            answer = browser.get(tab(account), {"user": asked})
            assert "This account never had an API user of that ID." in said(answer)
            assert "Callbacks of" not in said(answer)

    @pytest.mark.parametrize(
        "query", [{"since": "soon"}, {"outcome": "x"}, {"before": "x"}, {"before": "9" * 40}]
    )
    def test_takes_any_query(self, browser, account, failed, query):
        assert browser.get(tab(account), query).status_code == 200

    def test_goes_on_to_older_ones(self, browser, account, shop):
        message = make_message(user=shop)
        for sequence in range(1, 53):
            make_callback(URL, message=message, sequence=sequence, api_user=shop)

        first = browser.get(tab(account))
        last = Callback.objects.order_by("-pk")[49]

        assert f'href="?before={last.pk}"' in first.content.decode()
        older = browser.get(tab(account), {"before": last.pk}).content.decode()
        assert older.count('<th scope="row">\n    <a') == 2
        assert 'rel="next"' not in older

    def test_asks_the_database_no_more_for_more_rows(self, browser, account, shop):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert browser.get(tab(account)).status_code == 200
            return len(captured)

        attempted(make_callback(URL, api_user=shop), status=200)
        few = queries()
        for number in range(20):
            other = make_api_user(account=account)
            url = f"https://example.com/{number}"
            attempted(make_callback(url, api_user=other), status=200)

        assert queries() == few

    def test_draws_success_and_latency_of_each_receiver(self, browser, account, shop):
        for status in (200, 200, 500, 200):
            attempted(make_callback(URL, api_user=shop), status=status)

        page = browser.get(tab(account)).content.decode()

        assert 'aria-label="the last 4 calls, 1 failed"' in page
        assert "4 75 % 120 ms 120 ms" in text_of(page)

    def test_says_which_receiver_is_off_and_why(self, browser, account, failed, alice):
        endpoint = CallbackEndpoint.objects.create(
            account=account, url=URL, off_at=timezone.now(), off_because="gone"
        )
        page = said(browser.get(tab(account)))
        assert "The receiver answered 410: it wants no more calls." in page

        url = reverse("callback-endpoint-on", args=[account.name, endpoint.pk])
        answer = browser.post(url, follow=True)

        assert "The receiver is called again." in said(answer)
        endpoint.refresh_from_db()
        assert endpoint.off_at is None


class TestEvent:
    def test_explains_the_code_and_what_to_do(self, browser, shop):
        event = make_callback(URL, api_user=shop, ptt=23, state="undeliverable")

        page = said(browser.get(page_of(event)))

        assert "23 · Wrong, blacklisted or barred number" in page
        assert "Remove the number from your list." in page
        assert "2 · Failed" in page
        assert "None yet." in page

    def test_shows_each_call_with_the_start_of_the_answer_escaped(self, browser, shop):
        event = make_callback(URL, api_user=shop)
        attempted(event, status=500, answer="<script>alert(1)</script>")
        attempted(event, problem="timed out")

        page = browser.get(page_of(event))

        assert "&lt;script&gt;alert(1)" in page.content.decode()
        assert "<script>alert" not in page.content.decode()
        assert "timed out" in said(page)

    def test_of_a_code_that_is_not_in_the_table_is_shown_all_the_same(self, browser, shop):
        event = make_callback(URL, api_user=shop, ptt=777, state="undeliverable")

        assert "777 · Not in the table" in said(browser.get(page_of(event)))

    def test_is_sent_again_with_the_same_id(self, browser, account, settings):
        settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
        with Receiver() as receiver:
            user = make_api_user(account=account, callback=receiver.url)
            event = make_callback(receiver.url, api_user=user)
            callbacks.call_due()

            answer = browser.post(again(event), follow=True)
            callbacks.call_due()

        assert "This callback is sent again now." in said(answer)
        ids = [request.headers["Webhook-Id"] for request in receiver.requests]
        assert len(ids) == 2
        assert len(set(ids)) == 1

    def test_that_failed_is_called_before_its_next_attempt(self, browser, account, settings):
        settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
        with Receiver(status=500) as receiver:
            user = make_api_user(account=account, callback=receiver.url)
            event = make_callback(receiver.url, api_user=user)
            callbacks.call_due()
            assert "Send again" in said(browser.get(page_of(event)))

            browser.post(again(event))
            callbacks.call_due()

        assert len(receiver.requests) == 2
        event.refresh_from_db()
        assert event.tries == 2

    def test_that_waits_for_its_first_call_is_not_sent_twice(self, browser, shop):
        event = make_callback(URL, api_user=shop)

        assert "Nothing was changed" in said(browser.post(again(event), follow=True))


class TestSendAllAgain:
    def order(self, browser, account, **typed):
        since = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
        return browser.post(tab(account), {"replay_since": since, **typed}, follow=True)

    def test_begins_and_can_be_stopped(self, browser, account, failed, alice):
        answer = self.order(browser, account)

        replay = CallbackReplay.objects.get()
        assert (replay.api_user, replay.by) == (None, alice)
        assert "All that failed since then is sent again" in said(answer)
        assert "Under way" in said(answer)

        url = reverse("callback-replay-stop", args=[account.name, replay.pk])
        answer = browser.post(url, follow=True)
        assert "Nothing more is sent again." in said(answer)
        assert "Stopped" in said(answer)

    def test_of_one_user_is_of_that_user(self, browser, account, shop, failed):
        self.order(browser, account, replay_user="shop")

        assert CallbackReplay.objects.get().api_user == shop

    def test_is_one_at_a_time(self, browser, account, failed):
        self.order(browser, account)

        assert "Something is being sent again already." in said(self.order(browser, account))

    def test_is_not_offered_while_nothing_has_failed(self, browser, account, shop):
        make_callback(URL, api_user=shop)

        assert "Send again what failed" not in said(browser.get(tab(account)))

    def test_is_offered_once_something_has(self, browser, account, failed):
        assert "Send again what failed" in said(browser.get(tab(account)))

    @pytest.mark.parametrize("since", ["", "soon", "2999-01-01T00:00"])
    def test_needs_a_moment_that_is_over(self, browser, account, since):
        answer = browser.post(tab(account), {"replay_since": since})

        assert "invalid-feedback" in answer.content.decode()
        assert not CallbackReplay.objects.exists()


class TestWhoMay:
    def test_viewers_read_and_change_nothing(self, account, failed):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))
        endpoint = CallbackEndpoint.objects.create(account=account, url=URL, off_at=timezone.now())

        assert "Send again" not in said(viewer.get(tab(account)))
        assert "Send again" not in said(viewer.get(page_of(failed)))
        for url in (
            tab(account),
            again(failed),
            reverse("callback-endpoint-on", args=[account.name, endpoint.pk]),
        ):
            assert viewer.post(url, {}).status_code == 404, url

    def test_for_others_it_does_not_exist(self, bobs_browser, account, failed):
        for url in (tab(account), page_of(failed)):
            assert bobs_browser.get(url).status_code == 404
        assert bobs_browser.post(again(failed)).status_code == 404
        assert (
            bobs_browser.get(page_of(failed).replace(account.name, "sms-bb12345-1")).status_code
            == 404
        )


def test_the_page_of_codes_has_all_of_them(browser):
    page = said(browser.get(reverse("codes")))

    assert "23 Wrong, blacklisted or barred number: do not use it again Yes permanent" in page
    assert "16 Error, not billed Refused or cancelled" in page
