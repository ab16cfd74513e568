"""From a request to stored, paid messages."""

from decimal import Decimal
from typing import Any

import pytest

from sms_accounts import api_users, ledger, orders, submission
from sms_accounts.models import LedgerEntry, Message, Rate, Sender, Submission
from tests.factories import MSISDN, SENDER, make_account, make_api_user, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_api_user(account=make_account(credits=10_000))


class TestPrice:
    @pytest.mark.parametrize(
        ("number", "credits"),
        [
            pytest.param("33123456789", "1.00", id="the rate for all"),
            pytest.param("33639980004", "0.35", id="the longest prefix"),
            pytest.param("33612345678", "0.50", id="a shorter prefix"),
            pytest.param("442079460123", "2.05", id="another country"),
        ],
    )
    def test_is_that_of_the_longest_matching_prefix(self, user, number, credits):
        for prefix, rate in (("336", "0.50"), ("33639", "0.35"), ("33640", "9"), ("44", "2.05")):
            Rate.objects.create(prefix=prefix, credits=Decimal(rate))

        quote = orders.quote(make_order(user, receivers=[number]))

        assert quote.credits == {number: Decimal(credits)}

    def test_is_parts_times_rate_for_each_receiver(self, user):
        Rate.objects.create(prefix="44", credits=Decimal("2.05"))

        quote = orders.quote(make_order(user, text="x" * 307, receivers=[MSISDN, "442079460123"]))

        assert quote.length.parts == 3
        assert quote.credits == {MSISDN: 3, "442079460123": Decimal("6.15")}
        assert quote.total == Decimal("9.15")

    def test_counts_the_stop_clause(self, user):
        order = make_order(user, text="x" * 150)

        assert orders.quote(order).total == 1
        assert orders.quote(order._replace(stop_clause=True)).total == 2

    def test_is_that_of_unicode_where_it_was_asked_for(self, user):
        order = make_order(user, text="x" * 71)

        assert orders.quote(order).total == 1
        assert orders.quote(order._replace(unicode=True)).total == 2

    def test_is_asked_without_storing_or_paying_anything(self, user):
        orders.quote(make_order(user))

        assert not Submission.objects.exists()
        assert user.account.wallet.credits == 10_000


class TestReceivers:
    def test_are_charged_once_in_whatever_form_they_are_repeated(self, user):
        quote = orders.quote(
            make_order(user, receivers=["0033639980004", "+33 6 39 98 00 04", "33639980004"])
        )

        assert quote.total == 1

    def test_keep_their_order_and_ids_rise_with_it(self, user):
        numbers = [str(33639980000 + step * 7 % 100) for step in range(100)]

        receipt = submission.submit(make_order(user, receivers=numbers))

        found = Message.objects.in_bulk(receipt.message_ids)
        assert [found[message_id].msisdn for message_id in receipt.message_ids] == numbers
        assert list(receipt.message_ids) == sorted(receipt.message_ids)

    def test_that_are_none_or_have_no_rate_are_named_as_given(self, user):
        Rate.objects.all().delete()
        Rate.objects.create(prefix="33", credits=1)

        receipt = submission.submit(
            make_order(user, receivers=["06 39", f"+{MSISDN}", "+44 20 7946 0123"])
        )

        assert receipt.invalid == ("06 39", "+44 20 7946 0123")
        assert Message.objects.get().msisdn == MSISDN

    def test_may_be_a_thousand_and_no_more(self, user):
        numbers = [str(33639980000 + number) for number in range(1001)]

        with pytest.raises(orders.TooManyReceivers):
            submission.submit(make_order(user, receivers=numbers))
        assert (
            len(submission.submit(make_order(user, receivers=numbers[:1000])).message_ids) == 1000
        )


