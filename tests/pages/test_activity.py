"""The change log of an account."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import activity, api_users
from sms_accounts.models import Activity, Membership
from sms_accounts.views.activity_words import ACTIONS
from tests.factories import make_api_user, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.plans import plan_of

LOG = "/sms/sms-ab12345-1/activity/"


def said(answer) -> str:
    return text_of(answer.content.decode())


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


class TestLog:
    def test_says_who_changed_what_and_from_where(self, browser, account, shop):
        page = reverse("api-user-quota", args=[account.name, shop.pk])
        browser.post(page, {"enabled": "on", "quota": "150"}, REMOTE_ADDR="2001:db8::7")
        browser.post(page, {"enabled": "on", "quota": "20"}, REMOTE_ADDR="192.0.2.7")

        text = said(browser.get(LOG))

        assert "Quota changed shop just now alice@example.com 192.0.2.7 quota: 150.00 → 20" in text
        assert "Quota changed shop just now alice@example.com 2001:db8::7 quota: 150" in text
        assert "API user added shop just now The program ID: shop" in text
        assert "Account opened The account" in text

    def test_forgets_the_address_with_the_request(self, browser, account, shop):
        browser.get(LOG, REMOTE_ADDR="192.0.2.7")

        api_users.set_enabled(shop, False, by=None)

        assert Activity.objects.latest("pk").address is None

    def test_takes_the_address_behind_our_own_proxy(self, browser, account, shop, settings):
        settings.PROXIES = 1
        page = reverse("api-user-enabled", args=[account.name, shop.pk])
        browser.post(page, {"enabled": "0"}, headers={"X-Forwarded-For": "9.9.9.9, 192.0.2.8"})

        assert Activity.objects.latest("pk").address == "192.0.2.8"

    def test_shows_what_has_no_words_as_it_is_stored(self, browser, alice, account):
        activity.record(alice, "something new", account, after={"odd_name": [1, 2], "on": True})

        page = said(browser.get(LOG))

        assert "something new The account" in page
        assert "odd name: 1, 2" in page
        assert "on: yes" in page

    def test_is_read_by_viewers_and_by_nobody_else(self, bobs_browser, account):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        assert viewer.get(LOG).status_code == 200
        assert bobs_browser.get(LOG).status_code == 404
        assert bobs_browser.get(f"{LOG}csv/").status_code == 404

    def test_pages_by_the_last_row(self, browser, alice, account):
        for number in range(120):
            activity.record(alice, f"change {number}", account)

        with CaptureQueriesContext(connection) as first:
            newest = browser.get(LOG)
        with CaptureQueriesContext(connection) as second:
            older = browser.get(LOG + newest.context["older"])

        assert [each.action for each in newest.context["changes"]][:2] == [
            "change 119",
            "change 118",
        ]
        assert older.context["changes"][0].action == "change 69"
        assert len(second) == len(first) <= 12

    def test_is_found_by_its_index(self, account):
        found = Activity.objects.filter(account=account, pk__lt=1000).order_by("-pk")[:51]

        assert "activity_of_account" in plan_of(found)


class TestFilter:
    @pytest.fixture
    def several(self, alice, account, shop):
        Activity.objects.all().delete()
        other = make_api_user(account=account, login="Other")
        api_users.set_quota(shop, Decimal(5), by=alice)
        api_users.set_enabled(other, False, by=alice)
        activity.record(None, "reserve changed", account)
        old = Activity.objects.latest("pk")
        Activity.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=10))

    def shown(self, answer) -> list[str]:
        return [each.action for each in answer.context["changes"]]

    def test_shows_what_fits(self, browser, alice, several):
        today = f"{timezone.now():%Y-%m-%d}"
        added, quota, off, reserve = (
            str(ACTIONS[name])
            for name in ("API user added", "quota changed", "disabled", "reserve changed")
        )

        for query, expected in (
            ({}, [reserve, off, quota, added]),
            ({"by": alice.pk}, [off, quota]),
            ({"by": "program"}, [reserve, added]),
            ({"about": "account"}, [reserve]),
            ({"about": "users"}, [off, quota, added]),
            ({"user": "other"}, [off, added]),
            ({"action": "disabled"}, [off]),
            ({"since": today}, [off, quota, added]),
            ({"until": "2020-01-01"}, []),
            ({"by": alice.pk, "user": "shop"}, [quota]),
            ({"by": "99999", "about": "\0", "since": "soon"}, [reserve, off, quota, added]),
        ):
            assert self.shown(browser.get(LOG, query)) == expected, query

    def test_says_that_nothing_fits(self, browser, several):
        assert "No change is like that." in said(browser.get(LOG, {"until": "2020-01-01"}))

    def test_goes_into_the_csv(self, browser, alice, several):
        answer = browser.get(f"{LOG}csv/", {"user": "shop"})

        written = b"".join(answer.streaming_content).decode()
        head, row = csv.reader(io.StringIO(written), delimiter=";")
        assert head == ["date", "by", "address", "user", "action", "changes"]
        assert row[1:] == ["alice@example.com", "", "shop", "quota changed", "quota: 5"]


def test_every_action_that_is_recorded_has_its_words():
    """Those of the use cases, found in their sources."""
    sources = Path(activity.__file__).parent
    recorded = {
        action
        for path in [*sources.glob("*.py"), *(sources / "admin").glob("*.py")]
        for action in re.findall(
            r'activity\.record\(\s*[\w.()]+,\s*"([^"]+)"', path.read_text(encoding="utf-8")
        )
    }

    assert recorded <= set(ACTIONS)
    assert len(recorded) > 20
