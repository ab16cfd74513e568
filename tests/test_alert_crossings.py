"""One alert per downward crossing, whatever moves the credits and however many do it at once."""

import itertools
import os
import random
import signal
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from email import message_from_string
from typing import Any

import pytest
from django.db import connection, connections

from sms_accounts import accounts, alerts, api_users, ledger, limits, submission
from sms_accounts.models import Alert, ApiUser, LedgerEntry, Level, Notification, Submission
from tests.alerted import smtp_at
from tests.factories import make_account, make_api_user, make_order, make_user
from tests.mail_server import mail_server
from tests.sizes import in_bench, in_full_on
from tests.test_races import all_at_once


def limited(subject, threshold=None, **more):
    """Give a subject a limit, and forget what that told at once."""
    limit = limits.limit_of(subject)
    limit = replace(limit, enabled=True, email="ops@example.com", **more)
    if threshold is not None:
        limit = replace(limit, threshold=Decimal(threshold))
    store = api_users.set_limit if isinstance(subject, ApiUser) else accounts.set_limit
    store(subject, limit, by=None)
    Alert.objects.of_subject(subject).delete()
    subject.refresh_from_db()
    return subject


def told(subject) -> list[tuple[Any, ...]]:
    """The level and what was left, of each alert in their order."""
    found = Alert.objects.of_subject(subject).order_by("pk")
    return list(found.values_list("threshold", "balance"))


def send(user, credits):
    """Send one SMS of so many parts, each of which costs a credit."""
    submission.submit(make_order(user, text="x" * (100 if credits == 1 else 153 * credits)))


@pytest.mark.django_db
class TestLevels:
    def test_are_told_one_after_the_other_as_they_are_reached(self):
        user = limited(make_api_user(quota=10), 2, levels=("80%", "50%", "0.00"))

        for _ in range(10):
            send(user, 1)

        assert told(user) == [(8, 8), (5, 5), (2, 2), (0, 0)]

    def test_that_one_movement_jumps_over_are_one_alert_of_the_lowest(self):
        user = limited(make_api_user(quota=10), 2, levels=("80%", "50%"))

        send(user, 6)

        assert told(user) == [(5, 4)]

    def test_are_told_again_only_after_the_credits_were_above_them(self):
        user = limited(make_api_user(quota=10), 5, levels=("8.00",))
        send(user, 5)
        assert told(user) == [(5, 5)]

        api_users.set_quota(user, Decimal(7), by=None)
        send(user, 2)
        assert told(user) == [(5, 5), (5, 5)]

        api_users.set_quota(user, Decimal(9), by=None)
        send(user, 1)
        assert told(user) == [(5, 5), (5, 5), (8, 8)]

    def test_in_percent_follow_the_quota_as_it_was_given_last(self):
        user = limited(make_api_user(quota=10), 1, levels=("50%",))
        assert set(Level.objects.of(user).values_list("credits", flat=True)) == {1, 5}

        api_users.set_quota(user, Decimal(40), by=None)

        assert set(Level.objects.of(user).values_list("credits", flat=True)) == {1, 20}

    def test_in_percent_rest_where_there_is_no_quota(self):
        user = limited(make_api_user(), 20, levels=("50%", "10.00"))

        levels = Level.objects.of(user)

        assert set(levels.values_list("credits", flat=True)) == {20, 10}
        assert {level.wallet_id for level in levels} == {user.account.wallet_id}

    def test_go_with_the_quota_and_come_back_with_it(self):
        user = limited(make_api_user(), 20, levels=("50%",))
        api_users.set_quota(user, Decimal(100), by=None)
        assert {level.wallet_id for level in Level.objects.of(user)} == {user.quota_wallet_id}

        api_users.set_quota(user, None, by=None)

        assert [level.credits for level in Level.objects.of(user)] == [20]

    def test_that_are_new_and_reached_are_told_once(self):
        user = limited(make_api_user(quota=10), 2)
        send(user, 4)

        def with_levels(*levels):
            limit = replace(limits.limit_of(user), levels=levels)
            api_users.set_limit(user, limit, by=None)
            user.refresh_from_db()

        with_levels("9.00", "8.00")
        assert told(user) == [(8, 6)]
        # Something as low was told: a higher level says nothing new.
        with_levels("9.00", "8.00", "8.50")
        assert told(user) == [(8, 6)]
        with_levels("9.00", "8.00", "8.50", "7.00")
        assert told(user) == [(8, 6), (7, 6)]

    def test_are_gone_with_the_user(self):
        user = limited(make_api_user(quota=10), 2, levels=("50%",))

        api_users.delete(user, by=None)

        assert not Level.objects.exists()

    def test_are_gone_with_the_alert(self):
        user = limited(make_api_user(quota=10), 2, levels=("50%",))

        api_users.set_limit(user, replace(limits.limit_of(user), enabled=False), by=None)

        assert not Level.objects.exists()
        send(user, 6)
        assert told(user) == []

    def test_of_an_account_and_of_its_users_are_told_by_one_movement(self):
        account = limited(make_account(credits=20), 15)
        user = limited(make_api_user(account=account), 15)
        other = limited(make_api_user(account=account), 16)

        send(user, 5)

        assert told(account) == told(user) == [(15, 15)]
        assert told(other) == [(16, 15)]

    def test_of_an_account_hear_of_quotas_transfers_and_corrections(self):
        alice = make_user()
        account = limited(make_account(credits=20, owner=alice), 15, levels=("10.00", "5.00"))

        api_users.set_quota(make_api_user(account=account), Decimal(5), by=None)
        accounts.transfer(account, make_account(owner=alice), Decimal(5), by=alice)
        ledger.take_back(account, Decimal(5), by=None, reason="Mistake")

        assert told(account) == [(15, 15), (10, 10), (5, 5)]


