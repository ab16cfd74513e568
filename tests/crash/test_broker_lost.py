"""The broker forgets everything, is killed or hangs while scripts send: only the rows count."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.crash.scripts import (
    Scripts,
    call,
    carrier_took,
    checked,
    open_account,
    rows,
    sending,
    states,
    until,
)
from tests.flows.conftest import start, stop
from tests.sizes import in_bench, long

pytestmark = [pytest.mark.whole_program, long]

ROUNDS = in_bench(20, otherwise=2)
# How long after the last message was accepted it may arrive, with a broker or without.
BACKLOG_GONE = 60
# How late the message of an idle program may be while the broker takes connections and is silent.
LATE = 30


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program with a broker of its own: one that serves others too must not be killed."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    running = start(tmp_path)
    yield running
    stop(running)


@pytest.fixture
def broker(program):
    """A client of the program's broker, which finds the next one at the same place."""
    asked = program.manage(
        "shell", "--no-imports", "-c", "from django.conf import settings; print(settings.REDIS_URL)"
    )
    with redis.Redis.from_url(asked.stdout.strip()) as client:
        yield client


def pid_of(broker: redis.Redis) -> int | None:
    try:
        return int(broker.info("server")["process_id"])
    except redis.RedisError:
        return None


def test_what_is_under_way_arrives_once(program, broker):
    open_account(program, credits=100_000)
    killed: set[int | None] = set()
    with sending(program) as scripts:
        for _ in range(ROUNDS):
            accepted_more(scripts)
            broker.flushall()
            accepted_more(scripts)
            pid = pid_of(broker)
            assert pid is not None
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
            # Nobody answers at the socket now, or a broker that knows of nothing does.
            accepted_more(scripts)
            until(lambda: pid_of(broker) not in {None, *killed}, within=60, told=lambda: killed)
            with hanging(broker):
                # Each call finds out by itself how long it waits for an answer.
                accepted_more(scripts, count=4)

    assert scripts.strange == []
    assert scripts.refused == []
    assert len(killed) == ROUNDS
    # Nobody hears a ring, and the workers go on by themselves.
    with hanging(broker):
        until(
            lambda: states(program) == {"delivered": len(scripts.accepted)},
            within=BACKLOG_GONE,
            told=lambda: (states(program), len(scripts.accepted)),
        )
    # Workers and beat found the new broker, and go on saying that they are there.
    until(lambda: checked(program) == (0, []), within=60, told=lambda: checked(program))
    stored = rows(program, "SELECT id FROM sms_accounts_message ORDER BY id")
    assert [key for (key,) in stored] == sorted(scripts.accepted.values())
    assert sorted(carrier_took(program)) == sorted(scripts.accepted)
    books = program.manage("check_books")
    assert books.returncode == 0, books.stdout


def test_who_waits_for_a_silent_broker_gives_it_up(program, broker):
    open_account(program, credits=10)
    assert call(program).status == 200
    until(lambda: states(program) == {"delivered": 1}, within=60, told=lambda: states(program))

    with hanging(broker):
        assert call(program).status == 200
        until(
            lambda: states(program) == {"delivered": 2}, within=LATE, told=lambda: states(program)
        )


@contextmanager
def hanging(broker: redis.Redis) -> Iterator[None]:
    """Let the broker take connections and answer nothing for a while."""
    pid = pid_of(broker)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def accepted_more(scripts: Scripts, *, count: int = 15) -> None:
    enough = len(scripts.accepted) + count
    until(
        lambda: len(scripts.accepted) >= enough,
        within=60,
        told=lambda: (len(scripts.accepted), scripts.refused, scripts.strange),
    )
