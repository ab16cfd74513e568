"""Drops the indexes of single keys of other tables where a longer index begins with the same one.

An index that Django made for a key goes by its own statement: to alter the field would make the
table anew on SQLite, and drop triggers with it.
"""

import django.db.models.deletion
from django.db import migrations, models

PLAIN = {
    "submission": ("account", "api_user"),
    "message": ("account",),
    "callback": ("account", "api_user"),
}


def drop(apps, schema_editor):
    for model, column, table in _columns(apps):
        kept = {index.name for index in model._meta.indexes}
        for name in _indexes_of(schema_editor.connection, table, column) - kept:
            schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


def add(apps, schema_editor):
    for _model, column, table in _columns(apps):
        quoted = map(schema_editor.quote_name, (f"{table}_{column}", table, column))
        schema_editor.execute("CREATE INDEX {} ON {} ({})".format(*quoted))


def _columns(apps):
    for name, fields in PLAIN.items():
        model = apps.get_model("sms_accounts", name)
        for field in fields:
            yield model, model._meta.get_field(field).column, model._meta.db_table


def _indexes_of(connection, table, column):
    """Return the names of those that have this column alone, however the vendor names them."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return {name for name, told in found.items() if told["index"] and told["columns"] == [column]}


def without_index(model, name, to, on_delete, **more):
    field = models.ForeignKey(db_index=False, on_delete=on_delete, to=to, **more)
    return migrations.AlterField(model, name, field)


ACCOUNT, API_USER = "sms_accounts.account", "sms_accounts.apiuser"
PROTECT, CASCADE = django.db.models.deletion.PROTECT, django.db.models.deletion.CASCADE


class Migration(migrations.Migration):
    dependencies = [("sms_accounts", "0050_indexes_to_search_messages")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop, add)],
            state_operations=[
                without_index(
                    "submission", "account", ACCOUNT, PROTECT, related_name="submissions"
                ),
                without_index(
                    "submission",
                    "api_user",
                    API_USER,
                    PROTECT,
                    null=True,
                    related_name="submissions",
                ),
                without_index("message", "account", ACCOUNT, PROTECT, related_name="messages"),
                without_index("callback", "account", ACCOUNT, CASCADE, related_name="callbacks"),
                without_index(
                    "callback",
                    "api_user",
                    API_USER,
                    CASCADE,
                    null=True,
                    related_name="callbacks",
                ),
            ],
        ),
    ]
