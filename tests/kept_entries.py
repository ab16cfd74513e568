"""The triggers that keep ledger entries: what takes them away, and what puts them back."""

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
