"""Rows that are stored at once are as if Django had stored them one by one."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from sms_accounts.bulk import Changes, Table, together
from sms_accounts.models import CallbackAttempt, Message, Submission
from tests.factories import make_api_user, make_callback, make_message, make_submission

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
TABLE = Table(
    Message, "id", "account_id", "submission_id", "msisdn", "credits", "state", "due_at",
    "state_since",
)  # fmt: skip


@pytest.fixture
def submission():
    return make_submission(make_api_user())


def row(submission: Submission, key: int, *, msisdn: str = "33639980004") -> tuple[object, ...]:
    account = submission.account_id
    return (key, account, submission.pk, msisdn, Decimal("1.25"), "queued", AT, AT)


def fields(message: Message) -> dict[str, object]:
    return {
        field.attname: getattr(message, field.attname)
        for field in Message._meta.concrete_fields
        if field.attname != "id"
    }


def test_the_rows_are_those_of_django(submission):
    usual = Message.objects.create(
        account=submission.account,
        submission=submission,
        msisdn="33639980004",
        credits=Decimal("1.25"),
        due_at=AT,
        state_since=AT,
    )
    usual.refresh_from_db()

    with transaction.atomic():
        [key] = TABLE.next_ids(1)()
        TABLE.insert([row(submission, key)])

    assert fields(Message.objects.get(pk=key)) == fields(usual)


@pytest.mark.parametrize(
    "duration", [None, timedelta(0), timedelta(microseconds=1), timedelta(days=2, seconds=3.5)]
)
def test_durations_come_back_as_they_were(duration):
    callback = make_callback("https://www.example.com/dlr", message=make_message())
    table = Table(CallbackAttempt, "callback_id", "at", "duration")

    table.insert([(callback.pk, AT, duration)])

    assert callback.attempts.get().duration == duration


def test_texts_come_back_as_they_were(submission):
    texts = ["€ [x] \\ \n\t'\"", "日本 \U0001f600", "{},\\N"]
    table = Table(
        Submission, "id", "account_id", "api_user_id", "wallet_id", "channel", "sender", "text",
        "coding", "parts", "tag", "credits", "address", "created_at",
    )  # fmt: skip

    with transaction.atomic():
        keys = table.next_ids(len(texts))()
        table.insert(
            (
                key, submission.account_id, submission.api_user_id, submission.wallet_id,
                "http2sms", "Example", text, "gsm7", 1, "", 1, "2001:db8::1", AT,
            )
            for key, text in zip(keys, texts, strict=True)
        )  # fmt: skip

    stored = Submission.objects.in_bulk(keys)
    assert [stored[key].text for key in keys] == texts
    assert stored[keys[0]].address == "2001:db8::1"
    assert stored[keys[0]].created_at == AT


def test_keys_are_never_given_twice_and_rise(submission):
    with transaction.atomic():
        first = TABLE.next_ids(3)()
        TABLE.insert(row(submission, key) for key in first)
        second = TABLE.next_ids(2)()
        TABLE.insert(row(submission, key) for key in second)

    later = Message.objects.create(
        account=submission.account, submission=submission, msisdn="1", credits=1,
        due_at=AT, state_since=AT,
    )  # fmt: skip
    assert [*first, *second, later.pk] == sorted({*first, *second, later.pk})


def test_nothing_is_stored_where_the_transaction_fails(submission):
    def store_one_twice() -> None:
        with transaction.atomic(), together():
            [key] = TABLE.next_ids(1)()
            TABLE.insert([row(submission, key), row(submission, key)])

    with pytest.raises(IntegrityError):
        store_one_twice()

    assert not Message.objects.exists()


def test_of_no_rows_nothing_is_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        TABLE.insert([])


class TestChanges:
    CHANGES = Changes(
        Message, "state", "ptt", "carrier_code", "final_at", "credits", still=("state", "ptt")
    )

    def test_give_each_row_values_of_its_own_where_it_is_still_as_told(self, submission):
        first, second, other = _stored(submission, 3)
        Message.objects.filter(pk=other).update(ptt=4)

        changed = self.CHANGES.store(
            [
                (first, "queued", None, "rejected", 20, "a 'b' \\ €", AT, Decimal("2.50")),
                (second, "queued", None, "enroute", 3, "", None, Decimal(0)),
                (other, "queued", None, "delivered", 4, "", AT, Decimal(0)),
            ]
        )

        assert changed == {first, second}
        rows = Message.objects.order_by("pk").values_list(
            "state", "ptt", "carrier_code", "final_at", "credits"
        )
        assert list(rows) == [
            ("rejected", 20, "a 'b' \\ €", AT, Decimal("2.50")),
            ("enroute", 3, "", None, 0),
            ("queued", 4, "", None, Decimal("1.25")),
        ]

    @pytest.mark.django_db(transaction=True)
    def test_change_all_rows_or_none(self, submission):
        first, second = _stored(submission, 2)
        changes = Changes(Message, "due_at", still=("state",))

        with pytest.raises(IntegrityError):
            changes.store([(first, "queued", AT + timedelta(1)), (second, "queued", None)])

        assert set(Message.objects.values_list("due_at", flat=True)) == {AT}

    def test_of_no_rows_ask_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert self.CHANGES.store([]) == set()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps no plans")
def test_rows_are_found_by_their_keys_however_old_the_plan_is(submission):
    """A plan that is kept is made for some rows, of a table of which no figures are known yet."""
    [key] = _stored(submission, 1)
    columns = ", ".join(
        f'"{field.column}"' for field in Message._meta.concrete_fields if field.name != "id"
    )
    changes = Changes(Message, "ptt", still=("state",))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO sms_accounts_message ({columns}) SELECT {columns}"  # noqa: S608
            " FROM sms_accounts_message, generate_series(1, 5000) WHERE id = %s",
            [key],
        )
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        numbers = itertools.count(1)
        statement = re.sub("%s", lambda _: f"${next(numbers)}", changes._change_all)
        cursor.execute(f"PREPARE change (json, bigint[]) AS {statement}")
        cursor.execute("EXPLAIN EXECUTE change ('[]', '{}')")
        plan = "\n".join(row for (row,) in cursor.fetchall())

    assert "Seq Scan on sms_accounts_message" not in plan
    assert "sms_accounts_message_pkey" in plan


def _stored(submission: Submission, count: int) -> list[int]:
    with transaction.atomic():
        keys = TABLE.next_ids(count)()
        TABLE.insert([row(submission, key) for key in keys])
    return keys
