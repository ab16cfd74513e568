"""Keys of other tables that have no index of their own beside a longer one."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from sms_accounts.books import is_append_only
from sms_accounts.models import LedgerEntry
from tests.plans import plan_of

migration = import_module("sms_accounts.migrations.0051_no_plain_index_beside_a_longer_one")


@pytest.mark.django_db
def test_goes_back_and_forth_and_leaves_all_else_in_its_place():
    def indexes() -> dict[tuple[str, str], set[str]]:
        return {
            (table, column): migration._indexes_of(connection, table, column)
            for _model, column, table in migration._columns(apps)
        }

    assert len(indexes()) == 5
    assert set(map(len, indexes().values())) == {0}

    with connection.cursor() as cursor:
        # That of SQLite works outside of a transaction only.
        editor = SimpleNamespace(
            connection=connection, quote_name=connection.ops.quote_name, execute=cursor.execute
        )
        migration.add(apps, editor)
        assert set(map(len, indexes().values())) == {1}
        migration.drop(apps, editor)

    assert set(map(len, indexes().values())) == {0}
    assert is_append_only()
    with connection.cursor() as cursor:
        left = connection.introspection.get_constraints(cursor, "sms_accounts_message")
    assert {"messages_of_account", "messages_to_msisdn_of_account"} <= set(left)


payments = import_module("sms_accounts.migrations.0060_fewer_indexes_of_payments")


@pytest.mark.django_db
def test_indexes_of_payments_go_and_come_back_and_entries_stay_protected():
    def plain() -> list[set[str]]:
        of_its_own = {"ledger_of_message", "ledger_of_person"}
        return [
            payments.plain_indexes(connection, table, column) - of_its_own
            for column, table in payments._columns(apps)
        ]

    assert plain() == [set(), set(), set()]

    with connection.cursor() as cursor:
        editor = SimpleNamespace(
            connection=connection, quote_name=connection.ops.quote_name, execute=cursor.execute
        )
        cursor.execute("DROP INDEX ledger_of_message")
        cursor.execute("DROP INDEX ledger_of_person")
        payments.add(apps, editor)
        assert [len(each) for each in plain()] == [1, 1, 1]
        payments.drop(apps, editor)
        left = connection.introspection.get_constraints(cursor, "sms_accounts_ledgerentry")

    assert plain() == [set(), set(), set()]
    assert {"refund_once_per_message", "debit_once_per_submission"} <= set(left)
    assert is_append_only()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("searched", "index"),
    [
        ({"by": 1}, "ledger_of_person"),
        ({"by__in": [1, 2]}, "ledger_of_person"),
        ({"message": 1}, "ledger_of_message"),
        ({"message__in": [1, 2]}, "ledger_of_message"),
    ],
)
def test_the_few_entries_of_a_person_or_a_message_are_found(searched, index):
    """As the database looks for them before one of these is deleted."""
    assert index in plan_of(LedgerEntry.objects.filter(**searched))
