"""Orders of remembered callers are stored in one round trip, or as carefully as all others."""

import itertools
import re
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from sms_accounts import api_users, at_once, books, ledger, order_rows, orders, submission
from sms_accounts.models import Alert, ApiUser, LedgerEntry, Message, Submission, Wallet
from sms_accounts.submission import Receipt
from tests.factories import make_account, make_api_user, make_order
from tests.sign_ins import remembered
from tests.test_races import all_at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="With SQLite there are no round trips to spare."
    ),
]

TWO = ["33639980004", "33639980005"]


def order(user: ApiUser, **more: Any) -> orders.Order:
    """An order as it comes in from somebody who is remembered."""
    caller = remembered(user)
    return make_order(caller.user, **more)._replace(judged_by=caller)


def store(*asked: orders.Order) -> list[Any]:
    return submission.store_each([orders.priced(one) for one in asked])


def spendable(user: ApiUser) -> Decimal:
    return Wallet.objects.get(pk=user.wallet_id).spendable


@pytest.fixture
def careful(monkeypatch):
    """How often orders were stored step by step."""
    rounds = []
    stored = submission._Round.store

    def counted(one):
        rounds.append(one)
        return stored(one)

    monkeypatch.setattr(submission._Round, "store", counted)
    return rounds


@pytest.fixture
def user() -> ApiUser:
    """A user with a quota of 10 whose purse has been seen once, before 3 were spent."""
    user = make_api_user(quota=13)
    store(*[order(user) for _ in range(3)])
    return user


class TestOneTrip:
    def test_is_enough_for_a_purse_that_was_seen(self, user, careful):
        outcomes = store(order(user), order(user, receivers=TWO), order(user))

        assert careful == []
        assert [one.credits_left for one in outcomes] == [9, 7, 6]
        assert [len(one.message_ids) for one in outcomes] == [1, 2, 1]
        assert spendable(user) == 6
        entries = LedgerEntry.objects.filter(kind="debit").order_by("pk")
        told = [(int(one.credits), int(one.balance), one.submission_id) for one in entries][-3:]
        ids = [one.submission_id for one in outcomes]
        assert told == [(-1, 9, ids[0]), (-2, 7, ids[1]), (-1, 6, ids[2])]
        assert books.wrong_books() == []

    def test_stores_what_is_stored_step_by_step(self, user):
        careful = Submission.objects.latest("pk").pk
        [receipt] = store(order(user))

        its_own = {"id", "created_at", "due_at", "state_since", "submission_id", "balance"}
        for model, key in (
            (Submission, "pk"),
            (Message, "submission"),
            (LedgerEntry, "submission"),
        ):
            rows: Any = model._default_manager.filter(
                **{f"{key}__in": [careful, receipt.submission_id]}
            )
            before, now = rows.order_by("pk").values()
            assert {name for name in before if before[name] != now[name]} <= its_own

    def test_gives_rising_keys_and_each_once(self, user, careful):
        outcomes = [
            *store(order(user), order(user)),
            *store(*[order(user)] * 3),
            *store(order(user)),
        ]

        assert careful == []
        for keys in (
            [one.submission_id for one in outcomes],
            [pk for one in outcomes for pk in one.message_ids],
        ):
            assert keys == sorted(set(keys))

    def test_keeps_keys_for_much_also_after_little(self, user, careful, monkeypatch):
        monkeypatch.setattr(at_once, "KEYS_KEEP_FOR", timedelta(minutes=1))
        store(*[order(user)] * 3)
        store(order(user))
        monkeypatch.setattr(order_rows.MESSAGES, "next_ids", None)

        store(*[order(user)] * 3)

        assert careful == []

    def test_keeps_no_keys_for_later(self, user, monkeypatch):
        monkeypatch.setattr(at_once, "KEYS_KEEP_FOR", timedelta(0))
        store(order(user))
        [of_another_process] = order_rows.MESSAGES.next_ids(1)()

        [later] = store(order(user))

        assert later.message_ids[0] > of_another_process

    def test_stores_nothing_where_the_database_refuses_a_part(self, user, monkeypatch):
        rows = order_rows.messages
        monkeypatch.setattr(
            at_once, "messages", lambda *given: [(*row[:-1], -1) for row in rows(*given)]
        )

        with pytest.raises(IntegrityError):
            store(order(user))

        assert Submission.objects.count() == 3
        assert spendable(user) == 10

    def test_charges_many_purses_each_for_its_own(self, careful):
        users = [make_api_user(quota=5 + number) for number in range(4)]
        store(*map(order, users))
        careful.clear()

        outcomes = store(*[order(user) for user in (*users, *users)])

        assert careful == []
        assert [one.credits_left for one in outcomes] == [3, 4, 5, 6, 2, 3, 4, 5]
        assert [spendable(user) for user in users] == [2, 3, 4, 5]


