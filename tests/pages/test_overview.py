"""The page that an account opens with: figures, drawings, warnings, troubles, first steps."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sms_accounts import accounts, api_users, counting, figures, overview, renewals
from sms_accounts.models import (
    Account,
    Alert,
    CallbackEndpoint,
    FiguresMark,
    LedgerEntry,
    Membership,
    Notification,
    QuotaRenewal,
    State,
    UserDay,
    UserQuarter,
)
from tests.ends import send
from tests.factories import (
    make_account,
    make_alert,
    make_api_user,
    make_member,
    make_message,
)
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.plans import plan_of

NOON = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


def page_of(account) -> str:
    return reverse("account", args=[account.name])


def opened(account):
    """The page as its owner sees it now, who has just signed in."""
    return signed_in(account.memberships.get().user).get(page_of(account))


def said(answer) -> str:
    return text_of(answer.content.decode())


class TestFigures:
    @pytest.mark.parametrize("is_counted", [False, True])
    def test_are_those_of_today_seven_and_thirty_days(self, clock, account, shop, is_counted):
        for ago, count in ((40, 4), (20, 3), (3, 2), (0, 1)):
            clock.move_to(NOON - ago * DAY, tick=False)
            send(shop, count, state=State.DELIVERED)
        clock.move_to(NOON, tick=False)
        send(shop, 2, state=State.REJECTED)
        send(shop, 5)
        if is_counted:
            counting.count()

        page = said(opened(account))

        for words in (
            "Today 7 days 30 days Sent 8 10 13",
            "Delivered 1 3 6",
            "Failed 2 2 2",
            "Waiting 5 5 5",
            "Credits spent 6.00 8.00 11.00",
        ):
            assert words in page

    def test_are_of_the_days_of_the_zone(self, clock, account, shop):
        Account.objects.update(time_zone="Asia/Kathmandu")
        # Half past midnight in Kathmandu, a quarter to seven the day before in UTC.
        clock.move_to(datetime(2026, 7, 14, 18, 45, tzinfo=UTC), tick=False)
        send(shop, 1)
        clock.move_to(datetime(2026, 7, 14, 18, 14, tzinfo=UTC), tick=False)
        send(shop, 2)
        counting.count()
        clock.move_to(datetime(2026, 7, 15, 9, 0, tzinfo=UTC), tick=False)

        page = said(opened(account))

        assert "Sent 1 3 3" in page
        assert "Days begin at midnight in Asia/Kathmandu." in page

    def test_say_where_the_latest_are_missing(self, clock, account, shop, monkeypatch):
        monkeypatch.setattr(figures, "MOST_LIVE", 0)
        send(shop, 1)

        page = said(opened(account))

        assert "Figures are still being added up, and the latest are missing." in page
        assert "Sent 0 0 0" in page
        counting.count()
        assert "Sent 1 1 1" in said(opened(account))


class TestCredits:
    def test_are_left_and_held_by_whom(self, clock, account, monkeypatch):
        monkeypatch.setattr(overview, "MOST_DRAWN", 2)
        for login, quota in (("a", 10), ("b", 30), ("c", 20), ("d", 5)):
            make_api_user(account=account, login=login, quota=quota)
        accounts.set_reserve(account, Decimal(15), by=None)

        answer = opened(account)

        assert (
            "Left in the account 120.00 For alerts only 15.00 b 30.00 c 20.00"
            " Other API users 15.00" in said(answer)
        )
        bars = re.search(r'<svg class="shares-chart".*?</svg>', answer.content.decode(), re.S)
        assert bars is not None
        widths = re.findall(r'class="(hue-[a-z0-9]+)" x="\d+" width="(\d+)"', bars.group())
        assert widths == [
            ("hue-account", "600"),
            ("hue-reserve", "75"),
            ("hue-1", "150"),
            ("hue-2", "100"),
            ("hue-rest", "75"),
        ]

    def test_say_how_long_they_last(self, clock, account, shop):
        assert "How long it lasts is told once" in said(opened(account))
        for ago in (3, 2, 1):
            clock.move_to(NOON - ago * DAY, tick=False)
            send(shop, 4)
        clock.move_to(NOON, tick=False)
        counting.count()

        page = said(opened(account))

        assert "What is left in the account lasts about" in page
        assert "At the pace of the last 4 days (12.00 credits)" in page


class TestSpending:
    @pytest.mark.parametrize("is_counted", [False, True])
    def test_is_drawn_and_told_by_day_and_user(self, clock, account, shop, monkeypatch, is_counted):
        monkeypatch.setattr(overview, "MOST_DRAWN", 1)
        quiet = make_api_user(account=account, login="quiet")
        clock.move_to(NOON - DAY, tick=False)
        send(shop, 6)
        send(quiet, 2)
        counting.count()
        clock.move_to(NOON, tick=False)
        send(shop, 3)
        send(quiet, 1)
        if is_counted:
            counting.count()

        answer = opened(account)

        page = said(answer)
        assert "shop 9.00 All others 3.00 Together 12.00" in page
        assert "2026-07-15 4 0 4.00 3.00 1.00 2026-07-14 8 0 8.00 6.00 2.00" in page
        chart = re.search(r'<svg class="days-chart".*?</svg>', answer.content.decode(), re.S)
        assert chart is not None
        heights = re.findall(r'class="(hue-1|hue-rest)".*?height="([\d.]+)"', chart.group())
        assert heights == [
            ("hue-1", "75.00"),
            ("hue-rest", "25.00"),
            ("hue-1", "37.50"),
            ("hue-rest", "12.50"),
        ]

    def test_of_deleted_users_stays(self, clock, account, shop):
        send(shop, 3)
        counting.count()
        api_users.delete(shop, by=None)

        page = said(opened(account))

        assert "shop 3.00 Together 3.00" in page
        assert "Sent 3 3 3" in page


class TestTrouble:
    def test_quotas_that_could_not_be_filled_up(self, account, shop):
        plan = renewals.Plan(period=QuotaRenewal.Period.DAY, credits=Decimal(150))
        api_users.set_renewing_quota(shop, Decimal(100), plan, by=None)
        QuotaRenewal.objects.update(missing=Decimal("12.50"))

        assert (
            "1 quota that renews could not be filled up: the account lacks 12.50 credits."
            in said(opened(account))
        )

    def test_is_named_with_the_way_to_it(self, clock, account, shop):
        assert "notice-error" not in opened(account).content.decode()
        for number, state in enumerate(({"off_at": NOON}, {"failing_since": NOON})):
            CallbackEndpoint.objects.create(
                account=account, url=f"https://example.com/{number}", **state
            )
        make_alert(shop)
        Notification.objects.update(state=Notification.State.GIVEN_UP)

        page = said(opened(account))

        assert "1 receiver of callbacks is switched off." in page
        assert "1 receiver of callbacks does not answer as it should." in page
        assert "1 alert of the last 7 days reached nobody." in page
        Alert.objects.update(crossed_at=NOON - 8 * DAY)
        assert "reached nobody" not in said(opened(account))

    def test_of_others_is_not_named(self, clock, account):
        other = make_account()
        CallbackEndpoint.objects.create(account=other, url="https://example.com/", off_at=NOON)

        assert "switched off" not in said(opened(account))


class TestFirstSteps:
    def test_begin_with_an_api_user(self, browser, account):
        counting.count()

        answer = browser.get(page_of(account))

        page = said(answer)
        assert "Nothing was sent in the last 30 days" in page
        assert "Credits spent 0.00 0.00 0.00" in page
        assert reverse("api-user-add", args=[account.name]) in answer.content.decode()

    def test_go_on_with_a_script(self, browser, account, shop):
        answer = browser.get(page_of(account))

        assert "Add an API user Done" in said(answer)
        assert reverse("connect", args=[account.name]) in answer.content.decode()

    def test_end_with_the_first_message(self, browser, account, shop):
        make_message(user=shop)

        assert "Nothing was sent" not in said(browser.get(page_of(account)))

    def test_offer_a_viewer_nothing_to_change(self, account):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        assert "api-users/add" not in viewer.get(page_of(account)).content.decode()


class TestQueries:
    def test_are_twelve_at_most_however_much_there_is(self, browser, account, shop):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                answer = browser.get(page_of(account))
            assert len(answer.content) < 100_000
            return len(captured)

        send(shop, 6)
        counting.count()
        queries()
        few = queries()
        for number in range(10):
            user = make_api_user(account=account, quota=10)
            send(user, 6, state=State.DELIVERED)
            CallbackEndpoint.objects.create(account=account, url=f"https://e.com/{number}")
        counting.count()
        send(shop, 3)

        assert queries() == few <= 12

    def test_find_figures_by_an_index(self, account, shop):
        make_message(user=shop)
        counting.count()
        days = figures.Days(NOON.date(), 30, ZoneInfo("UTC"))

        of_quarters = UserQuarter.objects.filter(api_user__in=[shop.pk], starts_at__gt=days.since)
        of_days = UserDay.objects.filter(account=account, starts_at__gte=days.since)
        entries = figures._live_entries(account, days, figures.Mark(10**9, 0))

        # SQLite has a name of its own for the index of a constraint.
        plan = plan_of(of_quarters)
        assert "figures_once_per_user_and_quarter" in plan or "(api_user_id=?" in plan
        assert "user_days_of_account" in plan_of(of_days)
        assert not re.search(r"(SCAN|Seq Scan on) sms_accounts_ledgerentry", plan_of(entries))
        ends = plan_of(figures._live_ends(account, days, figures.Mark(0, 10**9)), may_sort=True)
        assert "messages_of_account" not in ends

    def test_are_of_this_account_only(self, bobs_browser, account, shop):
        make_message(user=shop)

        assert bobs_browser.get(page_of(account)).status_code == 404
        answer = bobs_browser.get("/", follow=True)
        assert "Sent 0 0 0" in said(answer)


def test_marks_are_those_of_all(clock, account, shop):
    send(shop, 1)
    counting.count()

    assert FiguresMark.objects.get().entry_id == LedgerEntry.objects.latest("pk").pk
