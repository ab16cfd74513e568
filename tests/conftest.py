"""What every test gets: forgotten credentials before it, and right books after it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.core.cache import caches
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from sms_accounts import (
    address_uses,
    at_once,
    books,
    carrier_tallies,
    credentials,
    lanes,
    price_list,
    routes,
)
from tests import kept_entries

# These speak to the broker or the cache, which CI changes with the database.
_OF_SERVERS = {"test_cache.py", "test_tasks.py"}
_DATABASE = {"db", "transactional_db", "django_db_setup", "live_server"}

# For tests that say what it means for them: `--hypothesis-profile=thorough`.
hypothesis_settings.register_profile("thorough")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark what CI does once, and begin with the files that take long.

    So nobody waits for the last of these alone.
    """
    for item in items:
        if not _uses_database(item):
            item.add_marker("on_embedded")
    yield
    # After all others that put them in order.
    items.sort(key=lambda item: item.get_closest_marker("whole_program") is None)


def _uses_database(item: pytest.Item) -> bool:
    """Tell whether a test opens the database, or a program does that it starts."""
    marks = ("django_db", "whole_program")
    return (
        any(item.get_closest_marker(mark) for mark in marks)
        or not _DATABASE.isdisjoint(getattr(item, "fixturenames", ()))
        or item.path.name in _OF_SERVERS
        or "commands" in item.path.parts
    )


@pytest.fixture(autouse=True)
def forgotten_credentials() -> None:
    at_once.forget()
    credentials.forget_all()
    address_uses.forget_all()
    price_list.forget()
    routes.forget()
    lanes.forget()
    carrier_tallies.forget()


@pytest.fixture(autouse=True)
def no_gathering(monkeypatch) -> None:
    """Have stored what a thread stores before the next test: it would find another database."""
    monkeypatch.setattr(address_uses, "GATHERING", timedelta(0))


@pytest.fixture(autouse=True)
def embedded(settings, tmp_path) -> None:
    """Keep tests off the network and out of the data folder: mail in memory, cache in memory."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.MAIL_DIR = settings.EMAIL_FILE_PATH = tmp_path / "mail"
    # Else each test's client would look through all static files before its first request.
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.SCRIPT_PASSWORD_HASHER = "md5"
    caches["default"].clear()


@pytest.fixture(scope="session", autouse=True)
def loggers_that_can_be_heard() -> None:
    """Let a test capture what a logger says, whoever has used it before."""
    structlog.configure(**{**structlog.get_config(), "cache_logger_on_first_use": False})


@pytest.fixture(scope="session", autouse=True)
def emptied_ledger() -> Iterator[None]:
    """Let the tables be emptied after a test that committed: entries are kept otherwise.

    The triggers are away for the one transaction that empties all tables, and for nobody else.
    """
    sql_flush = connection.ops.sql_flush

    def around(*given: Any, **named: Any) -> list[str]:
        away, back = kept_entries.triggers()
        return [*away, *sql_flush(*given, **named), *back]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection.ops, "sql_flush", around)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Keep plans the same in every order of tests: nobody but a test itself counts its rows."""
    if connection.vendor != "postgresql":
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            name = connection.ops.quote_name(table)
            cursor.execute(f"ALTER TABLE {name} SET (autovacuum_enabled = off)")
    connection.close()


@pytest.fixture(autouse=True)
def right_books(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test that used the database: every purse holds what its entries say."""
    used = "django_db" in request.keywords or {"db", "transactional_db"} & set(request.fixturenames)
    if used:
        request.getfixturevalue("transactional_db" if _is_transactional(request) else "db")
    yield
    if (used and not connection.in_atomic_block) or (used and not connection.needs_rollback):
        assert books.wrong_books() == []


def _is_transactional(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return "transactional_db" in request.fixturenames or bool(
        marker and marker.kwargs.get("transaction")
    )