@pytest.mark.django_db
class TestSmsOfAnAlert:
    def test_tells_another_level_that_it_pays_its_way_across(self):
        account = make_account(credits=10)
        user = limited(
            make_api_user(account=account), 9, levels=("8.00",), support="sms", msisdn="33639980004"
        )
        send(user, 1)
        assert told(user) == [(9, 9)]

        assert alerts.alert_due() == 2

        # The SMS about 9 took the last credit above 8; that about 8 crosses nothing more.
        assert told(user) == [(9, 9), (8, 8)]

    def test_about_an_account_does_not_tell_of_the_account_again(self):
        account = limited(make_account(credits=10), 9, support="sms", msisdn="33639980004")
        send(make_api_user(account=account), 1)
        ledger.top_up(account, Decimal(1), by=None, reason="Invoice")

        alerts.alert_due()

        assert told(account) == [(9, 9)]


def at_all_levels(account):
    """Users of one purse with levels of their own, and the account; what a fall to 10 tells."""
    one, other, third = (make_api_user(account=account) for _ in range(3))
    limited(one, 55)
    limited(other, 10, levels=("50.00", "30.00"))
    limited(third, 59)
    limited(account, 12, levels=("30.00",))
    return one, {
        (subject, Decimal(level))
        for subject, levels in (
            (one, [55]),
            (other, [50, 30, 10]),
            (third, [59]),
            (account, [30, 12]),
        )
        for level in levels
    }


