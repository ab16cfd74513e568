"""What a script was told is accepted is there, also where it named no key and processes die."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException

import psycopg
import pytest

from tests.crash.processes import by_role, kill
from tests.crash.scripts import call, open_account, rows, until
from tests.flows.conftest import Program, start, stop
from tests.sizes import in_bench, long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_servers, long]

DEATHS = in_bench(20, otherwise=4)
AT_ONCE = 8
CREDITS = 1_000_000


@pytest.fixture
def program(tmp_path):
    running = start(tmp_path, "--no-demo")
    yield running
    stop(running)


@contextmanager
def sending(program: Program) -> Iterator[list[int]]:
    """Let scripts send until the block ends; fill in the ids that they were given."""
    accepted: list[int] = []
    over = threading.Event()

    def script() -> None:
        while not over.is_set():
            with suppress(OSError, HTTPException):
                answer = call(program)
                if answer.status == 200 and answer.content["status"] == 100:
                    accepted.append(int(answer.content["smsIds"][0]))

    threads = [threading.Thread(target=script) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        yield accepted
    finally:
        over.set()
        for thread in threads:
            thread.join(90)


def accepted_more(accepted: list[int]) -> None:
    enough = len(accepted) + 50
    until(lambda: len(accepted) >= enough, within=60, told=lambda: len(accepted))


def cut_connections(program: Program) -> None:
    """End all connections to the program's database, as a restart of the server would."""
    with psycopg.connect(program.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.skipif(
    "DATABASE_URL" not in os.environ, reason="Only there a call without a key is one statement."
)
def test_every_id_that_was_given_is_a_message_that_was_paid(program):
    open_account(program, credits=CREDITS)
    with sending(program) as accepted:
        for death in range(DEATHS):
            accepted_more(accepted)
            if death % 2:
                cut_connections(program)
            else:
                kill(by_role(program)["web process"][0])
                # Granian takes a moment to notice and begins another one.
                time.sleep(0.5)

    stored = {pk for (pk,) in rows(program, "SELECT id FROM sms_accounts_message")}
    assert len(set(accepted)) == len(accepted)
    assert stored.issuperset(accepted)
    # A call whose answer was lost on the way is a message too.
    assert len(stored) - len(accepted) <= AT_ONCE * DEATHS
    books = program.manage("check_books")
    assert books.returncode == 0, books.stdout
    [(spent,)] = rows(
        program, "SELECT -sum(credits) / 100 FROM sms_accounts_ledgerentry WHERE kind = 'debit'"
    )
    assert spent == len(stored)
