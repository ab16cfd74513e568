"""Connections to PostgreSQL: what they take for dear, and moments, which are those of Django."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader

from panel.postgresql.base import _TIMESTAMPTZ

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="SQLite has neither plans that cost nor moments to read.",
    ),
]


def read(words: str) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [words])
        found: datetime | None = cursor.fetchone()[0]
    return found


class DjangosLoader(BaseTzLoader):  # type: ignore[misc]  # not in the stubs
    timezone = UTC


@pytest.mark.parametrize(
    "words",
    [
        "2026-11-29 16:03:38.201018+00",
        "2026-11-29 16:03:38.2+02",
        "2026-03-29 01:30:00 Europe/Berlin",
        "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59.999999+00",
        "1883-01-01 12:00:00 America/New_York",
    ],
)
def test_a_moment_is_the_one_of_django(words):
    moment = read(words)

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz::text", [words])
        sent = cursor.fetchone()[0].encode()
    djangos = DjangosLoader(_TIMESTAMPTZ, connection.connection).load(sent)
    assert moment == djangos
    assert moment is not None
    assert moment.tzinfo is djangos.tzinfo is UTC


def test_no_moment_is_none():
    with connection.cursor() as cursor:
        cursor.execute("SELECT NULL::timestamptz")
        assert cursor.fetchone() == (None,)


def test_what_python_has_no_moment_for_is_refused():
    with pytest.raises(DataError):
        read("infinity")


def test_no_moment_is_read_in_python():
    loader = connection.connection.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT)

    assert loader is not None
    assert not issubclass(loader, TimestamptzLoader)
    with connection.cursor() as cursor:
        assert cursor.cursor.adapters.get_loader(_TIMESTAMPTZ, Format.TEXT) is loader


class TestCostOfRows:
    def cost(self, options: str = "") -> str:
        wrapper = connection.copy()
        wrapper.settings_dict["OPTIONS"] = {"options": options} if options else {}
        try:
            with wrapper.cursor() as cursor:
                cursor.execute("SHOW random_page_cost")
                found: str = cursor.fetchone()[0]
        finally:
            wrapper.close()
        return found

    def test_is_that_of_disks_without_an_arm(self):
        with connection.cursor() as cursor:
            cursor.execute("SHOW random_page_cost")
            assert cursor.fetchone() == ("1.1",)
        assert self.cost() == "1.1"

    def test_is_left_where_somebody_has_set_it(self):
        assert self.cost("-c random_page_cost=2") == "2"
