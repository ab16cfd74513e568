"""Processes of the whole program die at random while customers send: nothing is lost or doubled.

Once with a carrier that knows references again, where each message is final in time; once, with
fewer messages, without that promise, where some are held that were in flight at a kill.

CRASH_MESSAGES and CRASH_KILLS set the size, CRASH_SEED repeats the choices of a former run.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.crash.aftermath import (
    FINISHED,
    InFlight,
    assert_accepted_is_stored,
    assert_answered_by_its_own,
    assert_callbacks_arrived,
    assert_handed_over_once,
    assert_held_in_flight,
    assert_on_air_once,
    unexplained_tracebacks,
)
from tests.crash.afterwards import REFUSED
from tests.crash.clerk import ACCOUNT
from tests.crash.customers import Customers, Wish, wishes
from tests.crash.mails import Mails, mail_server
from tests.crash.processes import (
    ROLES,
    SecondWorker,
    by_role,
    freeze,
    kill,
    second_worker,
    thaw,
    until_it_listens,
)
from tests.crash.scripts import carrier_log
from tests.flows.conftest import Program, start, stop
from tests.flows.teller import Teller
from tests.receiver import Receiver
from tests.sizes import in_bench, in_full_on, long

pytestmark = [pytest.mark.whole_program, long]

MESSAGES = int(os.environ.get("CRASH_MESSAGES") or in_bench(10_000, otherwise=1000))
KILLS = int(os.environ.get("CRASH_KILLS") or in_bench(100, otherwise=24))
SEED = os.environ.get("CRASH_SEED") or str(time.time_ns())
# At the documented large size claims end by themselves, which takes a minute or two.
HURRIES = MESSAGES <= 1000
# Whether the carrier gives its promise: in CI on PostgreSQL, and on SQLite it does not.
PROMISES = in_bench((True, False), otherwise=in_full_on("sqlite", (False,), otherwise=(True,)))
FEWER_MESSAGES, FEWER_KILLS = MESSAGES // 4, KILLS // 2

LOGINS = tuple(f"script{number}" for number in range(6))
FINAL_WITHIN = 120
# An alert that a killed worker had is free again after two minutes, and its SMS goes out then.
TOLD_WITHIN = 180

# The roles that hand messages over, and how long the carrier hangs before one of them, or the
# carrier, is killed.
HANDING_OVER = ("worker", "second worker")
HANGS = 2.5
# How long the carrier lives at least before it dies for a worker.
CARRIER_LIVES = 60


@dataclass
class Run:
    """A program under way, and everybody around it."""

    program: Program
    clerk: Teller
    second: SecondWorker
    receiver: Receiver
    mails: Mails
    in_flight: InFlight = field(default_factory=InFlight)
    # When the carrier was killed last, and whether a worker has died together with it.
    carrier_died_at: float = -math.inf
    have_died_together: bool = False


@contextmanager
def running(folder: Path, *, repeats_are_safe: bool) -> Iterator[Run]:
    """A program with a broker of its own: one that serves others too must not be killed."""
    with Receiver() as receiver, mail_server() as mails, pytest.MonkeyPatch.context() as patch:
        patch.delenv("REDIS_URL", raising=False)
        program = start(
            folder,
            "--no-demo",
            PANEL_SMTP_URL=f"smtp://127.0.0.1:{mails.port}",
            PANEL_SIMULATOR_REPEATS=str(repeats_are_safe),
        )
        try:
            with (
                second_worker(program) as second,
                Teller(program, module="tests.crash.clerk") as clerk,
            ):
                yield Run(program, clerk, second, receiver, mails)
        finally:
            stop(program)


@pytest.mark.parametrize("repeats_are_safe", PROMISES)
def test_each_message_is_final_in_time_sent_paid_and_told_once(tmp_path, repeats_are_safe):
    messages, kills = (MESSAGES, KILLS) if repeats_are_safe else (FEWER_MESSAGES, FEWER_KILLS)
    with running(tmp_path, repeats_are_safe=repeats_are_safe) as run:
        stored, submits = lived_through(run, messages=messages, kills=kills)

    assert_on_air_once(stored, submits)
    assert_answered_by_its_own(stored, submits, run.in_flight)
    if repeats_are_safe:
        assert [each for each in stored if each["state"] not in FINISHED] == []
    else:
        assert_handed_over_once(stored, submits, run.in_flight)
        assert_held_in_flight(stored, submits, run.in_flight)


def lived_through(
    run: Run, *, messages: int, kills: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Let customers send while processes die; return the messages, and what the carrier saw.

    What must be so in any case is asserted here.
    """
    random = Random(SEED)  # noqa: S311  # to be repeated, not kept secret
    wished = list(wishes(random, logins=LOGINS, messages=messages))
    messages = sum(len(wish.receivers) for wish in wished)
    print(f"CRASH_SEED={SEED}: {messages} messages in {len(wished)} orders, {kills} kills")
    run.clerk.ask(
        "open_account",
        logins=LOGINS,
        callback=run.receiver.url,
        spent_at_alert=half_of_the_least_spent(wished),
    )

    with Customers(run.program, ACCOUNT, wished) as customers:
        kill_at_random(run, customers, random, messages=messages, kills=kills)
        told = customers.finish()
    run.clerk.ask("let_scheduled_come")
    stored = wait_until_all_is_done(run)

    submits = carrier_log(run.program)
    submissions = {each["id"]: each for each in run.clerk.ask("submissions")}
    assert_accepted_is_stored(told, submissions, stored)
    assert_callbacks_arrived(stored, submissions, run.receiver)
    assert_alerts_arrived(run)
    checked = run.program.manage("check_books")
    assert checked.returncode == 0, checked.stderr
    for output in (run.program.output, run.second.output):
        assert unexplained_tracebacks(output.read_text()) == []
    return stored, submits