class TestAccepted:
    def test_stores_what_was_asked_and_who_paid(self, user):
        order = make_order(user, text="Hi", tag="night")._replace(
            message_class=0,
            stop_clause=True,
            address="192.0.2.1",
        )

        receipt = submission.submit(order)

        stored = Submission.objects.get()
        assert receipt.submission == stored
        assert stored.text == "Hi\nSTOP 36184"
        assert (stored.tag, stored.message_class, stored.address) == ("night", 0, "192.0.2.1")
        assert (stored.coding, stored.parts) == ("gsm7", 1)
        assert stored.credits == 1
        assert stored.wallet_id == user.wallet_id
        message = stored.messages.get()
        assert (message.state, message.due_at) == ("queued", stored.created_at)
        assert receipt.credits_left == 9999

    def test_tells_what_is_left_of_the_quota(self):
        user = make_api_user(quota=7)

        assert submission.submit(make_order(user)).credits_left == 6

    def test_names_the_purse_that_paid_where_a_quota_came_meanwhile(self, user):
        api_users.set_quota(type(user).objects.get(pk=user.pk), Decimal(5), by=None)

        receipt = submission.submit(make_order(user))

        user.refresh_from_db()
        assert receipt.submission.wallet_id == user.quota_wallet_id
        assert Submission.objects.get().wallet_id == user.quota_wallet_id

    def test_by_the_account_itself_is_paid_by_the_account(self):
        user = make_api_user(quota=7)
        order = make_order(user)._replace(api_user=None, channel=Submission.Channel.PANEL)

        assert submission.submit(order).credits_left == 192


REFUSALS: list[tuple[dict[str, Any], object]] = [
    ({"sender": "Unknown"}, orders.SenderNotEnabled),
    ({"sender": ""}, orders.NoSender),
    ({"sender": "a\0"}, orders.SenderNotEnabled),
    ({"sender": SENDER.lower()}, orders.SenderNotEnabled),
    ({"receivers": []}, orders.NoValidReceiver),
    ({"receivers": ["1", "x"]}, orders.NoValidReceiver),
    ({"receivers": [MSISDN] * 1001}, orders.TooManyReceivers),
    ({"text": ""}, orders.TextNotUsable),
    ({"text": " \n\t"}, orders.TextNotUsable),
    ({"text": "a\0b"}, orders.TextNotUsable),
    ({"text": "a\ud800b"}, orders.TextNotUsable),
    ({"text": "x" * 919}, orders.TextNotUsable),
    ({"text": "ç" * 403}, orders.TextNotUsable),
    ({"text": "x" * 918, "stop_clause": True}, orders.TextNotUsable),
    ({"tag": "x" * 21}, orders.TagNotUsable),
    ({"tag": "\0"}, orders.TagNotUsable),
    ({"receivers": [MSISDN] + [str(33639980000 + n) for n in range(90)]}, "too dear"),
]


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "outcome"),
        [
            pytest.param(changes, outcome, id=f"{number} {'+'.join(changes)}")
            for number, (changes, outcome) in enumerate(REFUSALS)
        ],
    )
    def test_leaves_nothing_behind(self, changes, outcome):
        user = make_api_user(account=make_account(credits=50))
        expected = ledger.InsufficientCredits if outcome == "too dear" else outcome

        with pytest.raises(expected):
            submission.submit(make_order(user)._replace(**changes))

        assert not Submission.objects.exists()
        assert not Message.objects.exists()
        assert not LedgerEntry.objects.filter(kind="debit").exists()
        user.wallet.refresh_from_db()
        assert user.wallet.credits == 50

    def test_longest_text_and_tag_are_just_right(self, user):
        submission.submit(make_order(user, text="x" * 918, tag="x" * 20))

        assert Submission.objects.get().parts == 6

    def test_sender_of_another_account_is_not_ours(self, user):
        make_account(sender="Others")

        with pytest.raises(orders.SenderNotEnabled):
            submission.submit(make_order(user, sender="Others"))

    @pytest.mark.parametrize("status", ["waiting", "refused"])
    def test_sender_needs_to_be_enabled(self, user, status):
        Sender.objects.create(account=user.account, name="NewName", status=status)

        with pytest.raises(orders.SenderNotEnabled):
            submission.submit(make_order(user, sender="NewName"))

    def test_used_up_quota_is_told_apart_from_an_empty_account(self):
        user = make_api_user(quota=0)

        with pytest.raises(ledger.InsufficientCredits) as refused:
            submission.submit(make_order(user))

        assert refused.value.is_quota

    def test_quota_is_never_filled_up_from_the_account(self):
        user = make_api_user(account=make_account(credits=200), quota=1)

        with pytest.raises(ledger.InsufficientCredits):
            submission.submit(make_order(user, receivers=[MSISDN, "33639980001"]))

        assert not Message.objects.exists()
