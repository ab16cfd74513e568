"""The commands that put credits in and check the books."""

import io
import json
import threading
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from sms_accounts import ledger, submission
from sms_accounts.models import (
    Account,
    LedgerEntry,
    Message,
    Submission,
    Wallet,
)
from tests import kept_entries
from tests.commands.running import NAME, refused, run
from tests.factories import (
    make_account,
    make_api_user,
    make_order,
    make_submission,
)

Kind = LedgerEntry.Kind


@pytest.mark.django_db
class TestTopUp:
    def test_adds_at_each_call(self):
        make_account(name=NAME, credits=10)

        run("top_up", NAME, "5.50")
        answered = run("top_up", NAME, "5.50", "--reason=Bank transfer")

        assert answered == {
            "account": NAME,
            "credits_added": "5.50",
            "credits_left": "21.00",
            "reference": None,
        }
        assert LedgerEntry.objects.order_by("pk").values_list("reason", flat=True).last() == (
            "Bank transfer"
        )

    def test_adds_once_for_one_reference(self):
        make_account(name=NAME, credits=10)
        run("top_up", NAME, "5", "--reference=inv-1")

        answered = run("top_up", NAME, "5", "--reference=inv-1", "--reason=Again")

        assert answered["credits_added"] == "0.00"
        assert answered["credits_left"] == "15.00"

    @pytest.mark.parametrize("other", ["inv-12", "nv-1", "INV-1"])
    def test_takes_no_reference_for_another(self, other):
        make_account(name=NAME, credits=10)
        run("top_up", NAME, "5", "--reference=inv-1")

        assert run("top_up", NAME, "5", f"--reference={other}")["credits_left"] == "20.00"

    def test_keeps_references_of_accounts_apart(self):
        make_account(name=NAME, credits=10)
        make_account(name="sms-ab12345-3", credits=10)
        run("top_up", NAME, "5", "--reference=inv-1")

        answered = run("top_up", "sms-ab12345-3", "5", "--reference=inv-1")

        assert answered["credits_added"] == "5.00"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("sms-ab12345-9", "5"), "ACCOUNT: there is no account"),
            ((NAME, "0"), "argument N: '0' is no number of credits"),
            ((NAME, "five"), "argument N: 'five' is no number of credits"),
            ((NAME, "1e12"), "argument N: '1e12' is no number of credits"),
            ((NAME, "6", "--reference=inv-1"), "--reference: 'inv-1' has put in 5.00 credits"),
            ((NAME, "5", "--reference=in voice"), "argument --reference: give 1 to 60 letters"),
            ((NAME, "5", "--reason=Paid [inv-2]"), "argument --reason: give 1 to 120 characters"),
        ],
    )
    def test_names_what_is_wrong_and_adds_nothing(self, arguments, sentence):
        account = make_account(name=NAME, credits=10)
        run("top_up", NAME, "5", "--reference=inv-1")

        assert sentence in refused("top_up", *arguments)
        assert Wallet.objects.get(pk=account.wallet_id).credits == 15


@pytest.mark.django_db(transaction=True)
def test_top_ups_with_one_reference_at_the_same_time_add_once():
    make_account(name=NAME, credits=10)
    added: list[object] = []

    def top_up() -> None:
        try:
            added.append(run("top_up", NAME, "5", "--reference=inv-1")["credits_added"])
        finally:
            connection.close()

    threads = [threading.Thread(target=top_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, added)) == ["0.00", "0.00", "0.00", "5.00"]
    assert Account.objects.select_related("wallet").get().wallet.credits == 15