class TestAllIsDoneCarefully:
    def test_where_another_process_has_spent_the_rest(self, user):
        for _ in range(8):
            submission.submit(make_order(user))
        at_once.remember(user.wallet_id, Decimal(10))

        outcomes = store(*[order(user) for _ in range(3)])

        assert [isinstance(one, Receipt) for one in outcomes] == [True, True, False]
        assert isinstance(outcomes[2], ledger.InsufficientCredits)
        assert spendable(user) == 0
        assert Submission.objects.count() == Message.objects.count() == 13

    def test_where_an_alert_is_due(self):
        user = make_api_user(quota=13, threshold=10)
        store(order(user))
        # The threshold was lower when the purse was last seen.
        at_once.remember(user.wallet_id, Decimal(12))

        outcomes = store(*[order(user) for _ in range(3)])

        assert [one.credits_left for one in outcomes] == [11, 10, 9]
        assert Alert.objects.get().balance == 10

    def test_where_a_reserve_must_stay(self):
        account = make_account(credits=5)
        user = make_api_user(account=account)
        store(order(user))
        Wallet.objects.filter(pk=account.wallet_id).update(reserve=3)
        at_once.remember(user.wallet_id, Decimal(4))

        outcomes = store(order(user), order(user))

        assert [isinstance(one, Receipt) for one in outcomes] == [True, False]

    @pytest.mark.parametrize(
        "change",
        [
            lambda user: api_users.set_restrictions(user, ["192.0.2.1"], by=None),
            lambda user: api_users.set_quota(user, Decimal(20), by=None),
            lambda user: api_users.set_enabled(user, False, by=None),
        ],
        ids=["restricted", "quota changed", "disabled"],
    )
    def test_where_the_caller_has_changed(self, user, change):
        outdated = order(user)
        other = make_api_user()
        store(order(other))
        change(ApiUser.objects.get(pk=user.pk))
        before = spendable(ApiUser.objects.get(pk=user.pk))

        outcomes = store(outdated, order(other))

        assert isinstance(outcomes[1], Receipt)
        assert not isinstance(outcomes[0], Receipt)
        assert spendable(ApiUser.objects.get(pk=user.pk)) == before

    def test_where_one_of_two_calls_of_a_user_was_judged_before_a_change(self, user):
        before = order(user)
        api_users.set_restrictions(user, ["192.0.2.1"], by=None)

        outcomes = store(before, order(user))

        assert isinstance(outcomes[0], submission.Outdated)
        assert outcomes[1].credits_left == 9

    def test_where_there_is_a_transaction_already(self, user, careful):
        with transaction.atomic():
            [receipt] = store(order(user))

        assert len(careful) == 1
        assert receipt.credits_left == 9

    def test_where_there_is_a_key_or_a_pace(self, user, careful):
        paced = make_api_user()
        ApiUser.objects.filter(pk=paced.pk).update(messages_a_minute=100)
        store(order(paced))
        careful.clear()

        store(order(paced))
        store(order(user)._replace(idempotency_key="a key"))

        assert len(careful) == 2


def test_of_one_purse_no_more_is_taken_than_it_holds_however_it_is_taken():
    user = make_api_user(account=make_account(credits=500), quota=50)
    store(order(user))

    def some(number: int) -> int:
        asked = order(user) if number % 2 else make_order(user)
        # What is remembered is wrong as soon as others spend.
        at_once.remember(user.wallet_id, Decimal(50))
        return sum(isinstance(one, Receipt) for one in store(asked, asked))

    accepted = all_at_once([partial(some, number) for number in range(60)])

    assert sum(accepted) == 49
    assert spendable(user) == 0
    assert Message.objects.count() == Submission.objects.count() == 50
    assert books.wrong_books() == []


@pytest.mark.parametrize("of_several", [False, True])
def test_rows_are_found_by_their_keys_however_old_the_plan_is(user, of_several):
    """The plan is kept, and may be made of tables in which there was next to nothing."""
    numbers = itertools.count(1)
    statement = re.sub(
        "%s", lambda _: f"${next(numbers)}", at_once._statement(of_several=of_several)
    )
    nothing = ", ".join(["NULL"] * (next(numbers) - 1))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(f"PREPARE store AS {statement}")
        cursor.execute(f"EXPLAIN EXECUTE store ({nothing})")
        plan = "\n".join(row for (row,) in cursor.fetchall())
        cursor.execute("DEALLOCATE store")

    assert "sms_accounts_apiuser_pkey" in plan
    assert "sms_accounts_wallet_pkey" in plan
    assert "Seq Scan" not in plan
    assert "api_user_login" not in plan
