"""The triggers that keep ledger entries: what takes them away, and what puts them back."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from sms_accounts.models import LedgerEntry


def triggers() -> tuple[list[str], list[str]]:
    """Return the statements that take the triggers of ledger entries away and put them back."""
    table = LedgerEntry._meta.db_table
    if connection.vendor == "postgresql":
        change = f"ALTER TABLE {table} {{}} TRIGGER USER"
        return [change.format("DISABLE")], [change.format("ENABLE")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
        )
        found = cursor.fetchall()
    return [f"DROP TRIGGER {name}" for name, _sql in found], [sql for _name, sql in found]


@contextmanager
def kept_indexes() -> Iterator[None]:
    """Give their table the indexes again that it had, whatever made it anew on SQLite."""
    before = _indexes()
    try:
        yield
    finally:
        after = _indexes()
        with connection.cursor() as cursor:
            for name in after.keys() - before.keys():
                cursor.execute(f"DROP INDEX {name}")
            for name in before.keys() - after.keys():
                cursor.execute(before[name])


def _indexes() -> dict[str, str]:
    if connection.vendor != "sqlite":
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master"
            " WHERE type = 'index' AND tbl_name = %s AND sql IS NOT NULL",
            [LedgerEntry._meta.db_table],
        )
        return dict(cursor.fetchall())
