"""The page of one API user."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import api_users, counting, figures, outcomes
from sms_accounts.models import (
    Account,
    AddressUse,
    ApiUser,
    LedgerEntry,
    Membership,
    Message,
    State,
    Submission,
    UserQuarter,
)
from tests.ends import send
from tests.factories import make_api_user, make_message
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.plans import analyze, plan_of
from tests.sign_ins import note_call


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop", quota=50, threshold=5)


def url(api_user, page: str = "api-user") -> str:
    return reverse(page, args=[api_user.account.name, api_user.pk])


def said(answer) -> str:
    return text_of(answer.content.decode())


class TestState:
    def test_is_reached_from_the_list(self, browser, shop):
        listed = reverse("api-users", args=[shop.account.name])
        html = browser.get(listed).content.decode()

        assert url(shop) in {urljoin(listed, link) for link in re.findall(r'href="([^"]*)"', html)}

    def test_shows_what_is_left_of_the_quota_as_a_bar(self, browser, shop):
        make_message(user=shop)
        make_api_user(account=shop.account, quota=20)

        answer = browser.get(url(shop))

        assert "49.00 left of 50.00 that were given" in said(answer)
        assert "Held by quotas 69.00" in said(answer)
        assert '<rect class="share-part" width="98" height="1"/>' in answer.content.decode()

    def test_shows_what_the_account_has_where_there_is_no_quota(self, browser, account):
        page = said(browser.get(url(make_api_user(account=account))))

        assert "200.00 left in the account, which it spends together with others" in page

    def test_shows_when_and_from_where_it_was_last_used(self, browser, shop):
        assert "Not used yet." in said(browser.get(url(shop)))

        note_call(shop, "198.51.100.7")

        assert "Last use just now from 198.51.100.7." in said(browser.get(url(shop)))

    def test_is_paused_with_a_reason_and_resumed(self, browser, shop):
        page = url(shop)
        pause = f"{url(shop, 'api-user-enabled')}?next={page}"

        paused = browser.post(pause, {"enabled": "0", "reason": "Sends at night"}, follow=True)
        still = said(browser.get(page))
        browser.post(pause, {"enabled": "1"})

        assert paused.redirect_chain == [(page, 302)]
        assert "Disabled just now by alice@example.com. Reason: Sends at night" in still
        assert "May send" in said(browser.get(page))

    def test_tells_of_a_pause_that_nobody_recorded(self, browser, shop):
        ApiUser.objects.filter(pk=shop.pk).update(is_enabled=False)

        assert "Disabled" in said(browser.get(url(shop)))


class TestSettings:
    def test_say_what_each_means_now(self, browser, shop):
        api_users.set_restrictions(shop, ["192.0.2.0/24", "2001:db8::7/128"], by=None)
        api_users.set_callback(shop, "https://example.com/dlr?key=secret", by=None)
        protection = api_users.Protection(
            refuses_url_passwords=True, messages_a_minute=60, countries=("BE", "FR")
        )
        api_users.set_protection(shop, protection, by=None)
        keep = api_users.KeepFormer(None)
        api_users.set_password(shop, "NewSecret1", keep_former=keep, by=None)

        answer = browser.get(url(shop))

        page = said(answer)
        assert "Set just now. The old one works too, until somebody stops it." in page
        assert "50.00 credits are its own; once they are used up, it can send no more." in page
        assert "At 5.00 credits or below, an alert goes to alerts@example.com." in page
        assert "its calls from 192.0.2.0/24 and 2001:db8::7/128 only." in page
        assert "https://example.com/dlr is told of each change" in page
        assert "A password in the URL is refused. It sends at most 60 messages a minute." in page
        assert "It may send to Belgium and France only." in page
        assert "URL: - → https://example.com/dlr?…" in page
        assert "secret" not in answer.content.decode()

    def test_say_what_it_means_that_nothing_is_set(self, browser, account):
        page = said(browser.get(url(make_api_user(account=account))))

        assert "It is the only one that works." in page
        assert "None: it spends the account's credits" in page
        assert "Off: nobody hears when its credits run low." in page
        assert "None: http2sms accepts its calls from anywhere." in page
        assert "None: no URL is told what becomes of its messages." in page
        assert "It sends as fast as it can. It may send to every country." in page

    def test_each_leads_to_its_dialog_and_back(self, browser, shop):
        html = browser.get(url(shop)).content.decode()
        quota = f"{url(shop, 'api-user-quota')}?next={url(shop).replace('/', '%2F')}"

        answer = browser.post(quota, {"enabled": "on", "quota": "60"}, follow=True)

        assert f'href="{quota}"' in html
        assert answer.redirect_chain == [(url(shop), 302)]
        assert "60.00 left of 60.00 that were given" in said(answer)

    def test_a_dialog_leads_back_to_no_other_user(self, browser, account, shop):
        other = make_api_user(account=account)
        quota = f"{url(shop, 'api-user-quota')}?next={url(other)}"

        answer = browser.post(quota, {"enabled": "on", "quota": "60"})

        assert answer.url == reverse("api-users", args=[account.name])


class TestRefused:
    def test_says_from_where_and_why(self, browser, shop):
        for _ in range(2):
            note_call(shop, "203.0.113.9", accepted=False)
        note_call(shop, "203.0.113.10", accepted=True, is_inside=False)
        note_call(shop, "203.0.113.11", accepted=False)
        long_ago = timezone.now() - timedelta(days=31)
        AddressUse.objects.filter(address="203.0.113.11").update(refused_at=long_ago)

        page = said(browser.get(url(shop)))

        assert "203.0.113.9 Not among the restrictions just now 2" in page
        assert "203.0.113.10 Accepted, but not among the restrictions, which only observe" in page
        assert "203.0.113.11" not in page

    def test_tells_of_passwords_in_urls_where_these_are_refused(self, browser, shop):
        note_call(shop, "203.0.113.9")
        before = said(browser.get(url(shop)))
        ApiUser.objects.filter(pk=shop.pk).update(refuses_url_passwords=True)

        after = said(browser.get(url(shop)))

        assert "The password was in the URL" not in before
        assert "203.0.113.9 The password was in the URL" in after


class TestOutcomes:
    def test_counts_what_became_of_the_last_30_days(self, browser, shop):
        states = ["delivered", "delivered", "undeliverable", "rejected", "enroute", "cancelled"]
        for state in [*states, "delivered"]:
            message = make_message(user=shop)
            Message.objects.filter(pk=message.pk).update(state=state)
        make_message(user=make_api_user(account=shop.account))
        long_ago = timezone.now() - timedelta(days=31)
        Submission.objects.filter(pk=message.submission_id).update(created_at=long_ago)

        page = said(browser.get(url(shop)))

        assert "Delivered 2 Failed 2 Not final yet 1 Cancelled 1 Messages" in page

    def test_of_many_are_those_that_workers_add_up(self, browser, shop, monkeypatch):
        monkeypatch.setattr(outcomes, "MOST_ORDERS", 2)
        with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
            make_message(user=shop)
        for state in (State.DELIVERED, State.EXPIRED, None):
            send(shop, 2, state=state)
        counting.count()
        send(shop, 1)

        counted = outcomes.of_user(shop, since=timezone.now() - timedelta(days=30))

        assert (counted.delivered, counted.failed, counted.waiting) == (2, 2, 2)
        assert "counted until some seconds ago" in said(browser.get(url(shop)))

    def test_leads_to_what_it_sent_and_what_was_told_of_it(self, browser, shop):
        html = browser.get(url(shop)).content.decode()

        for page in ("messages", "callbacks", "connect", "alert-log", "activity", "credits"):
            assert f'{reverse(page, args=[shop.account.name])}?user=shop"' in html


class TestSpending:
    @pytest.mark.parametrize("is_counted", [False, True])
    def test_is_drawn_and_told_by_the_days_of_the_zone(self, alice, shop, is_counted):
        Account.objects.update(time_zone="Asia/Kathmandu")
        # Midnight in Kathmandu is a quarter past six in the evening before in UTC.
        midnight = datetime(2026, 7, 14, 18, 15, tzinfo=UTC)
        first_day = midnight - timedelta(days=29)
        second = timedelta(seconds=1)
        spent = [(first_day - second, 9), (first_day, 2), (midnight - second, 4), (midnight, 1)]
        for at, count in spent:
            with time_machine.travel(at, tick=False):
                send(shop, count)
                send(make_api_user(account=shop.account), 1)
                counting.count()
        with time_machine.travel(midnight + timedelta(hours=5), tick=False):
            send(shop, 2, state=State.REJECTED)
            send(shop, 2)
            if is_counted:
                counting.count()
            answer = signed_in(alice).get(url(shop))

        page = said(answer)
        assert "Today 3.00 7 days 7.00 30 days 9.00" in page
        assert "Days begin at midnight in Asia/Kathmandu." in page
        assert "2026-07-15 5.00 2.00 3.00 2026-07-14 4.00 0.00 4.00 2026-07-13 0.00" in page
        assert "2026-06-16 2.00 0.00 2.00 Settings" in page
        chart = re.search(r'<svg class="days-chart".*?</svg>', answer.content.decode(), re.S)
        assert chart is not None
        columns = re.findall(r'class="hue-account" x="(\d+)".*?height="([\d.]+)"', chart.group())
        assert columns == [("1", "50.00"), ("281", "100.00"), ("291", "75.00")]
        assert "<title>2026-07-14: 4.00</title>" in chart.group()

    def test_says_what_to_do_where_there_is_none(self, browser, shop):
        # Its quota is among the figures, and is no spending.
        counting.count()

        answer = browser.get(url(shop))

        assert "It has spent nothing. Connect a script" in said(answer)
        assert "days-chart" not in answer.content.decode()

    def test_is_found_by_an_index(self, account, shop):
        for number in range(40):
            make_message(user=make_api_user(account=account, login=f"other{number}"))
        make_message(user=shop)
        counting.count()
        analyze(LedgerEntry, UserQuarter)
        today = timezone.now().date()
        days = figures.Days(today, 30, ZoneInfo("UTC"))

        added = plan_of(figures._added_of_user(shop, days), may_sort=True)
        live = plan_of(figures._live_of_user(shop, days), may_sort=True)

        # SQLite has a name of its own for the index of a constraint.
        assert "figures_once_per_user_and_quarter" in added or "(api_user_id=?" in added
        assert "ledger_of_api_user" in live


class TestVisibility:
    def test_a_viewer_sees_the_page_and_no_way_to_change(self, browser, shop):
        Membership.objects.update(role=Membership.Role.VIEWER)

        answer = browser.get(url(shop))

        assert "50.00 left" in said(answer)
        for page in ("quota/", "enabled/", "delete/"):
            assert page not in answer.content.decode()

    def test_is_not_there_for_others_nor_for_the_deleted(self, browser, bobs_browser, shop):
        foreign = reverse("api-user", args=["sms-bb12345-1", shop.pk])

        assert bobs_browser.get(url(shop)).status_code == 404
        assert bobs_browser.get(foreign).status_code == 404

        api_users.delete(shop, by=None)
        assert browser.get(url(shop)).status_code == 404

    @pytest.mark.parametrize("is_enabled", [False, True])
    def test_asks_the_database_as_often_for_much_as_for_little(self, browser, shop, is_enabled):
        def queries() -> int:
            api_users.set_enabled(shop, is_enabled, by=None)
            with CaptureQueriesContext(connection) as captured:
                browser.get(url(shop))
            api_users.set_enabled(shop, True, by=None)
            return len(captured)

        api_users.set_callback(shop, "https://example.com/dlr", by=None)
        note_call(shop, "198.51.100.7")
        make_message(user=shop)
        few = queries()
        for number in range(20):
            note_call(shop, f"203.0.113.{number}", accepted=False)
            with time_machine.travel(timezone.now() - timedelta(days=number), tick=False):
                make_message(user=shop)
                counting.count()

        assert queries() == few <= 12
