"""The database refuses to change or delete a ledger entry, whoever asks.

A later migration that makes the table of entries anew on SQLite drops these triggers with the
old table, and has to make them again.
"""

from django.db import migrations

REFUSAL = "A ledger entry is never changed or deleted: enter a correction."

FORWARD = {
    "postgresql": [
        f"""
        CREATE FUNCTION refuse_change_of_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation';
        END $$
        """,
        # For each statement, since there is no other trigger for TRUNCATE.
        """
        CREATE TRIGGER ledger_entry_is_kept
        BEFORE UPDATE OR DELETE OR TRUNCATE ON sms_accounts_ledgerentry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger_entry()
        """,
    ],
    "sqlite": [
        f"""
        CREATE TRIGGER ledger_entry_is_never_{done} BEFORE {statement} ON sms_accounts_ledgerentry
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
        """
        for statement, done in (("UPDATE", "changed"), ("DELETE", "deleted"))
    ],
}
BACKWARD = {
    "postgresql": [
        "DROP TRIGGER ledger_entry_is_kept ON sms_accounts_ledgerentry",
        "DROP FUNCTION refuse_change_of_ledger_entry()",
    ],
    "sqlite": [
        "DROP TRIGGER ledger_entry_is_never_changed",
        "DROP TRIGGER ledger_entry_is_never_deleted",
    ],
}


def protect(apps, schema_editor):
    for statement in FORWARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def unprotect(apps, schema_editor):
    for statement in BACKWARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0011_ledger_entry_says_why_or_for_what")]

    operations = [migrations.RunPython(protect, unprotect)]
