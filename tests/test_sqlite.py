"""Writers of SQLite wait in a queue: transactions, and statements that are one by themselves."""

import fcntl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from sms_accounts.models import Account
from tests.factories import make_account

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="PostgreSQL lets several transactions write at once."
    ),
]


@contextmanager
def first_in_the_queue() -> Iterator[None]:
    """Stand where one stands who writes; the database itself is free."""
    with Path(f"{connection.settings_dict['NAME']}-writers").open("w") as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        yield


def is_free() -> bool:
    with Path(f"{connection.settings_dict['NAME']}-writers").open("w") as queue:
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def waits(write: Callable[[], object]) -> bool:
    """Run something in a thread; tell whether it waits for whoever is first in the queue."""
    is_done = threading.Event()

    def in_a_thread() -> None:
        try:
            write()
            is_done.set()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with first_in_the_queue():
            done = pool.submit(in_a_thread)
            has_waited = not is_done.wait(0.5)
        done.result(10)
    return has_waited


def in_a_transaction() -> None:
    with transaction.atomic():
        Account.objects.update(time_zone="Asia/Tokyo")


@pytest.mark.parametrize(
    "write",
    [
        in_a_transaction,
        lambda: Account.objects.update(time_zone="Asia/Tokyo"),
        make_account,
        lambda: Account.objects.filter(name="nobody").delete(),
    ],
    ids=["transaction", "update", "insert", "delete"],
)
def test_whoever_writes_waits_for_the_turn(write):
    make_account()

    assert waits(write)


def test_whoever_reads_waits_for_nobody():
    assert not waits(lambda: list(Account.objects.all()))


def test_a_statement_leaves_the_queue_also_where_it_fails():
    make_account(name="sms-ab12345-1")
    make_account(name="sms-ab12345-2")

    with pytest.raises(IntegrityError):
        Account.objects.update(name="sms-ab12345-3")

    assert is_free()


def test_a_transaction_stays_in_the_queue_after_its_statements():
    make_account()

    with transaction.atomic():
        in_a_transaction()
        assert not is_free()

    assert is_free()
