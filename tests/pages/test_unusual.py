"""What is said on the overview of API users that do what they did not do before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from sms_accounts import api_users, counting
from sms_accounts.models import Account, Habit, Membership, State
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
