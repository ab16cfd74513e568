"""The ledger: purses, entries and crossings."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from sms_accounts import accounts, alerts, api_users, books, debits, ledger, submission
from sms_accounts.models import Account, Activity, Alert, LedgerEntry, Wallet
from tests.alerted import SMS, make_alerted
from tests.factories import (
    debit,
    make_account,
    make_api_user,
    make_message,
    make_order,
    make_submission,
    make_user,
)
from tests.races import at_once

pytestmark = pytest.mark.django_db


def credits_of(wallet_id: int) -> Decimal:
    return Wallet.objects.get(pk=wallet_id).credits


class TestDebit:
    def test_takes_the_price_from_the_account_of_a_user_without_quota(self):
        user = make_api_user(account=make_account(credits=10))

        paid = debit(user, Decimal("2.50"), submission=make_submission(user))

        assert paid == debits.Paid(user.account.wallet_id, Decimal("7.50"))

    def test_takes_the_price_from_the_quota_where_there_is_one(self):
        user = make_api_user(account=make_account(credits=10), quota=4)

        paid = debit(user, Decimal(1), submission=make_submission(user))

        assert paid == debits.Paid(user.quota_wallet_id, Decimal(3))
        assert credits_of(user.account.wallet_id) == 6

    def test_refuses_more_than_the_purse_holds(self):
        user = make_api_user(account=make_account(credits=10), quota=1)

        with pytest.raises(ledger.InsufficientCredits) as refused:
            debit(user, Decimal(2), submission=make_submission(user))

        assert refused.value.available == 1
        assert refused.value.is_quota
        assert credits_of(user.wallet_id) == 1

    def test_is_exact_to_the_hundredth_after_many(self):
        user = make_api_user(account=make_account(credits=Decimal("1.00")))

        for _ in range(10):
            debit(user, Decimal("0.10"), submission=make_submission(user))

        assert credits_of(user.wallet_id) == 0

    def test_finds_the_purse_of_a_quota_switched_meanwhile(self):
        user = make_api_user(account=make_account(credits=10))
        ledger.set_quota(user.__class__.objects.get(pk=user.pk), Decimal(5), by=None)

        paid = debit(user, Decimal(1), submission=make_submission(user))

        assert paid.wallet_id != user.account.wallet_id
        assert paid.balance == 4

    def test_refuses_a_disabled_user(self):
        user = make_api_user()
        user.__class__.objects.filter(pk=user.pk).update(is_enabled=False)

        with pytest.raises(ledger.InsufficientCredits) as refused:
            debit(user, Decimal(1), submission=make_submission(user))

        assert refused.value.is_closed


class TestQuota:
    def test_moves_credits_out_of_the_account_as_in_the_guide(self):
        user = make_api_user(account=make_account(credits=200))

        ledger.set_quota(user, Decimal(150), by=None)

        assert credits_of(user.account.wallet_id) == 50
        assert credits_of(user.wallet_id) == 150

    @pytest.mark.parametrize(("quota", "left"), [(200, 0), (100, 100), (0, 200), (None, 200)])
    def test_moves_exactly_the_difference(self, quota, left):
        user = make_api_user(account=make_account(credits=200), quota=150)

        ledger.set_quota(user, None if quota is None else Decimal(quota), by=None)

        assert credits_of(user.account.wallet_id) == left
        assert credits_of(user.quota_wallet_id) == (quota or 0)
        assert user.has_quota == (quota is not None)

    def test_can_be_what_the_account_has_plus_what_the_user_holds(self):
        user = make_api_user(account=make_account(credits=200), quota=150)

        with pytest.raises(ledger.InsufficientCredits) as refused:
            ledger.set_quota(user, Decimal("200.01"), by=None)

        assert refused.value.available == 200
        assert credits_of(user.wallet_id) == 150


class TestRefund:
    def test_goes_back_to_the_purse_that_paid_once(self):
        user = make_api_user(account=make_account(credits=10), quota=5)
        message = submission.submit(make_order(user)).submission.messages.get()

        ledger.refund({message: "refused"})

        assert credits_of(user.wallet_id) == 5
        with pytest.raises(IntegrityError), transaction.atomic():
            ledger.refund({message: "refused"})
        assert credits_of(user.wallet_id) == 5

    def test_of_many_goes_to_each_purse_with_an_entry_for_each_message(self):
        account = make_account(credits=20)
        user, other = (make_api_user(account=account, quota=quota) for quota in (5, 7))
        messages = [make_message(user=each) for each in (user, other, user)]

        ledger.refund({message: f"refused {message.pk}" for message in reversed(messages)})

        assert [credits_of(each.wallet_id) for each in (user, other)] == [5, 7]
        entries = LedgerEntry.objects.filter(wallet_id=user.wallet_id, kind="refund")
        assert list(entries.order_by("pk").values_list("message", "balance", "reason")) == [
            (message.pk, balance, f"refused {message.pk}")
            for message, balance in ((messages[2], Decimal(4)), (messages[0], Decimal(5)))
        ]

    def test_of_a_closed_purse_goes_to_the_account(self):
        user = make_api_user(account=make_account(credits=10), quota=5)
        message = submission.submit(make_order(user)).submission.messages.get()
        ledger.set_quota(user, None, by=None)

        ledger.refund({message: "refused"})

        assert credits_of(user.account.wallet_id) == 10


class TestTransfer:
    @pytest.fixture
    def alice(self):
        return make_user("alice@example.com")

    @pytest.fixture
    def giver(self, alice):
        return make_account(owner=alice, credits=10)

    @pytest.fixture
    def receiver(self, alice):
        return make_account(owner=alice, credits=1)

    def test_moves_credits_and_says_from_where_to_where(self, alice, giver, receiver):
        left = ledger.transfer(giver, receiver, Decimal("2.50"), by=alice, reason="Spring mailing")

        assert left == Decimal("7.50")
        assert credits_of(giver.wallet_id) == Decimal("7.50")
        assert credits_of(receiver.wallet_id) == Decimal("3.50")
        assert list(
            LedgerEntry.objects.filter(kind="transfer")
            .order_by("id")
            .values_list("account__name", "credits", "balance", "by__email", "reason")
        ) == [
            (giver.name, Decimal("-2.50"), Decimal("7.50"), alice.email, told("To", receiver)),
            (receiver.name, Decimal("2.50"), Decimal("3.50"), alice.email, told("From", giver)),
        ]

    def test_can_be_all_there_is_and_no_more(self, alice, giver, receiver):
        with pytest.raises(ledger.InsufficientCredits) as refused:
            ledger.transfer(giver, receiver, Decimal("10.01"), by=alice)
        assert refused.value.available == 10

        assert ledger.transfer(giver, receiver, Decimal(10), by=alice) == 0

    def test_leaves_quotas_alone(self, alice, giver, receiver):
        make_api_user(account=giver, quota=4)

        with pytest.raises(ledger.InsufficientCredits) as refused:
            ledger.transfer(giver, receiver, Decimal(7), by=alice)

        assert refused.value.available == 6

    def test_refuses_an_account_of_another_holder(self, alice, giver):
        bobs = make_account(owner=make_user("bob@example.com"), credits=1)

        with pytest.raises(ledger.AnotherHolder):
            ledger.transfer(giver, bobs, Decimal(1), by=alice)

        assert credits_of(giver.wallet_id) == 10
        assert credits_of(bobs.wallet_id) == 1

    def test_refuses_an_account_that_the_holder_only_manages(self, alice, giver):
        bobs = make_account(owner=make_user("bob@example.com"), credits=1)
        bobs.memberships.create(user=alice, role="manager")

        with pytest.raises(ledger.AnotherHolder):
            ledger.transfer(giver, bobs, Decimal(1), by=alice)

    @pytest.mark.parametrize("credits", [0, -1])
    def test_is_above_zero(self, alice, giver, receiver, credits):
        with pytest.raises(ValueError, match="above zero"):
            ledger.transfer(giver, receiver, Decimal(credits), by=alice)

    def test_is_between_two_accounts(self, alice, giver):
        with pytest.raises(ValueError, match="between two accounts"):
            ledger.transfer(giver, giver, Decimal(1), by=alice)

    def test_alerts_where_the_giver_falls_below_a_threshold(self, alice, giver, receiver):
        make_api_user(account=giver, threshold=5)
        make_api_user(account=receiver, threshold=Decimal("0.50"))

        ledger.transfer(giver, receiver, Decimal(6), by=alice)

        assert Alert.objects.get().balance == 4

    def test_is_told_in_the_activity_of_both(self, alice, giver, receiver):
        accounts.transfer(giver, receiver, Decimal(2), by=alice, reason="Spring mailing")

        told = {"credits": "2", "reason": "Spring mailing"}
        assert list(
            Activity.objects.filter(by=alice)
            .order_by("id")
            .values_list("account__name", "action", "after")
        ) == [
            (giver.name, "credits transferred", told | {"to": receiver.name}),
            (receiver.name, "credits received", told | {"from": giver.name}),
        ]

    @pytest.mark.django_db(transaction=True)
    def test_back_and_forth_at_once_loses_nothing(self, alice, giver, receiver):
        def many(one: Account, other: Account) -> None:
            for _ in range(40):
                ledger.transfer(one, other, Decimal("0.01"), by=alice)

        at_once(*(lambda: many(giver, receiver), lambda: many(receiver, giver)) * 4)

        assert credits_of(giver.wallet_id) == 10
        assert credits_of(receiver.wallet_id) == 1


def told(direction: str, account: Account) -> str:
    return f"{direction} {account.name}: Spring mailing"


class TestCrossing:
    @pytest.mark.parametrize(
        ("balance", "threshold", "price", "alerts"),
        [(10, 5, 4, 0), (10, 5, 5, 1), (10, 5, 6, 1), (10, 5, 10, 1), (10, 10, 1, 0), (3, 5, 1, 0)],
    )
    def test_alerts_at_or_below_the_threshold_and_only_then(
        self, balance, threshold, price, alerts
    ):
        user = make_api_user(account=make_account(credits=50), quota=balance, threshold=threshold)
        Alert.objects.all().delete()

        debit(user, Decimal(price), submission=make_submission(user))

        assert Alert.objects.count() == alerts

    def test_alerts_again_only_after_the_level_was_above(self):
        user = make_api_user(account=make_account(credits=50), quota=6, threshold=5)
        debit(user, Decimal(1), submission=make_submission(user))
        debit(user, Decimal(1), submission=make_submission(user))
        assert Alert.objects.count() == 1

        ledger.set_quota(user, Decimal(8), by=None)
        debit(user, Decimal(3), submission=make_submission(user))

        assert Alert.objects.count() == 2

    def test_of_the_account_alerts_each_user_who_shares_it(self):
        account = make_account(credits=10)
        first = make_api_user(account=account, threshold=8)
        make_api_user(account=account, threshold=5)
        make_api_user(account=account, threshold=2)

        debit(first, Decimal(6), submission=make_submission(first))

        assert sorted(Alert.objects.values_list("threshold", flat=True)) == [5, 8]

    def test_by_a_quota_for_somebody_else_counts(self):
        account = make_account(credits=10)
        make_api_user(account=account, threshold=5)

        make_api_user(account=account, quota=6)

        assert Alert.objects.get().balance == 4

    def test_by_getting_a_quota_below_the_threshold_counts(self):
        user = make_api_user(account=make_account(credits=10), threshold=5)

        ledger.set_quota(user, Decimal(3), by=None)

        assert Alert.objects.get().balance == 3


class TestEntries:
    def test_tell_kind_sum_and_balance(self):
        user = make_api_user(account=make_account(credits=10), quota=4)
        debit(user, Decimal("1.25"), submission=make_submission(user))

        assert list(
            LedgerEntry.objects.order_by("id").values_list("kind", "credits", "balance")
        ) == [
            ("top_up", 10, 10),
            ("quota", -4, 6),
            ("quota", 4, 4),
            ("debit", Decimal("-1.25"), Decimal("2.75")),
        ]

    def test_that_do_not_add_up_are_found(self):
        account = make_account(credits=10)
        Wallet.objects.filter(pk=account.wallet_id).update(credits=11)

        assert books.wrong_books() == [(account.wallet_id, Decimal(11), Decimal(10))]

        Wallet.objects.filter(pk=account.wallet_id).update(credits=10)

    @pytest.mark.parametrize(
        ("held", "quota", "reason"),
        [
            (None, 3, "Quota given"),
            (3, 4, "Quota raised"),
            (3, 2, "Quota lowered"),
            (3, None, "Quota switched off"),
        ],
    )
    def test_of_a_quota_say_what_became_of_it_and_who_did_it(self, held, quota, reason):
        alice = make_user("alice@example.com")
        user = make_api_user(account=make_account(credits=10), quota=held)

        api_users.set_quota(user, None if quota is None else Decimal(quota), by=alice)

        last = LedgerEntry.objects.order_by("id").values_list("reason", "by", "api_user")
        assert list(last)[-2:] == [(reason, alice.pk, user.pk)] * 2

    def test_of_a_deleted_user_say_so(self):
        user = make_api_user(quota=3)

        api_users.delete(user, by=None)

        last = LedgerEntry.objects.order_by("id").values_list("reason", flat=True)
        assert list(last)[-2:] == ["API user deleted"] * 2

    def test_of_an_alert_say_for_whom(self):
        make_alerted(SMS)

        alerts.alert_due()

        entry = LedgerEntry.objects.get(kind="debit")
        assert (entry.reason, entry.api_user) == ("Alert for script1", None)

    @pytest.mark.parametrize(
        ("kind", "given"),
        [
            ("top_up", {}),
            ("correction", {}),
            ("transfer", {}),
            ("quota", {"reason": "x"}),
            ("debit", {"reason": "x"}),
            ("refund", {"reason": "x"}),
        ],
    )
    def test_without_why_or_for_what_are_refused(self, kind, given):
        account = make_account(credits=0)
        entry = LedgerEntry.objects.filter(account=account)

        with pytest.raises(IntegrityError, match="says_why_or_for_what"), transaction.atomic():
            LedgerEntry.objects.create(
                account=account,
                wallet_id=account.wallet_id,
                kind=kind,
                credits=1,
                balance=1,
                created_at=account.created_at,
                **given,
            )

        assert not entry.exists()
