"""Keeps accounts, API users and purses that payments name, and no longer looks for them at each.

They are never deleted, and what names them is stored under a lock of the user or of the purse.
PostgreSQL looked for each of them all the same, by seven questions for each message: a fifth of
its work. Now whoever deletes one of them is asked whether anything names it, at the end of the
transaction, as before.

SQLite finds them so quickly that its tables stay as they are. To alter them would make them anew,
and drop the triggers that protect entries.
"""

import django.db.models.deletion
from django.db import migrations, models

PROTECT = django.db.models.deletion.PROTECT

NAMED = {
    "submission": ("account", "api_user", "wallet"),
    "message": ("account",),
    "ledgerentry": ("account", "api_user", "wallet"),
}

# Of each that is kept: what names it. No index finds what a purse has paid but by its entries,
# which are asked first, and one of which each submission has.
NAMING = {
    "account": (
        "sms_accounts_submission WHERE account_id = OLD.id",
        "sms_accounts_message WHERE account_id = OLD.id",
        "sms_accounts_ledgerentry WHERE account_id = OLD.id",
    ),
    "apiuser": (
        "sms_accounts_submission WHERE api_user_id = OLD.id",
        "sms_accounts_ledgerentry WHERE account_id = OLD.account_id AND api_user_id = OLD.id",
    ),
    "wallet": (
        "sms_accounts_ledgerentry WHERE wallet_id = OLD.id",
        "sms_accounts_submission WHERE wallet_id = OLD.id",
    ),
}


def keep(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, columns, _parent in _foreign_keys(apps):
        for name in foreign_keys(schema_editor.connection, table, columns):
            schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for kept, naming in NAMING.items():
        is_named = " OR ".join(f"EXISTS (SELECT FROM {rows})" for rows in naming)
        schema_editor.execute(
            f"""
            CREATE FUNCTION refuse_to_delete_{kept}_that_is_named() RETURNS trigger
            LANGUAGE plpgsql AS $$
            BEGIN
                IF {is_named} THEN
                    RAISE foreign_key_violation
                        USING MESSAGE = 'The {kept} ' || OLD.id || ' is kept: payments name it.';
                END IF;
                RETURN NULL;
            END $$
            """
        )
        schema_editor.execute(
            f"""
            CREATE CONSTRAINT TRIGGER {kept}_is_kept AFTER DELETE ON sms_accounts_{kept}
            DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse_to_delete_{kept}_that_is_named()
            """
        )


def ask_at_each(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for kept in NAMING:
        schema_editor.execute(f"DROP TRIGGER {kept}_is_kept ON sms_accounts_{kept}")
        schema_editor.execute(f"DROP FUNCTION refuse_to_delete_{kept}_that_is_named()")
    for table, column, parent in _foreign_keys(apps):
        schema_editor.execute(
            f"ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {parent} (id)"
            " DEFERRABLE INITIALLY DEFERRED"
        )


def _foreign_keys(apps):
    for name, fields in NAMED.items():
        model = apps.get_model("sms_accounts", name)
        for field in map(model._meta.get_field, fields):
            yield model._meta.db_table, field.column, field.related_model._meta.db_table


def foreign_keys(connection, table, column):
    """Return the names of the constraints that let a column name rows of another table only."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return {
        name for name, told in found.items() if told["foreign_key"] and told["columns"] == [column]
    }


def without_constraint(model, name, to, **more):
    field = models.ForeignKey(to, on_delete=PROTECT, db_constraint=False, db_index=False, **more)
    return migrations.AlterField(model, name, field)


ACCOUNT, API_USER, WALLET = (f"sms_accounts.{name}" for name in ("account", "apiuser", "wallet"))


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0060_fewer_indexes_of_payments")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(keep, ask_at_each)],
            state_operations=[
                without_constraint("submission", "account", ACCOUNT, related_name="submissions"),
                without_constraint(
                    "submission", "api_user", API_USER, null=True, related_name="submissions"
                ),
                without_constraint("submission", "wallet", WALLET, related_name="+"),
                without_constraint("message", "account", ACCOUNT, related_name="messages"),
                without_constraint(
                    "ledgerentry", "account", ACCOUNT, related_name="ledger_entries"
                ),
                without_constraint(
                    "ledgerentry", "api_user", API_USER, null=True, related_name="+"
                ),
                without_constraint("ledgerentry", "wallet", WALLET, related_name="entries"),
            ],
        ),
    ]
