"""Keys of other tables that have no index of their own beside a longer one."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from sms_accounts.books import is_append_only

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
