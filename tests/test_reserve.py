"""The reserve: credits of an account that alert SMS alone may use."""

from decimal import Decimal

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from sms_accounts import accounts, alerts, api_users, ledger, submission
from sms_accounts.models import Activity, LedgerEntry, Submission, Wallet
from tests.alerted import SMS, credits_of
from tests.factories import make_account, make_alert, make_api_user, make_order, make_user

pytestmark = pytest.mark.django_db


def make_reserved(credits=10, *, reserve=4, **given):
    account = make_account(credits=credits, **given)
    accounts.set_reserve(account, Decimal(reserve), by=None)
    return account


class TestReserve:
    def test_is_not_there_for_users_of_the_account(self):
        user = make_api_user(account=make_reserved(10, reserve=4))

        receipt = submission.submit(make_order(user, text="x" * 307, receivers=["33639980004"]))

        assert receipt.credits_left == 3
        with pytest.raises(ledger.InsufficientCredits) as refused:
            submission.submit(make_order(user, text="x" * 460))
        assert refused.value.available == 3
        assert not refused.value.is_quota
        assert credits_of(user.wallet_id) == 7

    def test_lets_the_rest_be_spent_to_the_last_credit(self):
        user = make_api_user(account=make_reserved(10, reserve=4))

        for _ in range(6):
            submission.submit(make_order(user))

        assert credits_of(user.wallet_id) == 4
        with pytest.raises(ledger.InsufficientCredits) as refused:
            submission.submit(make_order(user))
        assert refused.value.available == 0

    def test_pays_an_alert_sms_where_nothing_else_is_left(self):
        account = make_reserved(5, reserve=5)
        user = make_api_user(account=account, threshold=5, support=SMS)
        user.alerts.all().delete()
        make_alert(user, balance=0)

        alerts.alert_due()

        assert credits_of(account.wallet_id) == 4
        sent = Submission.objects.get()
        assert sent.channel == "alert"
        assert LedgerEntry.objects.get(submission=sent).reason == f"Alert for {user.login}"
        assert mail.outbox == []

    def test_that_is_used_up_leaves_the_email(self):
        account = make_reserved(1, reserve=5)
        user = make_api_user(account=account, threshold=5, support=SMS)
        user.alerts.all().delete()
        make_alert(user, balance=0)
        make_alert(user, balance=0)

        alerts.alert_due()

        assert credits_of(account.wallet_id) == 0
        assert len(mail.outbox) == 1

    def test_cannot_be_given_as_a_quota(self):
        user = make_api_user(account=make_reserved(10, reserve=4))

        with pytest.raises(ledger.InsufficientCredits) as refused:
            api_users.set_quota(user, Decimal(7), by=None)
        assert refused.value.available == 6

        api_users.set_quota(user, Decimal(6), by=None)
        assert credits_of(user.account.wallet_id) == 4

    def test_cannot_be_given_to_another_account(self):
        alice = make_user()
        giver, receiver = make_reserved(10, reserve=4, owner=alice), make_account(owner=alice)

        with pytest.raises(ledger.InsufficientCredits) as refused:
            accounts.transfer(giver, receiver, Decimal(7), by=alice)
        assert refused.value.available == 6

        assert accounts.transfer(giver, receiver, Decimal(6), by=alice) == 4

    def test_holds_nothing_back_from_staff_who_correct(self):
        account = make_reserved(10, reserve=4)

        assert ledger.take_back(account, Decimal(10), by=None, reason="Mistake") == 0

    def test_above_what_the_account_has_lets_it_be_filled_but_not_spent(self):
        account = make_reserved(2, reserve=20)
        user = make_api_user(account=account)

        with pytest.raises(ledger.InsufficientCredits) as refused:
            submission.submit(make_order(user))
        assert refused.value.available == 0

        ledger.top_up(account, Decimal(5), by=None, reason="Invoice")
        assert credits_of(account.wallet_id) == 7

    def test_of_the_account_does_not_bind_a_quota(self):
        user = make_api_user(account=make_reserved(10, reserve=4), quota=3)

        for _ in range(3):
            submission.submit(make_order(user))

        assert credits_of(user.wallet_id) == 0

    def test_counts_for_the_level_at_which_users_of_the_account_are_told(self):
        user = make_api_user(account=make_reserved(10, reserve=4), threshold=5)

        submission.submit(make_order(user))

        alert = user.alerts.get()
        assert alert.threshold == 5
        assert alert.balance == 5

    def test_that_rises_tells_those_whose_level_it_leaves_them_at(self):
        user = make_api_user(account=make_account(credits=10), threshold=5)

        accounts.set_reserve(user.account, Decimal(5), by=None)

        assert user.alerts.get().balance == 5

    def test_that_stays_changes_and_tells_nothing(self):
        account = make_reserved(10, reserve=4)
        make_api_user(account=account, threshold=7)

        assert not accounts.set_reserve(account, Decimal(4), by=None)

        assert Activity.objects.filter(action="reserve changed").count() == 1
        assert account.alerts.count() == 1

    def test_says_in_the_activity_what_it_was_and_is(self):
        account = make_reserved(10, reserve=4)

        accounts.set_reserve(account, Decimal("2.50"), by=None)

        change = Activity.objects.filter(action="reserve changed").latest("pk")
        assert (change.before, change.after) == ({"credits": "4.00"}, {"credits": "2.50"})

    def test_is_never_below_zero(self):
        account = make_account()

        with pytest.raises(ValueError, match="below zero"):
            ledger.set_reserve(account, Decimal(-1))
        with pytest.raises(IntegrityError), transaction.atomic():
            Wallet.objects.filter(pk=account.wallet_id).update(reserve=Decimal(-1))

    def test_is_left_out_of_a_receipt_that_is_given_again(self):
        user = make_api_user(account=make_reserved(10, reserve=4))
        order = make_order(user)._replace(idempotency_key="once")

        receipts = [submission.submit(order) for _ in range(2)]

        assert [receipt.credits_left for receipt in receipts] == [5, 5]