@pytest.mark.django_db
class TestCheckBooks:
    def check(self) -> tuple[dict[str, object], str]:
        printed = io.StringIO()
        try:
            call_command("check_books", stdout=printed)
        except CommandError as error:
            return json.loads(printed.getvalue()), str(error)
        return json.loads(printed.getvalue()), ""

    def test_finds_right_books_right(self):
        user = make_api_user(quota=50)
        receipt = submission.submit(make_order(user, receivers=["33639980004", "33639980005"]))
        message = Message.objects.select_related("submission").get(pk=receipt.message_ids[0])
        ledger.refund({message: "Refused"})

        answered, sentence = self.check()

        assert answered == {
            "ok": True,
            "wallets": 2,
            "entries": 5,
            "submissions": 1,
            "differences": [],
        }
        assert sentence == ""

    def test_finds_a_purse_that_is_off(self):
        user = make_api_user(account=make_account(name=NAME), login="shop", quota=50)
        # Only a hand in the database can do this.
        wallets = Wallet.objects.filter(pk__in=[user.wallet_id, user.account.wallet_id])
        wallets.update(credits=Decimal("7.5"))

        answered, sentence = self.check()

        assert answered["ok"] is False
        assert answered["differences"] == [
            {"what": f"purse of {NAME}", "is": "7.50", "should_be": "150.00"},
            {"what": f"purse of shop in {NAME}", "is": "7.50", "should_be": "50.00"},
        ]
        assert sentence.startswith(f"The books are wrong: purse of {NAME}: 7.50 instead of 150.00")
        wallets.filter(pk=user.wallet_id).update(credits=50)
        wallets.filter(pk=user.account.wallet_id).update(credits=150)

    def test_finds_a_price_a_debit_and_a_refund_that_are_off(self):
        user = make_api_user()
        one = submission.submit(make_order(user))
        other = submission.submit(make_order(user))
        message = Message.objects.select_related("submission").get(pk=other.message_ids[0])
        ledger.refund({message: "Refused"})
        Message.objects.filter(pk=message.pk).update(credits=2)
        Submission.objects.filter(pk=one.submission.pk).update(credits=3)

        answered, _sentence = self.check()

        assert answered["differences"] == [
            {
                "what": f"price of submission {one.submission.pk}",
                "is": "3.00",
                "should_be": "1.00",
            },
            {
                "what": f"price of submission {other.submission.pk}",
                "is": "1.00",
                "should_be": "2.00",
            },
            {
                "what": f"debit of submission {one.submission.pk}",
                "is": "1.00",
                "should_be": "3.00",
            },
            {"what": f"refund of message {message.pk}", "is": "1.00", "should_be": "2.00"},
        ]

    def test_finds_a_submission_that_nobody_paid(self):
        user = make_api_user()
        unpaid = make_submission(user)
        now = timezone.now()
        Message.objects.create(
            account=user.account, submission=unpaid, credits=1, due_at=now, state_since=now
        )

        answered, _sentence = self.check()

        assert answered["differences"] == [
            {"what": f"debit of submission {unpaid.pk}", "is": "0.00", "should_be": "1.00"}
        ]

    def test_finds_movements_between_purses_that_have_one_side_only(self):
        user = make_api_user(account=make_account(name=NAME, credits=0))
        # Only a hand in the database can do this.
        for kind, credits in ((Kind.QUOTA, 2), (Kind.TRANSFER, Decimal("0.5"))):
            LedgerEntry.objects.create(
                account=user.account,
                wallet=user.wallet,
                api_user=user,
                kind=kind,
                credits=credits,
                balance=credits,
                reason="By hand",
                created_at=timezone.now(),
            )
        Wallet.objects.filter(pk=user.wallet_id).update(credits=Decimal("2.5"))

        answered, _sentence = self.check()

        assert answered["differences"] == [
            {"what": f"sum of quota entries of {NAME}", "is": "2.00", "should_be": "0.00"},
            {"what": "sum of transfer entries", "is": "0.50", "should_be": "0.00"},
        ]

    def test_finds_entries_that_could_be_changed(self):
        away, _back = kept_entries.triggers()
        with connection.cursor() as cursor:
            for statement in away:
                cursor.execute(statement)

        _answered, sentence = self.check()

        assert sentence == (
            "The books are wrong: protection of ledger entries: missing instead of in place."
        )

    def test_asks_the_database_as_often_for_many_as_for_few(self, django_assert_num_queries):
        make_api_user(quota=5)
        with django_assert_num_queries(14):
            self.check()
        for _ in range(5):
            submission.submit(make_order(make_api_user(quota=5)))
        with django_assert_num_queries(14):
            self.check()
