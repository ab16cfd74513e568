"""Says how the database would answer a query."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from sms_accounts.models import Message


def plan_of(rows: QuerySet[Any], *, may_sort: bool = False) -> str:
    """Return the plan of a query, as the database words it.

    PostgreSQL would scan and sort the few rows of a test whatever indexes there are, so it is told
    that both are dear; it still cannot take an index that does not fit the query. Where rows are
    to be found by one index and put in order after that, it `may_sort`.
    """
    with _dear("seqscan", "bitmapscan", *(() if may_sort else ("sort",))):
        _write_anew(str(rows.query))
        return rows.explain()


def sorts(plan: str) -> bool:
    """Say whether rows are put in order after they were found."""
    return "Sort" in plan or "TEMP B-TREE" in plan


def plan_of_statement(sql: str, parameters: Sequence[Any]) -> str:
    """Return the plan of a statement that Django did not write."""
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with _dear("seqscan", "bitmapscan", "sort"), connection.cursor() as cursor:
        _write_anew(sql)
        cursor.execute(f"{explain} {sql}", parameters)
        return "\n".join(str(row) for row in cursor.fetchall())


def analyze(*models: type[Model]) -> None:
    """Have the database count the rows of these tables, as it does by itself after many changes."""
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def to_others(message: Message) -> None:
    """Have as many messages to other numbers that PostgreSQL finds an index of numbers worth it."""
    others = [copy(message) for _number in range(300)]
    for number, other in enumerate(others):
        other.pk, other.msisdn = None, f"336{number:08}"
    Message.objects.bulk_create(others)
    analyze(Message)


def _write_anew(sql: str) -> None:
    """Rid the tables of a query of the dead rows that earlier tests have left.

    PostgreSQL plans by the sizes of tables and indexes. Where two indexes would do, it depended on
    the order of the tests which one was the smaller.
    """
    if connection.vendor != "postgresql":
        return
    # A table with triggers still to fire cannot be written anew.
    connection.check_constraints()
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            if table in sql:
                cursor.execute(f"CLUSTER {connection.ops.quote_name(table)} USING {table}_pkey")


@contextmanager
def _dear(*steps: str) -> Iterator[None]:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # All of them: what an earlier plan has set holds until the test ends.
                for step in ("seqscan", "bitmapscan", "sort"):
                    is_on = "off" if step in steps else "on"
                    cursor.execute(f"SET LOCAL enable_{step} = {is_on}")
        yield
