"""PostgreSQL on disks that have no arm to move, and with moments that the driver's own code reads.

By itself PostgreSQL takes a row that is looked for by its key for four times as dear as one that
comes next: of a table of some thousand rows it then reads all to find thirty.

Django reads each moment by a regular expression and then gives it its zone. Where thousands of
rows a second have several moments each, that is a twentieth of a worker's time.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

import psycopg
from django.db.backends.postgresql import base
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format

_RANDOM_PAGE_COST = "1.1"
_TIMESTAMPTZ = psycopg.adapters.types["timestamptz"].oid
_GIVEN = cast("type[Loader]", psycopg.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT))


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection."""

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        # Where a connection has another zone than UTC, Django takes its own way for each cursor.
        return {**params, "context": _with_our_loader(params["context"])}

    def _configure_connection(self, connection: psycopg.Connection[Any]) -> bool:
        # Once for each connection. Whoever has set something else for the server knows better.
        connection.execute(
            "SELECT set_config('random_page_cost', %s, false)"
            " WHERE current_setting('random_page_cost') = '4'",
            [_RANDOM_PAGE_COST],
        )
        super()._configure_connection(connection)  # type: ignore[misc]  # not in the stubs
        # There is something to commit.
        return True


class _MomentLoader(Loader):
    """Reads moments in UTC, which is the zone of the session."""

    # Django compares it with the zone that it wants.
    timezone = UTC

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self._read = _GIVEN(oid, context).load

    def load(self, data: Buffer) -> datetime:
        moment: datetime = self._read(data)
        return moment.replace(tzinfo=UTC)


@lru_cache
def _with_our_loader(template: AdaptersMap) -> AdaptersMap:
    ours = AdaptersMap(template)
    ours.register_loader("timestamptz", _MomentLoader)
    return ours