WORKERS = 50
ROUNDS = in_bench(200, otherwise=in_full_on("postgresql", 30, otherwise=3))


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    def test_fall_to_each_level_once_in_each_round(self):
        """Fifty debits at once lead from 60 to 10; then it is filled up, and they come again."""
        account = make_account(credits=60)
        user, levels = at_all_levels(account)

        def spend() -> int:
            submission.submit(make_order(user))
            return 1

        for _ in range(ROUNDS):
            assert sum(all_at_once([spend] * 50, at_once=WORKERS)) == 50
            ledger.top_up(account, Decimal(50), by=None, reason="Invoice")

        found = Counter((alert.subject, alert.threshold) for alert in alerts_with_subjects())
        assert found == Counter(dict.fromkeys(levels, ROUNDS))
        # The levels lie wide enough apart for debits of one: none is jumped over.
        assert all(alert.balance == alert.threshold for alert in alerts_with_subjects())

    def test_that_jump_over_levels_tell_the_lowest_and_none_twice(self):
        account = make_account(credits=60)
        user = limited(make_api_user(account=account), 10, levels=("50.00", "49.00", "30.00"))
        sizes = [1, 2, 3, 4] * 5

        def spend(credits):
            def job() -> int:
                send(user, credits)
                return 0

            return job

        all_at_once([spend(credits) for credits in sizes], at_once=20)

        balances = [60] + [
            int(balance)
            for balance in LedgerEntry.objects.filter(kind="debit")
            .order_by("pk")
            .values_list("balance", flat=True)
        ]
        expected = []
        for before, after in itertools.pairwise(balances):
            passed = [level for level in (10, 30, 49, 50) if after <= level < before]
            expected += [(passed[0], after)] if passed else []
        assert sorted(told(user)) == sorted(expected)

    def test_while_the_threshold_changes_tell_each_value_once_at_most_and_the_last_one(self):
        for _ in range(in_full_on("postgresql", 6, otherwise=2)):
            self.fall_while_the_threshold_changes()

    def fall_while_the_threshold_changes(self):
        user = limited(make_api_user(account=make_account(credits=60)), 5)

        def spend() -> int:
            submission.submit(make_order(user))
            return 0

        def set_threshold(value):
            def job() -> int:
                limit = replace(limits.limit_of(user), threshold=Decimal(value))
                api_users.set_limit(user, limit, by=None)
                return 0

            return job

        jobs = [spend] * 4
        for value in range(50, 38, -1):
            jobs += [set_threshold(value), spend, spend, spend]
        all_at_once(jobs, at_once=20)

        now = ApiUser.objects.get(pk=user.pk)
        counted = Counter(threshold for threshold, _left in told(user))
        assert set(counted.values()) <= {1}
        # 20 are left, which is below each of them.
        assert counted[now.alert_threshold] == 1

    def test_quota_given_lowered_and_removed_meanwhile_loses_no_crossing(self):
        account = make_account(credits=500)
        user = limited(make_api_user(account=account, quota=100), 50)

        def spend() -> int:
            submission.submit(make_order(user))
            return 0

        def set_quota(value):
            def job() -> int:
                api_users.set_quota(user, value and Decimal(value), by=None)
                return 0

            return job

        jobs = []
        for _ in range(in_full_on("postgresql", 10, otherwise=2)):
            jobs += [spend, spend, set_quota(40), spend, set_quota(None), spend, set_quota(100)]
        all_at_once(jobs, at_once=20)
        before = len(told(user))
        set_quota(100)()
        set_quota(50)()

        assert len(told(user)) == before + 1
        # Each alert was one of a level that lay above before: it is never told twice in a row
        # without the credits having been above in between.
        assert all(balance <= 50 for _level, balance in told(user))


def alerts_with_subjects():
    return Alert.objects.select_related("account", "api_user")


@pytest.mark.django_db(transaction=True)
class TestKilled:
    def test_between_debit_and_mail_loses_no_alert_and_repeats_no_other(self, settings):
        chance = random.Random(6)  # noqa: S311  # no secret: the same moments each time
        with mail_server() as server:
            smtp_at(settings, server.port)
            users = [
                limited(make_api_user(quota=6), 5, support="both", msisdn="33639980004")
                for _ in range(in_full_on("postgresql", 15, otherwise=6))
            ]
            for user in users:
                killed_after(chance.uniform(0.005, 0.12), lambda user=user: crossed(user))
            for user in users:
                user.wallet.refresh_from_db()
                if user.wallet.credits == 6:
                    send(user, 1)
            Notification.objects.update(claimed_until=None)
            while alerts.alert_due():
                pass

        assert [len(told(user)) for user in users] == [1] * len(users)
        assert set(Notification.objects.values_list("state", flat=True)) == {"done"}
        ids = Counter(message_from_string(mail)["Message-ID"] for mail in server.taken)
        assert len(ids) == len(users)
        assert set(ids.values()) <= {1, 2}
        sent = Submission.objects.filter(channel="alert")
        assert sent.count() == len(users)


def crossed(user):
    send(user, 1)
    alerts.alert_due()


def killed_after(seconds, work):
    """Do something in another process, and kill that in the midst of it."""
    connections.close_all()
    if connection.vendor == "postgresql":
        # The threads of a pool stay in this process, and the other one would wait for them.
        connection.close_pool()  # type: ignore[attr-defined]  # that of PostgreSQL alone
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
