"""Keys of callers: one charge and one answer for a call, however often and when it comes."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import idempotency, ledger, submission
from sms_accounts.models import IdempotencyKey, LedgerEntry, Message, Sender, Submission, Wallet
from tests.factories import make_account, make_api_user, make_order
from tests.http2sms_calls import ask, get, words
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_api_user(account=make_account(credits=10))


class TestSameCall:
    @pytest.mark.parametrize(
        "content_type", ["text/plain", "text/html", "text/xml", "application/json"]
    )
    def test_has_the_same_answer_and_one_charge(self, client, user, content_type):
        call = {
            "idempotencyKey": "order-1",
            "to": "33639980004,1,33639980001",
            "contentType": content_type,
        }

        first = get(client, user, **call)
        # What it could spend now is another figure; the answer stays the first one.
        get(client, user)
        again = get(client, user, **call)

        assert again.content == first.content
        assert Message.objects.count() == 3
        assert Wallet.objects.get(pk=user.wallet_id).credits == 7

    def test_may_ask_for_another_format(self, client, user):
        first = get(client, user, idempotencyKey="a", contentType="application/json").json()

        again = get(client, user, idempotencyKey="a").content.decode()

        assert again == f"OK\n{first['creditLeft']}\n{first['smsIds'][0]}"

    def test_may_give_the_key_in_a_header(self, client, user):
        first = get(client, user, headers={"Idempotency-Key": "clé"})

        again = get(client, user, idempotencyKey="clé")

        assert again.content == first.content
        assert Submission.objects.count() == 1

    def test_may_come_by_post(self, client, user):
        first = get(client, user, idempotencyKey="a")

        again = client.post("/http2sms", words(user, idempotencyKey="a"))

        assert again.content == first.content

    def test_counts_also_when_it_could_not_be_accepted_any_more(self, client, user):
        now = timezone.now()
        deferred = (now + timedelta(minutes=10)).strftime("%H%M%d%m%Y")
        first = get(client, user, idempotencyKey="a", deferred=deferred)
        Sender.objects.update(status="refused")
        ledger.take_back(user.account, Decimal(9), by=None, reason="Test")

        with time_machine.travel(now + timedelta(hours=1)):
            again = get(client, user, idempotencyKey="a", deferred=deferred)

        assert again.content == first.content

    def test_is_tried_anew_where_it_was_refused_before(self, client, user):
        user.account.wallet.refresh_from_db()
        ledger.take_back(user.account, Decimal(10), by=None, reason="Test")
        assert ask(client, user, idempotencyKey="a") == (202, "Not enough credits")
        ledger.top_up(user.account, Decimal(1), by=None, reason="Test")

        assert ask(client, user, idempotencyKey="a")[0] == 100

    def test_is_a_new_one_after_a_day(self, client, user):
        first = get(client, user, idempotencyKey="a")

        with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
            later = get(client, user, idempotencyKey="a")

        assert later.content != first.content
        assert Submission.objects.count() == 2
        assert IdempotencyKey.objects.count() == 1

    def test_needs_the_right_password(self, client, user):
        get(client, user, idempotencyKey="a")

        assert ask(client, user, idempotencyKey="a", password="Secret9999") == (
            202,
            "Invalid credentials",
        )


class TestOtherCall:
    @pytest.mark.parametrize(
        "change",
        [
            {"to": "33639980001"},
            {"to": "33639980004,33639980001"},
            {"message": "Another text"},
            {"noStop": "0"},
            {"class": "0"},
            {"smsCoding": "2"},
            {"tag": "a"},
            {"deferred": "125025112030"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_with_the_same_key_is_refused(self, client, user, change):
        get(client, user, idempotencyKey="a")

        assert ask(client, user, idempotencyKey="a", **change) == (
            202,
            "Invalid idempotencyKey: it came before, with other parameters",
        )
        assert Submission.objects.count() == 1

    def test_of_another_user_with_the_same_key_is_another_one(self, client, user):
        other = make_api_user(account=user.account)
        get(client, user, idempotencyKey="a")

        assert ask(client, other, idempotencyKey="a")[0] == 100
        assert Submission.objects.count() == 2

    def test_with_another_key_is_another_one(self, client, user):
        for key in ("a", "A", "a ", ""):
            assert ask(client, user, idempotencyKey=key)[0] == 100

        assert Submission.objects.count() == 4

    def test_with_two_keys_contradicts_itself(self, client, user):
        response = get(client, user, idempotencyKey="a", headers={"Idempotency-Key": "b"})

        assert response.content == (
            b"KO\nInvalid idempotencyKey: it came twice with different values\n"
        )


def keyed(user, key):
    return make_order(user)._replace(idempotency_key=key)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.mark.parametrize("credits", [5, 100], ids=["all of them paid", "plenty left"])
    def test_is_charged_once_and_answered_alike(self, credits):
        user = make_api_user(account=make_account(credits=credits))

        for key in "abcde":
            receipts = at_once(*[lambda: submission.submit(keyed(user, key))] * 8)  # noqa: B023

            assert len({receipt.message_ids for receipt in receipts}) == 1
            assert len({receipt.credits_left for receipt in receipts}) == 1
        assert LedgerEntry.objects.filter(kind="debit").count() == 5
        assert Message.objects.count() == 5


class TestPurge:
    def test_forgets_keys_of_more_than_a_day(self, user):
        with time_machine.travel("2026-11-24 12:00:00Z", tick=False) as clock:
            for key in ("old", "older"):
                submission.submit(keyed(user, key))
            clock.shift(timedelta(hours=24))
            submission.submit(keyed(user, "new"))

            assert idempotency.purge() == 2

        assert IdempotencyKey.objects.get().key == "new"
        assert Submission.objects.count() == 3


def test_fingerprint_tells_nothing_of_the_text():
    assert "Hello" not in idempotency.fingerprint({"text": "Hello"})