def half_of_the_least_spent(wished: list[Wish]) -> int:
    """So many credits that each user comes to spend them, whatever is refused and given back."""
    spent = Counter(dict.fromkeys(LOGINS, 0))
    for wish in wished:
        spent[wish.login] += wish.parts * len(set(wish.receivers) - set(REFUSED))
    return max(min(spent.values()) // 2, 1)


def kill_at_random(
    run: Run, customers: Customers, random: Random, *, messages: int, kills: int
) -> None:
    """Kill a process of each role in turn, in any order, when so many messages were accepted."""
    moments = sorted(random.randrange(messages) for _ in range(kills))
    victims: list[str] = []
    while len(victims) < kills:
        victims += random.sample(ROLES, len(ROLES))
    began = time.monotonic()
    for moment, role in zip(moments, victims, strict=False):
        living(run, role)
        # Some more than until the kill, so that it comes in the middle of them.
        customers.allowed = moment + max(messages // kills, 20)
        while customers.accepted < moment and not customers.are_done:
            time.sleep(0.02)
        run.clerk.ask("let_scheduled_come")
        time.sleep(random.random() / 4)
        strike(run, customers, role, random)
        run.second.revive()
        print(f"{time.monotonic() - began:6.1f} s, {customers.accepted} accepted: {role} killed")
    print(f"{len(run.in_flight.began)} in flight, {len(run.in_flight.lost)} lost by the carrier")
    assert run.in_flight.lost, "no kill met anything that was being handed over"


def strike(run: Run, customers: Customers, role: str, random: Random) -> None:
    """Kill a process of a role; one that hands over or is handed to, in the middle of it.

    The carrier hangs for that moment, so that parts are under way to it that it has not answered.
    Now and then it dies together with the worker, and forgets what it had not read. Not more often:
    `serve` waits longer each time until it starts again what died young, and nothing would arrive.
    """
    if role not in (*HANDING_OVER, "carrier"):
        kill(random.choice(living(run, role)))
        return
    listens_at = until_it_listens(run.program)
    [carrier] = living(run, "carrier")
    since = time.time()
    freeze(carrier)
    until_something_is_under_way(run, customers)
    time.sleep(HANGS)
    victim = carrier if role == "carrier" else random.choice(living(run, role))
    # What it has under way stays so from here on.
    freeze(victim)
    began: dict[str, float] = run.clerk.ask("in_flight")
    kill(victim)
    is_steady = time.monotonic() - run.carrier_died_at > CARRIER_LIVES
    dies = role == "carrier" or is_steady or not run.have_died_together
    if dies:
        kill(carrier)
        run.carrier_died_at = time.monotonic()
        run.have_died_together |= role != "carrier"
    else:
        thaw(carrier)
    run.in_flight.met(
        began, since=since, until=time.time(), lost_after=listens_at if dies else None
    )


def until_something_is_under_way(run: Run, customers: Customers) -> None:
    """Let customers send a little more, if need be, so that the kill meets something."""
    until = time.monotonic() + 5
    while not run.clerk.ask("in_flight") and time.monotonic() < until:
        customers.allowed = max(customers.allowed, customers.accepted + 1)
        time.sleep(0.1)


def living(run: Run, role: str) -> list[int]:
    """The processes of a role, once there are any."""
    until = time.monotonic() + 60
    while not (pids := by_role(run.program)[role]):
        run.second.revive()
        assert time.monotonic() < until, f"{role} did not come back"
        time.sleep(0.1)
    return pids


def wait_until_all_is_done(run: Run) -> list[dict[str, Any]]:
    """Return what is stored once all is final, or held."""
    began = time.monotonic()
    while True:
        run.second.revive()
        if HURRIES:
            run.clerk.ask("end_old_claims")
        left = run.clerk.ask("left_to_do")
        waited = time.monotonic() - began
        if not any(left.values()):
            break
        print(f"{waited:6.1f} s after the last answer: {left}")
        assert waited < TOLD_WITHIN, left
        assert waited < FINAL_WITHIN or not left["messages"], left
        time.sleep(1)
    stored: list[dict[str, Any]] = run.clerk.ask("messages")
    print(f"{waited:.0f} s after the last answer: {Counter(each['state'] for each in stored)}")
    return stored


def assert_alerts_arrived(run: Run) -> None:
    """One alert for each crossing; a mail that came again has the same id."""
    mails = [message_from_string(mail) for mail in run.mails.taken]
    for user in run.clerk.ask("crossings"):
        assert user["crossed"] >= 1
        assert user["alerts"] == user["crossed"]
        expected = [["email", "done"]] * user["crossed"] + [["sms", "done"]] * user["crossed"]
        assert user["told"] == expected
        assert len(set(user["sms"])) == user["crossed"]
        ids = {mail["Message-ID"] for mail in mails if mail["To"] == f"{user['login']}@example.com"}
        assert len(ids) == user["crossed"]
    print(f"{len(mails) - len({mail['Message-ID'] for mail in mails})} mails came again")
