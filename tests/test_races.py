"""What many do at once through the use cases, each in a thread and transaction of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F, Sum

from sms_accounts import api_users, books, ledger, orders, submission
from sms_accounts.models import Alert, LedgerEntry, Message, Submission, Wallet
from tests.factories import make_account, make_api_user, make_order

pytestmark = pytest.mark.django_db(transaction=True)

# As many as the pool of connections to PostgreSQL lets in, less one for the test itself.
AT_ONCE = 20


def all_at_once(jobs: list[Callable[[], int]], *, at_once: int = AT_ONCE) -> list[int]:
    """Run the jobs in threads; raise what one of them raised."""

    def run(job: Callable[[], int]) -> int:
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(run, jobs))


def accepted(order: orders.Order) -> Callable[[], int]:
    """A job that submits an order and returns how many messages were accepted."""

    def submit() -> int:
        try:
            return len(submission.submit(order).message_ids)
        except ledger.InsufficientCredits:
            return 0

    return submit


class TestQuota:
    def test_of_50_lets_50_of_200_through_and_alerts_once(self):
        user = make_api_user(account=make_account(credits=500), quota=50, threshold=10)

        outcomes = all_at_once([accepted(make_order(user)) for _ in range(200)])

        assert sum(outcomes) == 50
        assert Message.objects.count() == Submission.objects.count() == 50
        assert Wallet.objects.get(pk=user.wallet_id).credits == 0
        assert Wallet.objects.get(pk=user.account.wallet_id).credits == 450
        assert books.wrong_books() == []
        assert Alert.objects.get().balance == 10

    def test_is_never_overshot_by_orders_of_several_prices(self):
        user = make_api_user(account=make_account(credits=500), quota=50, threshold=10)
        texts = ["x", "x" * 161, "x" * 307]

        outcomes = all_at_once(
            [accepted(make_order(user, text=texts[number % 3])) for number in range(90)]
        )

        paid = Submission.objects.aggregate(paid=Sum("credits"))["paid"]
        assert Submission.objects.count() == sum(outcomes)
        assert Wallet.objects.get(pk=user.wallet_id).credits == 50 - paid
        assert books.wrong_books() == []
        assert Alert.objects.count() == 1

    def test_switched_while_many_send_loses_no_credit_and_charges_the_right_purse(self):
        account = make_account(credits=1000)
        user = make_api_user(account=account)
        neighbour = make_api_user(account=account)

        def switch(quota: Decimal | None) -> Callable[[], int]:
            def set_quota() -> int:
                ledger.set_quota(type(user).objects.get(pk=user.pk), quota, by=None)
                return 0

            return set_quota

        jobs: list[Callable[[], int]] = []
        for _ in range(30):
            jobs += [accepted(make_order(user)) for _ in range(4)]
            jobs += [switch(Decimal(500)), accepted(make_order(neighbour)), switch(None)]

        outcomes = all_at_once(jobs)

        assert sum(outcomes) == 150
        assert Wallet.objects.aggregate(left=Sum("credits"))["left"] == 1000 - 150
        assert books.wrong_books() == []
        debits = LedgerEntry.objects.filter(kind="debit")
        assert debits.count() == 150
        assert not debits.exclude(wallet=F("submission__wallet")).exists()
        self.assert_charged_to_the_purse_of_the_moment(user)

    def test_switched_by_several_at_once_is_switched_by_each(self):
        user = make_api_user(account=make_account(credits=1000))

        def switch(quota: Decimal | None) -> Callable[[], int]:
            def set_quota() -> int:
                api_users.set_quota(user, quota, by=None)
                return 1

            return set_quota

        done = all_at_once([switch(quota) for _ in range(30) for quota in (Decimal(5), None)])

        assert sum(done) == 60
        assert Wallet.objects.aggregate(left=Sum("credits"))["left"] == 1000

    def assert_charged_to_the_purse_of_the_moment(self, user):
        # The quota is never used up, so that each switch has its entry: credits leave the
        # account when it is given and come back when it is switched off. Entries of one
        # purse stand in the order of their movements.
        has_quota = False
        for entry in LedgerEntry.objects.filter(
            wallet_id=user.account.wallet_id, api_user=user
        ).order_by("id"):
            if entry.kind == "quota":
                has_quota = entry.credits < 0
            else:
                assert not has_quota, "the account paid for a user who had a quota"


class TestBalances:
    def test_in_entries_follow_from_each_other(self):
        user = make_api_user(account=make_account(credits=60))

        all_at_once([accepted(make_order(user)) for _ in range(60)])

        balances = list(
            LedgerEntry.objects.filter(wallet_id=user.wallet_id)
            .order_by("id")
            .values_list("balance", flat=True)
        )
        assert balances == [Decimal(left) for left in range(60, -1, -1)]
