"""Rules that stop an API user: at once, once for each event, until somebody lets it go on."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from sms_accounts import api_users, counting, mail_outbox, notices, oddities, pauses
from sms_accounts.models import (
    Activity,
    ApiUser,
    Habit,
    Incident,
    Membership,
    Notice,
    Rule,
    RuleAction,
    State,
)
from tests.ends import ABROAD, send
from tests.factories import (
    API_PASSWORD,
    MSISDN,
    SENDER,
    make_account,
    make_api_user,
    make_member,
    make_user,
)
from tests.plans import plan_of
from tests.races import at_once

NOON = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
# To a third country.
FURTHER = "32470000001"
AS_ACCOUNT: dict[Rule, RuleAction | None] = dict.fromkeys(Rule)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def shop(alice):
    """An API user that sent ten messages at noon on each of twenty days, all to France."""
    account = make_account(owner=alice, name="sms-ab12345-1", credits=5000)
    return used_to(make_api_user(account=account, login="shop"))


def used_to(user):
    Habit.objects.create(
        api_user=user,
        began_at=NOON - 21 * DAY,
        delivered=200,
        hours={"12": 200},
        countries={"FR": [200, (NOON - 21 * DAY).isoformat()]},
    )
    return user


def choose(subject, **actions: str | None) -> None:
    chosen = {
        Rule(rule): RuleAction(action) if action else None for rule, action in actions.items()
    }
    pauses.set_choices(subject, {**AS_ACCOUNT, **chosen}, by=None)


def judge() -> int:
    """Do what a worker does every few seconds."""
    counting.count()
    return pauses.judge_due()


def is_enabled(user) -> bool:
    return ApiUser.objects.get(pk=user.pk).is_enabled


def call(user) -> int:
    """Send by http2sms; return the status in the answer."""
    answer = Client().get(
        "/http2sms",
        {
            "account": user.account.name,
            "login": user.login,
            "password": API_PASSWORD,
            "from": SENDER,
            "to": MSISDN,
            "message": "Hello",
            "noStop": "1",
            "contentType": "application/json",
        },
    )
    status: int = answer.json()["status"]
    return status


class TestPause:
    def test_stops_the_user_as_if_somebody_had_disabled_it(self, shop):
        other = make_api_user(account=shop.account, login="other")
        choose(shop, burst="pause")
        assert call(shop) // 100 == 1
        send(shop, 59)

        assert judge() == 1

        api_users.set_enabled(other, False, by=None)
        assert call(shop) == call(other) == 202
        assert not is_enabled(shop)

    def test_says_in_the_log_which_figures_led_to_it(self, shop):
        choose(shop, burst="pause")
        send(shop, 60)
        judge()

        paused = Activity.objects.get(action="paused")
        assert (paused.by, paused.api_user) == (None, shop)
        assert paused.after == {"rule": "burst", "messages": 60, "of": 60, "before": "10.00"}

    @pytest.mark.parametrize("action", [None, "off", "warn"])
    def test_is_for_rules_alone_that_are_to_pause(self, shop, action):
        choose(shop, burst=action)
        send(shop, 60)

        assert judge() == 0
        assert is_enabled(shop)
        shown = [each.rule for each in oddities.found(shop.account, now=NOON)]
        assert shown == ([] if action == "off" else [Rule.BURST])

    @pytest.mark.parametrize(
        ("of_account", "own", "is_paused"),
        [("pause", None, True), ("pause", "warn", False), (None, "pause", True)],
    )
    def test_follows_the_own_choice_and_else_the_accounts(self, shop, of_account, own, is_paused):
        choose(shop.account, burst=of_account)
        choose(shop, burst=own)
        send(shop, 60)

        assert judge() == is_paused

    def test_comes_at_once_where_it_is_chosen_while_an_event_goes_on(self, shop):
        send(shop, 60)
        assert judge() == 0

        choose(shop.account, burst="pause")

        assert pauses.judge_due() == 1

    def test_comes_once_whoever_looks(self, shop):
        choose(shop, burst="pause", country="pause")
        send(shop, 60, receiver=ABROAD)
        assert judge() == 1

        Habit.objects.update(judge_at=NOON)

        assert judge() == 0
        assert Activity.objects.filter(action="paused").count() == 1

    def test_looks_only_at_those_of_whom_something_came(self, shop, django_assert_num_queries):
        send(shop, 1)
        judge()

        with django_assert_num_queries(1):
            assert pauses.judge_due() == 0

    def test_leaves_alone_who_is_disabled_or_deleted(self, shop):
        choose(shop, burst="pause")
        send(shop, 60)
        api_users.set_enabled(shop, False, by=None)

        assert judge() == 0

        api_users.delete(shop, by=None)
        Habit.objects.update(judge_at=NOON)
        assert judge() == 0

    def test_finds_its_users_by_an_index(self):
        due = Habit.objects.filter(judge_at__lte=NOON).order_by("judge_at", "api_user")

        assert "habits_to_judge" in plan_of(due)
        pausing = Incident.objects.pausing().filter(account=1).order_by("-pk")
        assert "incidents_that_pause" in plan_of(pausing, may_sort=True)

    def test_takes_as_many_queries_for_many_as_for_few(self, shop, django_assert_max_num_queries):
        for place in range(8):
            send(used_to(make_api_user(account=shop.account, login=f"u{place}")), 6)
        counting.count()

        with django_assert_max_num_queries(11):
            assert pauses.judge_due() == 0


class TestRelease:
    @pytest.fixture
    def paused(self, shop):
        choose(shop, burst="pause", country="pause")
        send(shop, 60)
        judge()
        return shop

    def test_lets_it_send_and_is_recorded(self, paused, alice):
        api_users.set_enabled(paused, True, by=alice)

        assert call(paused) // 100 == 1
        released = Activity.objects.get(action="released")
        assert (released.by, released.after) == (alice, {"rule": "burst"})
        incident = Incident.objects.get(rule="burst")
        assert (incident.released_by, incident.released_at) == (alice, NOON)

    def test_the_same_event_does_not_pause_it_anew(self, paused, clock):
        api_users.set_enabled(paused, True, by=None)
        for hour in (1, 5, 12, 23):
            clock.move_to(NOON + timedelta(hours=hour), tick=False)
            send(paused, 100)
            assert judge() == 0

        assert is_enabled(paused)

    def test_the_next_event_does(self, paused, clock):
        api_users.set_enabled(paused, True, by=None)
        clock.move_to(NOON + 3 * DAY, tick=False)
        # Nothing was sent since, and a worker looks all the same.
        assert judge() == 0
        assert Incident.objects.get(rule="burst").ended_at == NOON + 3 * DAY

        send(paused, 100)

        assert judge() == 1

    def test_another_rule_does(self, paused, clock):
        api_users.set_enabled(paused, True, by=None)
        clock.move_to(NOON + timedelta(hours=1), tick=False)
        send(paused, 5, receiver=ABROAD)

        assert judge() == 1

        assert Incident.objects.pausing().get().rule == Rule.COUNTRY

    def test_yet_another_country_is_another_event(self, paused, clock):
        api_users.set_enabled(paused, True, by=None)
        send(paused, 5, receiver=ABROAD)
        assert judge() == 1
        api_users.set_enabled(paused, True, by=None)
        clock.move_to(NOON + timedelta(hours=1), tick=False)
        send(paused, 5, receiver=ABROAD)
        assert judge() == 0

        send(paused, 5, receiver=FURTHER)

        assert judge() == 1
        assert Incident.objects.pausing().get().figures["countries"] == ["BE", "CH"]

    def test_of_who_was_disabled_by_hand_counts_for_what_was_seen(self, shop):
        send(shop, 60)
        judge()
        api_users.set_enabled(shop, False, by=None)
        api_users.set_enabled(shop, True, by=None)

        choose(shop, burst="pause")

        assert pauses.judge_due() == 0
        assert Activity.objects.filter(action="enabled").exists()

    def test_a_pause_outlasts_its_event(self, paused, clock):
        clock.move_to(NOON + 3 * DAY, tick=False)
        judge()

        assert not is_enabled(paused)
        assert Incident.objects.pausing().get().ended_at is not None
        api_users.set_enabled(paused, True, by=None)
        assert not Incident.objects.pausing().exists()


class TestNotice:
    def test_tells_owners_and_managers_once(self, shop):
        manager = make_member(shop.account, Membership.Role.MANAGER)
        make_member(shop.account, Membership.Role.VIEWER)
        choose(shop, failures="pause")
        send(shop, 20, state=State.UNDELIVERABLE)
        judge()

        assert notices.tell_due() == 2
        assert notices.tell_due() == 0

        assert [each.to[0] for each in mail.outbox] == ["alice@example.com", manager.email]
        told = mail.outbox[0]
        assert told.subject == "sms-ab12345-1: shop was paused"
        assert "Many failures: 20 of 20 messages of the last 24 hours" in told.body
        assert f"/sms/sms-ab12345-1/api-users/{shop.pk}/" in told.body

    def test_is_in_the_language_of_the_account(self, alice):
        account = make_account(owner=alice, credits=500, language="fr")
        shop = used_to(make_api_user(account=account, login="shop"))
        choose(account, burst="pause")
        send(shop, 60)
        judge()
        notices.tell_due()

        assert mail.outbox[0].subject.endswith("shop a été mis en pause")
        assert "Pic d'envois: 60 messages ces dernières 24 heures" in mail.outbox[0].body

    def test_waits_for_a_mail_server_that_is_away(self, shop, settings, clock):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        choose(shop, burst="pause")
        send(shop, 60)
        judge()

        assert notices.tell_due() == 0

        notice = Notice.objects.get()
        assert (notice.state, notice.tries) == (Notice.State.WAITING, 1)
        assert notice.due_at == timezone.now() + mail_outbox.AGAIN


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_pause_once(shop):
    choose(shop, burst="pause")
    send(shop, 60)
    counting.count()

    assert sum(at_once(*[pauses.judge_due] * 4)) == 1

    assert Incident.objects.count() == Notice.objects.count() == 1
