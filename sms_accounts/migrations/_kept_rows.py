"""Rows that are kept while others name them, on PostgreSQL, without a foreign key.

A foreign key asks for what is named at each row that names it. Here whoever deletes what is named
is asked whether anything names it, at the end of the transaction, as before. SQLite keeps its
foreign keys: to alter them would make tables anew, and drop the triggers that protect entries.
"""

from collections.abc import Iterator, Mapping, Sequence

from django.apps.registry import Apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class KeptRows:
    """What is kept, and what names it.

    `named` has the fields that name something, by the name of their model; `naming` the rows that
    name a row which is deleted, by the model of that.
    """

    def __init__(
        self, *, named: Mapping[str, Sequence[str]], naming: Mapping[str, Sequence[str]]
    ) -> None:
        self._named = named
        self.naming = naming

    def keep(self, apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        for table, column, _parent in self.columns(apps):
            for name in foreign_keys(schema_editor.connection, table, column):
                schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        for kept, naming in self.naming.items():
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

    def ask_at_each(self, apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        for kept in self.naming:
            schema_editor.execute(f"DROP TRIGGER {kept}_is_kept ON sms_accounts_{kept}")
            schema_editor.execute(f"DROP FUNCTION refuse_to_delete_{kept}_that_is_named()")
        for table, column, parent in self.columns(apps):
            schema_editor.execute(
                f"ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {parent} (id)"
                " DEFERRABLE INITIALLY DEFERRED"
            )

    def columns(self, apps: Apps) -> Iterator[tuple[str, str, str]]:
        """Yield table and column of what names something, and the table of that."""
        for name, fields in self._named.items():
            model = apps.get_model("sms_accounts", name)
            for field in map(model._meta.get_field, fields):
                yield model._meta.db_table, field.column, field.related_model._meta.db_table


def foreign_keys(connection: BaseDatabaseWrapper, table: str, column: str) -> set[str]:
    """Return the names of the constraints that let a column name rows of another table only."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    return {
        name for name, told in found.items() if told["foreign_key"] and told["columns"] == [column]
    }
