"""Says how the database would answer a query."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import Model, QuerySet


def plan_of(rows: QuerySet[Any], *, may_sort: bool = False) -> str:
    """Return the plan of a query, as the database words it.

    PostgreSQL would scan and sort the few rows of a test whatever indexes there are, so it is told
    that both are dear; it still cannot take an index that does not fit the query. Where rows are
    to be found by one index and put in order after that, it `may_sort`.
    """
    with _dear("seqscan", "bitmapscan", *(() if may_sort else ("sort",))):
        return rows.explain()


def sorts(plan: str) -> bool:
    """Say whether rows are put in order after they were found."""
    return "Sort" in plan or "TEMP B-TREE" in plan


def plan_of_statement(sql: str, parameters: Sequence[Any]) -> str:
    """Return the plan of a statement that Django did not write."""
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with _dear("seqscan", "bitmapscan", "sort"), connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}", parameters)
        return "\n".join(str(row) for row in cursor.fetchall())


def analyze(*models: type[Model]) -> None:
    """Have the database count the rows of these tables.

    Of these alone: PostgreSQL keeps the figures of a test that is rolled back, and would plan
    those that follow by them.
    """
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


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
