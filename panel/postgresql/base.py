"""PostgreSQL whose moments are read by the driver's own code, not in Python.

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

_TIMESTAMPTZ = psycopg.adapters.types["timestamptz"].oid
_GIVEN = cast("type[Loader]", psycopg.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT))


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection."""

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        # Where a connection has another zone than UTC, Django takes its own way for each cursor.
        return {**params, "context": _with_our_loader(params["context"])}


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
