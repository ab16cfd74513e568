"""Quotas that renew: when, by how much, once, and what becomes of what the account lacks."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from sms_accounts import api_users, ledger, notices, renewals, selections
from sms_accounts.models import (
    Activity,
    Alert,
    ApiUser,
    LedgerEntry,
    Notice,
    QuotaRenewal,
    Wallet,
)
from sms_accounts.renewals import Plan, next_start
from tests.factories import debit, make_account, make_api_user, make_submission, make_user
from tests.plans import plan_of
from tests.races import at_once

Period = QuotaRenewal.Period

pytestmark = pytest.mark.django_db


def make_renewing(*, quota: int = 100, figure: int = 100, credits: int = 300, **account):
    """A user whose quota renews every day, of an account with so many credits at first."""
    user = make_api_user(account=make_account(credits=credits, **account))
    plan = Plan(period=Period.DAY, credits=Decimal(figure))
    api_users.set_renewing_quota(user, Decimal(quota), plan, by=None)
    return ApiUser.objects.select_related("account", "wallet").get(pk=user.pk)


def come() -> None:
    """Let the next period of every quota begin."""
    QuotaRenewal.objects.update(renews_at=timezone.now() - timedelta(seconds=1))


def held(user) -> Any:
    return Wallet.objects.get(pk=user.quota_wallet_id).credits


def left(user) -> Any:
    return Wallet.objects.get(pk=user.account.wallet_id).credits


def spend(user, credits: int) -> None:
    debit(user, Decimal(credits), submission=make_submission(user, credits=credits))


class TestNextStart:
    @pytest.mark.parametrize(
        ("period", "zone", "now", "expected"),
        [
            (Period.DAY, "UTC", "2026-03-04 00:00", "2026-03-05 00:00"),
            (Period.DAY, "Europe/Paris", "2026-03-04 22:59", "2026-03-04 23:00"),
            (Period.DAY, "Europe/Paris", "2026-03-04 23:00", "2026-03-05 23:00"),
            # The clocks are put forward, and back: the day has 23 hours, and 25.
            (Period.DAY, "Europe/Paris", "2026-03-28 23:30", "2026-03-29 22:00"),
            (Period.DAY, "Europe/Paris", "2026-10-24 22:30", "2026-10-25 23:00"),
            # There is no midnight on this day in Cairo: it begins at one o'clock.
            (Period.DAY, "Africa/Cairo", "2026-04-23 12:00", "2026-04-23 22:00"),
            (Period.WEEK, "UTC", "2026-03-02 00:00", "2026-03-09 00:00"),
            (Period.WEEK, "UTC", "2026-03-08 23:59", "2026-03-09 00:00"),
            (Period.WEEK, "America/New_York", "2026-03-09 03:30", "2026-03-09 04:00"),
            (Period.MONTH, "UTC", "2026-01-31 12:00", "2026-02-01 00:00"),
            (Period.MONTH, "UTC", "2026-12-01 00:00", "2027-01-01 00:00"),
            (Period.MONTH, "Asia/Tokyo", "2026-02-28 14:59", "2026-02-28 15:00"),
        ],
    )
    def test_is_midnight_where_the_account_is(self, period, zone, now, expected):
        at = datetime.fromisoformat(now).replace(tzinfo=UTC)

        start = next_start(period, after=at, zone=ZoneInfo(zone))

        assert start.astimezone(UTC) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


class TestRenewal:
    def test_fills_up_what_was_spent_and_says_so(self):
        user = make_renewing()
        spend(user, 70)
        come()

        assert renewals.renew_due() == 1

        assert (held(user), left(user)) == (100, 200 - 70)
        entry = LedgerEntry.objects.filter(wallet=user.quota_wallet_id).latest("pk")
        assert entry.credits == 70
        assert (entry.kind, entry.reason) == ("quota", "Quota renewed")
        change = Activity.objects.latest("pk")
        assert (change.action, change.by) == ("quota renewed", None)
        assert (change.before, change.after) == ({"quota": "30.00"}, {"quota": "100.00"})

    def test_comes_once_and_not_before_its_time(self):
        user = make_renewing()
        spend(user, 10)

        assert renewals.renew_due() == 0
        come()
        renewals.renew_due()
        spend(user, 10)
        assert renewals.renew_due() == 0

        assert held(user) == 90

    def test_a_worker_that_is_late_finds_it_done(self):
        user = make_renewing()
        come()
        due = QuotaRenewal.objects.get()
        renewals.renew_due()
        spend(user, 30)

        # It had read which are due before the other one began.
        assert not renewals._renew(due.pk, timezone.now())

        assert held(user) == 70

    def test_comes_at_midnight_where_the_account_is(self):
        with time_machine.travel("2026-03-04 20:00+00:00", tick=False):
            user = make_renewing(time_zone="Europe/Paris")
            spend(user, 10)
        with time_machine.travel("2026-03-04 22:59:59+00:00", tick=False):
            assert renewals.renew_due() == 0
        with time_machine.travel("2026-03-04 23:00+00:00", tick=False):
            assert renewals.renew_due() == 1

        assert QuotaRenewal.objects.get().renews_at == datetime(2026, 3, 5, 23, tzinfo=UTC)

    def test_comes_once_for_all_the_days_that_nobody_was_there(self):
        with time_machine.travel("2026-03-04 20:00+00:00", tick=False):
            user = make_renewing()
            spend(user, 100)
        with time_machine.travel("2026-03-09 07:00+00:00", tick=False):
            renewals.renew_due()
            spend(user, 30)
            renewals.renew_due()

        assert held(user) == 70
        assert QuotaRenewal.objects.get().renews_at == datetime(2026, 3, 10, tzinfo=UTC)

    def test_takes_nothing_away(self):
        user = make_renewing(quota=150)
        come()

        assert renewals.renew_due() == 0

        assert (held(user), left(user)) == (150, 150)
        assert QuotaRenewal.objects.get().renews_at > timezone.now()

    def test_one_that_fails_keeps_no_other_back(self, monkeypatch):
        first, second = make_renewing(), make_renewing()
        spend(first, 10)
        spend(second, 10)
        come()
        give_more = ledger.give_more

        def failing(user, *given, **named):
            if user.pk == first.pk:
                raise RuntimeError("broken")
            return give_more(user, *given, **named)

        monkeypatch.setattr(ledger, "give_more", failing)

        assert renewals.renew_due() == 1

        assert (held(first), held(second)) == (90, 100)
        assert QuotaRenewal.objects.get(api_user=first).renews_at < timezone.now()

    def test_who_falls_by_it_is_told(self):
        user = make_renewing()
        make_api_user(account=user.account, threshold=150)
        spend(user, 70)
        Alert.objects.all().delete()
        come()

        renewals.renew_due()

        assert Alert.objects.get().balance == 130

    def test_is_found_by_its_index(self):
        due = QuotaRenewal.objects.filter(renews_at__lte=timezone.now())

        assert "renewals_due" in plan_of(due.order_by("renews_at", "id"))


class TestEmptyAccount:
    @pytest.fixture
    def short(self):
        """30 credits are left in an account whose user spent 70 of 100; the reserve is 10."""
        user = make_renewing(credits=140)
        ledger.set_reserve(user.account, Decimal(10))
        spend(user, 70)
        come()
        renewals.renew_due()
        return user

    def test_gives_what_it_has_but_its_reserve(self, short):
        assert (held(short), left(short)) == (60, 10)
        assert QuotaRenewal.objects.get().missing == 40
        assert Activity.objects.latest("pk").after == {"quota": "60.00", "missing": "40.00"}

    def test_the_rest_follows_as_soon_as_it_can_be_paid(self, short):
        assert renewals.renew_due() == 0
        ledger.top_up(short.account, Decimal(15), by=None, reason="bought")
        assert renewals.renew_due() == 1
        assert held(short) == 75
        ledger.top_up(short.account, Decimal(100), by=None, reason="bought")

        renewals.renew_due()
        renewals.renew_due()

        assert (held(short), left(short)) == (100, 85)
        assert QuotaRenewal.objects.get().missing == 0

    def test_nobody_gets_more_in_a_period_than_the_figure(self, short):
        spend(short, 60)
        ledger.top_up(short.account, Decimal(500), by=None, reason="bought")

        renewals.renew_due()

        assert held(short) == 40

    def test_a_new_period_forgets_the_rest_of_the_one_before(self, short):
        ledger.top_up(short.account, Decimal(500), by=None, reason="bought")
        come()

        renewals.renew_due()

        assert held(short) == 100
        assert QuotaRenewal.objects.get().missing == 0

    def test_whoever_sets_the_quota_by_hand_forgets_the_rest(self, short):
        api_users.set_quota(short, Decimal(20), by=None)
        ledger.top_up(short.account, Decimal(500), by=None, reason="bought")

        renewals.renew_due()

        assert held(short) == 20


class TestEnding:
    def test_a_quota_that_is_switched_off_renews_no_more(self):
        user = make_renewing()

        api_users.set_quota(user, None, by=None)

        assert not QuotaRenewal.objects.exists()
        assert Activity.objects.filter(action="renewal of quota changed").count() == 2

    def test_nor_does_that_of_a_user_who_is_deleted(self):
        user = make_renewing()
        api_users.delete(user, by=None)
        come()

        assert renewals.renew_due() == 0
        assert left(user) == 300

    def test_a_quota_that_is_changed_goes_on(self):
        user = make_renewing()

        selections.set_quotas([user], Decimal(5), left=left(user), by=None)
        come()
        renewals.renew_due()

        assert held(user) == 100


class TestNotice:
    """Holders hear once for each period that the account cannot pay, of all its quotas."""

    @pytest.fixture
    def short(self):
        owner = make_user("alice@example.com")
        account = make_account(owner=owner, name="sms-ab12345-1", credits=210)
        plan = Plan(period=Period.DAY, credits=Decimal(100))
        users = [make_api_user(account=account, login=login) for login in ("a", "b")]
        for user in users:
            api_users.set_renewing_quota(user, Decimal(100), plan, by=None)
            user.refresh_from_db()
            spend(user, 80)
        return account

    def renew(self) -> None:
        come()
        renewals.renew_due()

    def test_is_one_of_all_that_begin_at_that_moment(self, short):
        with time_machine.travel(timezone.now(), tick=False) as clock:
            self.renew()
            assert notices.tell_due() == 0

            clock.shift(renewals.TOLD_AFTER)

            assert notices.tell_due() == 1
        told = mail.outbox[0]
        assert told.to == ["alice@example.com"]
        assert told.subject == "sms-ab12345-1: not enough credits for the quotas"
        assert "not enough credits to fill up 2 quotas that renew: 150.00" in told.body
        assert "a: 70.00\nb: 80.00\n" in told.body

    def test_comes_again_with_the_next_period(self, short):
        with time_machine.travel(timezone.now(), tick=False) as clock:
            for _ in range(2):
                self.renew()
                renewals.renew_due()
                clock.shift(timedelta(days=1))
                notices.tell_due()

        assert len(mail.outbox) == 2

    def test_is_not_sent_where_it_was_paid_meanwhile(self, short):
        with time_machine.travel(timezone.now(), tick=False) as clock:
            self.renew()
            ledger.top_up(short, Decimal(500), by=None, reason="Bought")
            renewals.renew_due()
            clock.shift(renewals.TOLD_AFTER)

            assert notices.tell_due() == 0
        assert Notice.objects.get().state == Notice.State.DONE

    def test_is_not_written_where_all_are_filled_up(self, short):
        ledger.top_up(short, Decimal(500), by=None, reason="Bought")
        self.renew()

        assert not Notice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_fill_up_once():
    users = [make_renewing(credits=1000) for _ in range(3)]
    for user in users:
        spend(user, 70)
    come()

    at_once(*[renewals.renew_due] * 4)

    assert [held(user) for user in users] == [100, 100, 100]
    assert LedgerEntry.objects.filter(reason="Quota renewed").count() == 2 * len(users)
