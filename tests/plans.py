"""Says how the database would answer a query."""

from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet


def plan_of(rows: QuerySet[Any]) -> str:
    """Return the plan of a query, as the database words it.

    PostgreSQL would scan and sort the few rows of a test whatever indexes there are, so it is told
    that both are dear; it still cannot take an index that does not fit the query.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                for step in ("seqscan", "bitmapscan", "sort"):
                    cursor.execute(f"SET LOCAL enable_{step} = off")
        return rows.explain()
