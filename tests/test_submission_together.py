"""Many orders in one transaction: of each comes what would have come of it alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from sms_accounts import api_users, idempotency, ledger, orders, pace, submission
from sms_accounts.models import Alert, ApiUser, IdempotencyKey, LedgerEntry, Message, Submission
from sms_accounts.submission import Receipt, store_each
from tests.factories import make_account, make_api_user, make_order
from tests.sign_ins import remembered

pytestmark = pytest.mark.django_db


def store(*asked: orders.Order) -> list[Any]:
    return store_each([orders.priced(order) for order in asked])


def accepted(outcomes: list[Any]) -> list[bool]:
    return [isinstance(outcome, Receipt) for outcome in outcomes]


def spendable(user: ApiUser) -> Decimal:
    user.refresh_from_db()
    return user.wallet.credits


def cost(parts: int) -> str:
    return "x" * (100 if parts == 1 else 153 * parts)


class TestPaying:
    def test_each_has_its_own_entry_with_the_balance_after_it(self):
        user = make_api_user(quota=10)

        receipts = store(*[make_order(user, text=cost(parts)) for parts in (1, 2, 3)])

        assert [receipt.credits_left for receipt in receipts] == [9, 7, 4]
        entries: Any = LedgerEntry.objects.filter(kind="debit").order_by("pk")
        assert [entry.submission_id for entry in entries] == [r.submission_id for r in receipts]
        assert [(entry.credits, entry.balance) for entry in entries] == [(-1, 9), (-2, 7), (-3, 4)]
        assert spendable(user) == 4

    def test_what_does_not_fit_keeps_nobody_back_who_does(self):
        user = make_api_user(quota=4)

        outcomes = store(*[make_order(user, text=cost(parts)) for parts in (3, 2, 1, 1)])

        assert accepted(outcomes) == [True, False, True, False]
        assert [type(outcomes[place]) for place in (1, 3)] == [ledger.InsufficientCredits] * 2
        assert spendable(user) == 0
        assert Submission.objects.count() == Message.objects.count() == 2

    def test_what_had_been_stored_is_taken_out_where_the_purse_was_emptied_meanwhile(
        self, monkeypatch
    ):
        user = make_api_user(quota=1)
        monkeypatch.setattr(submission._Round, "_can_surely_not_all_be_paid", lambda _round: False)

        outcomes = store(*[make_order(user, receivers=["33639980004"]) for _ in range(3)])

        assert accepted(outcomes) == [True, False, False]
        assert Submission.objects.count() == Message.objects.count() == 1

    def test_many_purses_are_charged_each_for_its_own(self):
        users = [make_api_user(quota=quota) for quota in (1, 5, 2)]

        outcomes = store(*[make_order(user, text=cost(2)) for user in (*users, *users)])

        assert accepted(outcomes) == [False, True, True, False, True, False]
        assert [spendable(user) for user in users] == [1, 1, 0]

    def test_accounts_and_users_may_stand_beside_each_other(self):
        user = make_api_user(account=make_account(credits=5))
        of_account = make_order(user)._replace(api_user=None)

        outcomes = store(make_order(user), of_account, make_order(user))

        assert accepted(outcomes) == [True, True, True]
        assert spendable(user) == 2

    def test_a_disabled_user_is_refused_and_the_others_are_not(self):
        closed, user = make_api_user(), make_api_user()
        api_users.set_enabled(closed, False, by=None)

        refused, receipt = store(make_order(closed), make_order(user))

        assert refused.is_closed
        assert isinstance(receipt, Receipt)

    def test_the_alert_is_that_of_the_order_that_crossed(self):
        user = make_api_user(quota=10, threshold=7)

        receipts = store(*[make_order(user, text=cost(2)) for _ in range(4)])

        [alert] = Alert.objects.all()
        assert alert.balance == 6
        assert receipts[1].credits_left == 6


class TestKeys:
    def test_of_two_with_one_key_the_second_gets_the_answer_of_the_first(self):
        user = make_api_user(quota=10)
        order = make_order(user)._replace(idempotency_key="k")

        first, second = store(order, order)

        assert first == second
        assert spendable(user) == 9

    def test_the_same_key_with_another_order_is_refused(self):
        user = make_api_user()
        order = make_order(user)._replace(idempotency_key="k")

        first, other = store(order, order._replace(text="Another"))

        assert isinstance(first, Receipt)
        assert isinstance(other, idempotency.KeyUsedOtherwise)

    def test_a_key_that_was_not_paid_for_stands_for_nothing(self):
        user = make_api_user(quota=1)
        order = make_order(user, text=cost(2))._replace(idempotency_key="k")

        [refused] = store(order)
        ledger.set_quota(user, Decimal(5), by=None)
        [receipt] = store(order)

        assert isinstance(refused, ledger.InsufficientCredits)
        assert isinstance(receipt, Receipt)

    def test_the_same_key_of_another_user_is_another_key(self):
        orders_of_both = [
            make_order(make_api_user())._replace(idempotency_key="k") for _ in range(2)
        ]

        assert accepted(store(*orders_of_both)) == [True, True]
        assert IdempotencyKey.objects.count() == 2

    def test_a_key_that_has_expired_stands_for_the_new_order(self):
        user = make_api_user()
        order = make_order(user)._replace(idempotency_key="k")
        [old] = store(order)
        IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))

        [new] = store(order)

        assert old.submission_id != new.submission_id


class TestPace:
    def test_counts_all_of_a_batch(self):
        user = make_api_user(quota=10)
        user.messages_a_minute = 2
        user.save()

        outcomes = store(*[make_order(user) for _ in range(3)])

        assert accepted(outcomes) == [True, True, False]
        assert isinstance(outcomes[2], pace.TooFast)

    def test_what_was_not_paid_does_not_count_against_the_next(self):
        user = make_api_user(quota=1)
        user.messages_a_minute = 2
        user.save()
        two = ["33639980004", "33639980005"]

        outcomes = store(make_order(user, receivers=two), make_order(user))

        assert isinstance(outcomes[0], ledger.InsufficientCredits)
        assert isinstance(outcomes[1], Receipt)


class TestJudgedBefore:
    def judged(self, user):
        caller = remembered(user)
        return make_order(caller.user)._replace(judged_by=caller)

    def test_is_stored_while_nothing_has_changed(self):
        assert accepted(store(self.judged(make_api_user()))) == [True]

    def test_is_outdated_where_the_caller_has_changed_and_the_others_are_not(self):
        changed, user = make_api_user(), make_api_user()
        order = self.judged(changed)
        api_users.set_restrictions(changed, ["192.0.2.1"], by=None)

        outdated, receipt = store(order, self.judged(user))

        assert isinstance(outdated, submission.Outdated)
        assert isinstance(receipt, Receipt)
        assert Submission.objects.count() == 1

    def test_takes_a_sender_by_each_of_its_spellings(self):
        user = make_api_user(account=make_account(sender="33639981234"))
        order = self.judged(user)

        for given in ("33639981234", "+33 6 39 98 12 34", "0033639981234"):
            assert orders.sender_of(order._replace(sender=given)) == "33639981234"
        with pytest.raises(orders.SenderNotEnabled):
            orders.sender_of(order._replace(sender="Another"))
