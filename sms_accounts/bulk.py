"""Stores or changes many rows by one statement, and sends several statements in one go.

Django's own way makes an object of each row, asks every field about every value and waits for each
statement: where rows come thousands a second that is most of the work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import orjson
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.duration import duration_iso_string, duration_microseconds

from sms_accounts.models.fields import CreditsField, to_hundredths

Rows = list[tuple[Any, ...]]
Convert = Callable[[Any], Any]


@contextmanager
def together() -> Iterator[None]:
    """Send the statements of the body at once, and wait for them at its end or for an answer."""
    database = _database()
    if database.vendor != "postgresql":
        yield
        return
    database.ensure_connection()
    with database.wrap_database_errors, database.connection.pipeline():
        yield


def array(numbers: Iterable[int]) -> str:
    """Return numbers as PostgreSQL writes them; psycopg takes four times as long for a list."""
    return f"{{{','.join(map(str, numbers))}}}"


def is_alone() -> bool:
    """Say whether a statement is a transaction of its own."""
    return not _database().in_atomic_block


def ask(sql: str, parameters: Sequence[Any]) -> Callable[[], Rows]:
    """Run a statement, and return what waits for its rows."""
    database = _database()
    if database.vendor != "postgresql":
        with database.cursor() as cursor:
            cursor.execute(sql, parameters)
            rows: Rows = cursor.fetchall()
        return lambda: rows
    asked = _execute(database, sql, parameters)

    def wait() -> Rows:
        with database.wrap_database_errors:
            return asked.fetchall()

    return wait


def _execute(
    database: BaseDatabaseWrapper, sql: str, parameters: Sequence[Any]
) -> "psycopg.Cursor[tuple[Any, ...]]":
    # Django's cursor writes the values into the statement, and each one is planned anew.
    database.ensure_connection()
    with database.wrap_database_errors:
        return psycopg.Cursor(database.connection).execute(sql.encode(), parameters)


def _database() -> BaseDatabaseWrapper:
    """Return what `connection` stands for: that looks for it anew at each of its attributes."""
    return connections[DEFAULT_DB_ALIAS]


class Table:
    """The table of a model, and which of its columns rows are given for; the others are as new."""

    def __init__(self, model: type[models.Model], *given: str) -> None:
        self._model = model
        self._names = given
        self._table = model._meta.db_table

    def next_ids(self, count: int) -> Callable[[], list[int]]:
        """Reserve keys for rows that are to come; return what waits for them, in rising order."""
        if connection.vendor == "postgresql":
            asked = ask(
                "SELECT nextval(%s::regclass) FROM generate_series(1, %s)", (self.sequence, count)
            )
            return lambda: [key for (key,) in asked()]
        # Whoever asks is in a transaction, and SQLite lets one at a time write.
        last = ask("SELECT seq FROM sqlite_sequence WHERE name = %s", (self._table,))()
        first = last[0][0] + 1 if last else 1
        return lambda: list(range(first, first + count))

    def insert(self, rows: Iterable[Sequence[Any]]) -> None:
        """Store rows, whose values stand in the order of the columns given."""
        stored = self._converted(rows)
        if not stored:
            return
        database = _database()
        if database.vendor == "postgresql":
            _execute(database, self.insertion, self._told(stored))
            return
        with database.cursor() as cursor:
            cursor.executemany(self._insert_one, [(*row, *self._others) for row in stored])

    def told(self, rows: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
        """Return rows as `insertion` has them told."""
        return self._told(self._converted(rows))

    def _converted(self, rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
        converts = self._converts
        stored = [list(row) for row in rows]
        for row in stored:
            for place, convert in converts:
                row[place] = convert(row[place])
        return stored

    def _told(self, stored: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
        return (*self._others, _as_json(self._json_names, stored))

    # What is to be told of the columns, and how, is found out once: models do not change.

    @cached_property
    def sequence(self) -> str:
        name: str = ask("SELECT pg_get_serial_sequence(%s, 'id')", (self._table,))()[0][0]
        return name

    @cached_property
    def _fields(self) -> "list[models.Field[Any, Any]]":
        fields = {field.attname: field for field in self._model._meta.concrete_fields}
        return [fields[name] for name in self._names]

    @cached_property
    def _other_fields(self) -> "list[models.Field[Any, Any]]":
        return [
            field
            for field in self._model._meta.concrete_fields
            if field not in self._fields and not field.primary_key and not field.null
        ]

    @cached_property
    def _converts(self) -> list[tuple[int, Convert]]:
        """Return the places of the columns that are not stored as they are, and what to do."""
        converts = [_conversion(field) for field in self._fields]
        return [(place, each) for place, each in enumerate(converts) if each is not _as_it_is]

    @cached_property
    def _others(self) -> list[Any]:
        return [_conversion(field)(field.get_default()) for field in self._other_fields]

    @cached_property
    def _json_names(self) -> list[str]:
        return [f"c{number}" for number in range(len(self._fields))]

    @cached_property
    def _columns(self) -> str:
        fields = (*self._fields, *self._other_fields)
        return ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)

    @cached_property
    def insertion(self) -> str:
        """The statement that stores many rows, on PostgreSQL; it may be a part of another one."""
        types = ", ".join(
            f"{name} {field.db_type(connection)}"
            for name, field in zip(self._json_names, self._fields, strict=True)
        )
        others = "".join(f", %s::{field.db_type(connection)}" for field in self._other_fields)
        return (
            f"INSERT INTO {self._table} ({self._columns})"  # noqa: S608  # no outside text in it
            f" SELECT given.*{others} FROM json_to_recordset(%s::json) AS given ({types})"
        )

    @cached_property
    def _insert_one(self) -> str:
        places = ", ".join(["%s"] * (len(self._fields) + len(self._other_fields)))
        return f"INSERT INTO {self._table} ({self._columns}) VALUES ({places})"  # noqa: S608


class Changes:
    """Columns of a table that many rows get values in, each its own, by one statement.

    A row is changed only where its columns `still` have the values that are told with it.
    """

    def __init__(self, model: type[models.Model], *given: str, still: Sequence[str]) -> None:
        self._model = model
        self._given = given
        self._still = still

    def store(self, rows: Iterable[Sequence[Any]]) -> set[int]:
        """Change rows: each told by its key, its values until now, and the new ones.

        Return the keys of those that were changed.
        """
        converts = self._converts
        told = [
            [convert(value) for convert, value in zip(converts, row, strict=True)] for row in rows
        ]
        if not told:
            return set()
        if connection.vendor == "postgresql":
            stored = _as_json(self._json_names, told)
            keys = array(row[0] for row in told)
            return {key for (key,) in ask(self._change_all, (stored, keys))()}
        with transaction.atomic():
            return {row[0] for row in told if self._is_changed(row)}

    def _is_changed(self, row: Sequence[Any]) -> bool:
        key, still, given = row[0], row[1 : 1 + len(self._still)], row[1 + len(self._still) :]
        with connection.cursor() as cursor:
            cursor.execute(self._change_one, (*given, key, *still))
            return bool(cursor.rowcount)

    @cached_property
    def _fields(self) -> "list[models.Field[Any, Any]]":
        fields = {field.attname: field for field in self._model._meta.concrete_fields}
        return [fields[name] for name in ("id", *self._still, *self._given)]

    @cached_property
    def _converts(self) -> list[Convert]:
        return [_conversion(field) for field in self._fields]

    @cached_property
    def _json_names(self) -> list[str]:
        return [f"c{number}" for number in range(len(self._fields))]

    @cached_property
    def _change_all(self) -> str:
        fields = list(zip(self._json_names, self._fields, strict=True))
        still, given = fields[1 : 1 + len(self._still)], fields[1 + len(self._still) :]
        types = ", ".join(f"{name} {field.rel_db_type(connection)}" for name, field in fields[:1])
        types += "".join(f", {name} {field.db_type(connection)}" for name, field in fields[1:])
        columns = ", ".join(f"{_column(field)} = told.{name}" for name, field in given)
        conditions = "".join(
            f" AND t.{_column(field)} IS NOT DISTINCT FROM told.{name}" for name, field in still
        )
        return (
            f"UPDATE {self._model._meta.db_table} t SET {columns}"  # noqa: S608  # no outside text
            f" FROM json_to_recordset(%s::json) AS told ({types})"
            # The keys once more: a plan that was made while the table was small would walk all of
            # it for good. Of an array it is supposed that it has ten, and an index is taken.
            f" WHERE t.id = told.c0 AND t.id = ANY(%s::bigint[]){conditions} RETURNING t.id"
        )

    @cached_property
    def _change_one(self) -> str:
        still, given = self._fields[1 : 1 + len(self._still)], self._fields[1 + len(self._still) :]
        columns = ", ".join(f"{_column(field)} = %s" for field in given)
        conditions = "".join(f" AND {_column(field)} IS %s" for field in still)
        return f"UPDATE {self._model._meta.db_table} SET {columns} WHERE id = %s{conditions}"  # noqa: S608


def _as_json(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    # Moments are written by it as well, and all of it in a fraction of what Python's own takes.
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _column(field: "models.Field[Any, Any]") -> str:
    return connection.ops.quote_name(str(field.column))


def _conversion(field: "models.Field[Any, Any]") -> Convert:
    if isinstance(field, CreditsField):
        return to_hundredths
    if isinstance(field, models.DecimalField):
        return _written_out
    if isinstance(field, models.DateTimeField):
        if connection.vendor == "postgresql":
            return _as_it_is
        return connection.ops.adapt_datetimefield_value
    if isinstance(field, models.DurationField):
        return _iso_duration if connection.vendor == "postgresql" else _microseconds
    return _as_it_is


def _iso_duration(duration: timedelta | None) -> str | None:
    return None if duration is None else duration_iso_string(duration)


def _microseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else duration_microseconds(duration)


def _written_out(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _as_it_is(value: Any) -> Any:
    return value
