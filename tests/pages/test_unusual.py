"""What is said on the overview of API users that do what they did not do before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sms_accounts import api_users, counting, pauses
from sms_accounts.models import (
    Account,
    Activity,
    ApiUser,
    Habit,
    Membership,
    Rule,
    RuleAction,
    State,
)
from tests.ends import ABROAD, send
from tests.factories import make_api_user, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in

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
    return signed_in(account.memberships.get(role="owner").user).get(page_of(account))


def said(answer) -> str:
    return text_of(answer.content.decode())


class TestUnusual:
    """Each rule at its edge: one message less, and nothing is said."""

    @pytest.fixture
    def used_to(self, clock, shop):
        """An API user that sent ten messages at noon on each of twenty days, all to France."""
        Habit.objects.create(
            api_user=shop,
            began_at=NOON - 21 * DAY,
            delivered=200,
            hours={"12": 200},
            countries={"FR": [200, (NOON - 21 * DAY).isoformat()]},
        )
        return shop

    def titles(self, account) -> list[str]:
        counting.count()
        return [each.title for each in opened(account).context["warned"]]

    def test_nothing_is_said_of_who_does_the_usual(self, account, used_to, clock):
        send(used_to, 12, state=State.DELIVERED)

        assert self.titles(account) == []
        assert "Nothing: each API user did what it usually does." in said(opened(account))

    @pytest.mark.parametrize(("failed", "titles"), [(4, []), (5, ["Many failures"])])
    def test_many_failures(self, account, used_to, clock, failed, titles):
        send(used_to, failed, state=State.UNDELIVERABLE)
        send(used_to, 20 - failed, state=State.DELIVERED)

        assert self.titles(account) == titles
        if titles:
            assert (
                "5 of 20 messages of the last 24 hours that have ended failed: 25 %, before 0 %."
                in said(opened(account))
            )

    def test_as_many_failures_as_ever_are_usual(self, account, used_to):
        Habit.objects.update(delivered=100, failed=100)
        send(used_to, 10, state=State.EXPIRED)
        send(used_to, 10, state=State.DELIVERED)

        assert self.titles(account) == []

    @pytest.mark.parametrize(("sent", "titles"), [(49, []), (50, ["Burst"])])
    def test_a_burst(self, account, used_to, clock, sent, titles):
        send(used_to, sent)

        assert self.titles(account) == titles
        if titles:
            assert "50 messages in the last 24 hours; before, 10 a day." in said(opened(account))

    @pytest.mark.parametrize(("sent", "titles"), [(4, []), (5, ["New country"])])
    def test_a_new_country(self, account, used_to, clock, sent, titles):
        send(used_to, sent, receiver=ABROAD)

        assert self.titles(account) == titles
        if titles:
            assert "where it never sent before: Switzerland." in said(opened(account))
            clock.move_to(NOON + DAY + timedelta(minutes=1), tick=False)
            assert self.titles(account) == []

    @pytest.mark.parametrize(("sent", "titles"), [(19, []), (20, ["Unusual hours"])])
    def test_unusual_hours(self, account, used_to, clock, sent, titles):
        Account.objects.update(time_zone="Europe/Paris")
        clock.move_to(NOON - timedelta(hours=10), tick=False)
        send(used_to, sent - 1)
        clock.move_to(NOON - timedelta(hours=9), tick=False)
        send(used_to, 1)
        clock.move_to(NOON, tick=False)

        assert self.titles(account) == titles
        if titles:
            text = "20 messages of the last 24 hours at hours at which it hardly ever sends"
            assert f"{text} (04:00–06:00); before, 0 in all." in said(opened(account))

    def test_nothing_is_said_of_who_has_just_begun(self, account, shop, clock):
        send(shop, 60)

        assert self.titles(account) == []

    def test_leads_to_the_messages_and_to_the_pause(self, account, used_to, clock):
        send(used_to, 60)
        counting.count()

        html = opened(account).content.decode()

        assert reverse("api-user-enabled", args=[account.name, used_to.pk]) in html
        assert f"messages/?user={used_to.login}&amp;since=2026-07-14" in html
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))
        assert "/enabled/" not in viewer.get(page_of(account)).content.decode()
        api_users.set_enabled(used_to, False, by=None)
        assert "Disabled" in said(opened(account))


class TestPaused:
    """Who was stopped by a rule is shown with the reason, and let go on with one click."""

    @pytest.fixture
    def shop(self, clock, account):
        shop = make_api_user(account=account, login="shop")
        Habit.objects.create(
            api_user=shop, began_at=NOON - 21 * DAY, delivered=200, hours={"12": 200}
        )
        return shop

    @pytest.fixture
    def paused(self, account, shop):
        choices = {**dict.fromkeys(Rule), Rule.BURST: RuleAction.PAUSE}
        pauses.set_choices(account, choices, by=None)
        send(shop, 60)
        counting.count()
        assert pauses.judge_due() == 1
        return shop

    @pytest.mark.parametrize("page", ["account", "api-user"])
    def test_is_released_where_the_reason_is_shown(self, browser, account, paused, page):
        of_user = reverse("api-user", args=[account.name, paused.pk])
        place = page_of(account) if page == "account" else of_user
        shown = browser.get(place)
        assert "Burst: 60 messages in the last 24 hours; before, 10 a day." in said(shown)
        assert "Release" in said(shown)

        url = reverse("api-user-release", args=[account.name, paused.pk])
        answer = browser.post(url, {"next": place}, follow=True)

        assert answer.redirect_chain[-1][0] == place
        assert "shop may send again; the same event does not stop it anew." in said(answer)
        assert ApiUser.objects.get(pk=paused.pk).is_enabled
        assert "Release" not in said(browser.get(place)).replace("Released", "")

    def test_is_named_once_among_what_is_unusual(self, browser, account, paused):
        shown = browser.get(page_of(account))

        assert shown.context["warned"] == []
        assert [each.title for each in shown.context["paused"]] == ["Burst"]

    def test_is_released_by_those_alone_who_may_change_it(self, account, paused, bobs_browser):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))
        url = reverse("api-user-release", args=[account.name, paused.pk])

        assert "Paused" in said(viewer.get(page_of(account)))
        assert "Release" not in said(viewer.get(page_of(account)))
        assert viewer.post(url).status_code == bobs_browser.post(url).status_code == 404
        assert viewer.get(url).status_code == 405
        assert not ApiUser.objects.get(pk=paused.pk).is_enabled

    def test_more_of_them_are_no_more_queries(self, browser, account, paused):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(page_of(account))
            return len(captured)

        queries()
        few = queries()
        for place in range(5):
            user = make_api_user(account=account, login=f"user{place}")
            Habit.objects.create(api_user=user, began_at=NOON - 21 * DAY, hours={"12": 200})
            send(user, 6, receiver=ABROAD)
        pauses.set_choices(account, dict.fromkeys(Rule, RuleAction.PAUSE), by=None)
        counting.count()
        assert pauses.judge_due() == 5

        assert queries() == few <= 12


class TestRules:
    def test_of_an_account_hold_for_users_without_their_own(self, browser, account, shop):
        dialog = reverse("account-rules", args=[account.name])
        sent = {"failures": "pause", "burst": "pause", "country": "warn", "hours": "off"}
        answer = browser.post(dialog, sent, follow=True)

        assert "The rules of the account are saved." in said(answer)
        assert (
            "Paused at once by: Many failures and Burst. Only warned of: New country."
            " Off: Unusual hours." in said(answer)
        )
        dialog = reverse("api-user-rules", args=[account.name, shop.pk])
        assert said(browser.get(dialog)).count("As the account says: Pause") == 2
        browser.post(dialog, {"burst": "off", "country": "", "hours": "", "failures": ""})
        page = said(browser.get(reverse("api-user", args=[account.name, shop.pk])))
        assert "Paused at once by: Many failures." in page
        assert "Off: Burst and Unusual hours." in page
        changed = Activity.objects.get(action="rules changed", api_user=shop)
        assert (changed.before, changed.after) == ({"rule burst": None}, {"rule burst": "off"})

    def test_say_beside_the_field_what_is_wrong(self, browser, account):
        dialog = reverse("account-rules", args=[account.name])

        answer = browser.post(dialog, {"failures": "", "burst": "shout"})

        assert said(answer).count("Choose one of the list.") == 4
        assert not Activity.objects.filter(action="rules changed").exists()

    def test_that_stay_as_they_are_change_nothing(self, browser, account):
        sent = dict.fromkeys(("failures", "burst", "country", "hours"), "warn")

        answer = browser.post(reverse("account-rules", args=[account.name]), sent, follow=True)

        assert "Nothing was changed" in said(answer)
