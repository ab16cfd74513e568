"""The log of an account's alerts."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import alerts, alerts_by_hand
from sms_accounts.forms.alert_filter import AlertFilterForm
from sms_accounts.models import Alert, ApiUser, Membership, Notification
from tests.factories import make_alert, make_api_user, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.plans import plan_of

LOG = "/sms/sms-ab12345-1/alerts/log/"


def said(answer) -> str:
    return text_of(answer.content.decode())


def again(notification) -> str:
    return reverse("alert-again", args=["sms-ab12345-1", notification.pk])


@pytest.fixture
def shop(account):
    return make_api_user(
        account=account,
        login="shop",
        quota=50,
        threshold=5,
        support=ApiUser.Support.BOTH,
        email="ops@example.com",
    )


@pytest.fixture
def sent(shop):
    alert = make_alert(shop)
    alerts.alert_due()
    return alert


class TestLog:
    def test_is_empty_at_first(self, browser, account):
        assert "No alert yet." in said(browser.get(LOG))

    def test_tells_each_alert_and_each_delivery(self, browser, sent):
        page = said(browser.get(LOG))

        assert "shop" in page
        assert "5.00" in page
        assert "4.00" in page
        assert "Sent Email ops@example.com" in page
        assert "Sent SMS +33639980004" in page
        submission = sent.notifications.get(channel="sms").submission
        assert f"Message {submission.messages.get().pk}" in page

    def test_tells_what_became_of_what_did_not_arrive(self, browser, shop):
        make_alert(shop)
        Notification.objects.update(state="given_up", note="Refused by the mail server: 550 Nobody")

        page = said(browser.get(LOG))

        assert "Given up" in page
        assert "550 Nobody" in page

    def test_marks_what_is_no_plain_alert(self, browser, alice, shop):
        alerts_by_hand.send_test(
            shop,
            threshold=Decimal(5),
            addresses={Notification.Channel.EMAIL: "a@b.example"},
            by=alice,
        )

        assert "shop Test" in said(browser.get(LOG))

    def test_shows_nothing_of_another_account(self, bobs_browser, sent):
        assert bobs_browser.get(LOG).status_code == 404
        assert bobs_browser.get(f"{LOG}csv/").status_code == 404
        assert bobs_browser.post(again(sent.notifications.first())).status_code == 404

    def test_leads_to_older_ones_by_their_keys(self, browser, shop, monkeypatch):
        monkeypatch.setattr("sms_accounts.views.alert_log.PAGE", 2)
        made = [make_alert(shop, balance=left).pk for left in (4, 3, 2, 1, 0)]

        seen, query = [], "?state=waiting"
        while query:
            answer = browser.get(LOG + query)
            seen.append([alert.pk for alert in answer.context["alerts"]])
            query = answer.context["older"]

        assert seen == [made[:2:-1], made[2:0:-1], made[:1]]
        assert "Newest" in said(answer)

    def test_finds_those_of_a_user_by_their_index(self, account, shop):
        form = AlertFilterForm(QueryDict("user=shop"), account=account)

        assert "alerts_of_api_user" in plan_of(form.found().order_by("-pk")[:51])

    def test_asks_the_database_as_often_for_many_as_for_few(self, browser, shop):
        make_alert(shop)
        with CaptureQueriesContext(connection) as few:
            browser.get(LOG)
        for _ in range(30):
            make_alert(shop)

        with CaptureQueriesContext(connection) as lots:
            browser.get(LOG)

        assert len(lots) == len(few) <= 14


class TestFilter:
    @pytest.fixture
    def several(self, account, shop):
        other = make_api_user(account=account, login="monitoring", threshold=5)
        Alert.objects.all().delete()
        make_alert(shop, balance=1)
        alerts.alert_due()
        make_alert(other, balance=2)
        old = make_alert(shop, balance=3)
        Alert.objects.filter(pk=old.pk).update(crossed_at=timezone.now() - timedelta(days=10))
        own = Alert.about(account, threshold=Decimal(9), balance=Decimal(4), at=timezone.now())
        Alert.objects.store([own])
        return shop

    def shown(self, answer) -> set[Decimal]:
        return {alert.balance for alert in answer.context["alerts"]}

    def test_shows_what_fits(self, browser, several):
        today = f"{timezone.now():%Y-%m-%d}"

        assert self.shown(browser.get(LOG)) == {1, 2, 3, 4}
        assert self.shown(browser.get(LOG, {"about": several.pk})) == {1, 3}
        assert self.shown(browser.get(LOG, {"about": "account"})) == {4}
        assert self.shown(browser.get(LOG, {"state": "done"})) == {1}
        assert self.shown(browser.get(LOG, {"kind": "test"})) == set()
        assert self.shown(browser.get(LOG, {"since": today})) == {1, 2, 4}
        assert self.shown(browser.get(LOG, {"until": today})) == {1, 2, 3, 4}
        assert self.shown(browser.get(LOG, {"about": several.pk, "since": today})) == {1}

    @pytest.mark.parametrize(
        "query",
        [
            {"about": "x"},
            {"about": "999999"},
            {"kind": "\0"},
            {"since": "soon"},
            {"until": "9999-12-31"},
            {"state": "no"},
        ],
    )
    def test_takes_what_makes_no_sense_for_nothing(self, browser, several, query):
        assert self.shown(browser.get(LOG, query)) == {1, 2, 3, 4}

    def test_says_that_nothing_fits(self, browser, several):
        assert "No alert fits this." in said(browser.get(LOG, {"kind": "clear"}))


class TestCsv:
    def rows(self, answer) -> list[list[str]]:
        return list(csv.reader(io.StringIO(answer.getvalue().decode())))

    def test_has_a_line_for_each_delivery(self, browser, sent):
        answer = browser.get(f"{LOG}csv/")

        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert 'filename="sms-ab12345-1-alerts.csv"' in answer["Content-Disposition"]
        head, *lines = self.rows(answer)
        assert head[:5] == ["alert", "kind", "about", "level", "credits_left"]
        assert [line[6:9] for line in lines] == [
            ["email", "ops@example.com", "done"],
            ["sms", "33639980004", "done"],
        ]
        assert lines[0][:5] == [str(sent.pk), "crossing", "shop", "5.00", "4.00"]

    def test_has_what_was_searched_for(self, browser, sent):
        assert len(self.rows(browser.get(f"{LOG}csv/", {"kind": "test"}))) == 1

    def test_has_times_of_the_account(self, browser, account, sent):
        type(account).objects.update(time_zone="Asia/Tokyo")

        assert self.rows(browser.get(f"{LOG}csv/"))[1][5].endswith("+09:00")

    def test_has_no_formula(self, browser, sent):
        Notification.objects.update(note="=1+1")

        assert self.rows(browser.get(f"{LOG}csv/"))[1][-1] == "'=1+1"


class TestAgain:
    def test_sends_it_and_comes_back_to_the_search(self, browser, sent):
        email = sent.notifications.get(channel="email")
        back = f"{LOG}?state=done"

        answer = browser.post(f"{again(email)}?next={back}", follow=True)

        assert answer.redirect_chain[0][0] == back
        assert "Sent again to ops@example.com." in said(answer)
        assert sent.notifications.filter(channel="email", round=1, state="waiting").exists()

    def test_says_that_it_is_on_its_way(self, browser, shop):
        email = make_alert(shop).notifications.get(channel="email")

        assert "It is on its way already." in said(browser.post(again(email), follow=True))

    def test_says_that_it_is_too_often(self, browser, sent, monkeypatch):
        monkeypatch.setattr(alerts_by_hand, "MOST", 0)
        email = sent.notifications.get(channel="email")

        assert "try again later" in said(browser.post(again(email), follow=True))

    def test_is_for_owners_and_managers(self, account, sent):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        assert b"Send again" not in viewer.get(LOG).content
        assert viewer.post(again(sent.notifications.first())).status_code == 404

    def test_is_no_link(self, browser, sent):
        assert browser.get(again(sent.notifications.first())).status_code == 405

    def test_leads_nowhere_else(self, browser, sent):
        email = sent.notifications.get(channel="email")

        answer = browser.post(f"{again(email)}?next=https://evil.example/?x=1")

        assert answer["Location"] == LOG
