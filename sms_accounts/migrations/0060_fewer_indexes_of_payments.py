"""Leaves out of three indexes what is in each payment for messages and is never looked for there.

Who moved credits and for which message is told of few entries, and only those are in an index now.
Nobody asks what was paid from a purse by its submissions.

An index that Django made for a key goes by its own statement: to alter the field would make the
table anew on SQLite, and drop the triggers that protect entries with it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PROTECT = django.db.models.deletion.PROTECT

PLAIN = {
    "ledgerentry": ("message", "by"),
    "submission": ("wallet",),
}


def drop(apps, schema_editor):
    for column, table in _columns(apps):
        for name in plain_indexes(schema_editor.connection, table, column):
            schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


def add(apps, schema_editor):
    for column, table in _columns(apps):
        quoted = map(schema_editor.quote_name, (f"{table}_{column}", table, column))
        schema_editor.execute("CREATE INDEX {} ON {} ({})".format(*quoted))


def _columns(apps):
    for name, fields in PLAIN.items():
        model = apps.get_model("sms_accounts", name)
        for field in fields:
            yield model._meta.get_field(field).column, model._meta.db_table


def plain_indexes(connection, table, column):
    """Return the names of those that have this column alone, and may have a value many times."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return {
        name
        for name, told in found.items()
        if told["index"] and not told["unique"] and told["columns"] == [column]
    }


def without_index(model, name, to, **more):
    field = models.ForeignKey(db_index=False, on_delete=PROTECT, related_name="+", to=to, **more)
    return migrations.AlterField(model, name, field)


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0059_submissions_by_tag")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop, add)],
            state_operations=[
                without_index("ledgerentry", "by", settings.AUTH_USER_MODEL, null=True),
                without_index("ledgerentry", "message", "sms_accounts.message", null=True),
                without_index("submission", "wallet", "sms_accounts.wallet"),
            ],
        ),
        migrations.AddIndex(
            "ledgerentry",
            models.Index(
                condition=models.Q(("message__isnull", False)),
                fields=["message"],
                name="ledger_of_message",
            ),
        ),
        migrations.AddIndex(
            "ledgerentry",
            models.Index(
                condition=models.Q(("by__isnull", False)), fields=["by"], name="ledger_of_person"
            ),
        ),
    ]
