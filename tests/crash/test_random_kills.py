"""Processes of the whole program die at random while customers send: nothing is lost or doubled.

Once with a carrier that knows references again, where each message is final in time; once, with
fewer messages, without that promise, where some are held that were in flight at a kill.

CRASH_MESSAGES and CRASH_KILLS set the size, CRASH_SEED repeats the choices of a former run.
"""

import math
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from email import message_from_string
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sms_accounts.models import FINAL
from tests.crash.clerk import ACCOUNT
from tests.crash.customers import Customers, Told, wishes
from tests.crash.mails import Mails, mail_server
from tests.crash.processes import (
    ROLES,
    SecondWorker,
    by_role,
    freeze,
    kill,
    second_worker,
    thaw,
)
from tests.crash.scripts import carrier_log
from tests.flows.conftest import Program, start, stop
from tests.flows.teller import Teller
from tests.receiver import Receiver
from tests.sizes import in_bench, in_full_on

pytestmark = pytest.mark.whole_program

MESSAGES = int(
    os.environ.get("CRASH_MESSAGES")
    or in_bench(10_000, otherwise=in_full_on("postgresql", 1000, otherwise=150))
)
KILLS = int(
    os.environ.get("CRASH_KILLS")
    or in_bench(100, otherwise=in_full_on("postgresql", 24, otherwise=len(ROLES)))
)
SEED = os.environ.get("CRASH_SEED") or str(time.time_ns())
# At the documented large size claims end by themselves, which takes a minute or two.
HURRIES = MESSAGES <= 1000
# Without the carrier's promise: in CI on the database on which the other run is the short one.
PROMISES = in_bench(2, otherwise=in_full_on("sqlite", 2, otherwise=1))
FEWER_MESSAGES, FEWER_KILLS = max(MESSAGES // 4, 250), max(KILLS // 2, 12)

LOGINS = tuple(f"script{number}" for number in range(6))
FINAL_WITHIN = 120
# An alert that a killed worker had is free again after two minutes, and its SMS goes out then.
TOLD_WITHIN = 180

# The roles that hand messages over, and how long the carrier hangs before one of them, or the
# carrier, is killed. What began so long before that was surely written to it.
HANDING_OVER = ("worker", "second worker")
HANGS, SURELY_WRITTEN = 1.2, 1.0
# How long the carrier lives at least before it dies for a worker.
CARRIER_LIVES = 60
# Later than this no first hand-over reaches the carrier: it hung, or had to start again.
REACHED_WITHIN = 15

FINISHED = {str(state) for state in FINAL}


@dataclass
class InFlight:
    """Which parts were being handed over when somebody was killed over them."""

    # By their references, when they were begun.
    began: dict[str, float] = field(default_factory=dict)
    # Those that were written to a carrier which was then killed: it never answered them.
    lost: set[str] = field(default_factory=set)
    # From when to when the carrier hung or somebody was about to die.
    spans: list[tuple[float, float]] = field(default_factory=list)

    def met(self, began: Mapping[str, float], *, since: float, until: float, is_lost: bool) -> None:
        """Note a kill, and when the parts that were under way then were begun."""
        self.began |= began
        self.spans.append((since, until))
        if is_lost:
            self.lost |= {ref for ref, at in began.items() if at < until - SURELY_WRITTEN}

    def has(self, attempt: Mapping[str, Any]) -> bool:
        return attempt["reference"] in self.began or any(
            since <= attempt["started_at"] <= until for since, until in self.spans
        )


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


@pytest.mark.parametrize("repeats_are_safe", [True, False][:PROMISES])
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
        spent_at_alert=messages // len(LOGINS) // 3,
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
        strike(run, role, random)
        run.second.revive()
        print(f"{time.monotonic() - began:6.1f} s, {customers.accepted} accepted: {role} killed")
    print(f"{len(run.in_flight.began)} in flight, {len(run.in_flight.lost)} lost by the carrier")
    assert run.in_flight.lost, "no kill met anything that was being handed over"


def strike(run: Run, role: str, random: Random) -> None:
    """Kill a process of a role; one that hands over or is handed to, in the middle of it.

    The carrier hangs for that moment, so that parts are under way to it that it has not answered.
    Now and then it dies together with the worker, and forgets what it had not read. Not more often:
    `serve` waits longer each time until it starts again what died young, and nothing would arrive.
    """
    if role not in (*HANDING_OVER, "carrier"):
        kill(random.choice(living(run, role)))
        return
    [carrier] = living(run, "carrier")
    since = time.time()
    freeze(carrier)
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
    run.in_flight.met(began, since=since, until=time.time(), is_lost=dies)


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
        assert waited < TOLD_WITHIN, left
        assert waited < FINAL_WITHIN or not left["messages"], left
        time.sleep(1)
    stored: list[dict[str, Any]] = run.clerk.ask("messages")
    print(f"{waited:.0f} s after the last answer: {Counter(each['state'] for each in stored)}")
    return stored


def assert_accepted_is_stored(
    told: Iterable[Told],
    submissions: Mapping[int, Mapping[str, Any]],
    stored: Iterable[Mapping[str, Any]],
) -> None:
    """What got a success answer is there; each order was paid once, and none that nobody sent."""
    receivers: dict[int, list[str]] = {}
    ids: dict[int, list[int]] = {}
    for message in stored:
        receivers.setdefault(message["submission_id"], []).append(message["msisdn"])
        ids.setdefault(message["submission_id"], []).append(message["id"])
    by_tag: dict[str, list[int]] = {}
    for submission in submissions.values():
        if submission["channel"] == "http2sms":
            by_tag.setdefault(submission["tag"], []).append(submission["id"])
    for each in told:
        wish = each.wish
        orders = by_tag.pop(wish.tag)
        # Whoever asks again without a key may have sent the first one too, and has paid both.
        assert len(orders) == 1 or (not wish.has_key and len(orders) <= each.tries), wish
        assert each.ids in [ids[order] for order in orders]
        for order in orders:
            price = len(wish.receivers) * wish.parts
            assert receivers[order] == list(wish.receivers)
            assert Decimal(submissions[order]["credits"]) == price
    assert by_tag == {}
    assert all(each["paid"] == [each["credits"]] for each in submissions.values())


def assert_on_air_once(
    stored: Iterable[Mapping[str, Any]], submits: Iterable[Mapping[str, Any]]
) -> None:
    """Each part reached its handset once at most, and none that nobody handed over."""
    sent = {each["ref"]: each["sent"] for each in submits}
    for message in stored:
        attempts = message["attempts"]
        assert attempts, "paid, and not handed over"
        times: Counter[int] = Counter()
        for attempt in attempts:
            times[attempt["part"]] += sent.get(attempt["reference"], 0)
        assert max(times.values()) <= 1, ("a part was put on air twice", message)
        assert message["refunds"] == (message["state"] == "rejected")
        if message["state"] in FINISHED:
            refused = {attempt["outcome"] for attempt in attempts} & {"rejected"}
            assert (message["state"] == "rejected") == bool(refused)
    references = {attempt["reference"] for message in stored for attempt in message["attempts"]}
    assert set(sent) <= references, "on air without an attempt"


def assert_answered_by_its_own(
    stored: Iterable[Mapping[str, Any]],
    submits: Iterable[Mapping[str, Any]],
    in_flight: InFlight,
) -> None:
    """Nothing counts as not taken of which the carrier was told and did not say so.

    It keeps nobody waiting here: what is to be tried later has not reached it at all.
    """
    seen = {each["ref"] for each in submits}
    for message in stored:
        for attempt in message["attempts"]:
            if attempt["outcome"] in ("try_later", "not_sent"):
                assert attempt["reference"] not in seen, message
                assert attempt["reference"] not in in_flight.lost, message


def assert_handed_over_once(
    stored: Iterable[Mapping[str, Any]],
    submits: Iterable[Mapping[str, Any]],
    in_flight: InFlight,
) -> None:
    """No part came again, under whichever reference, and none after it was abandoned."""
    seen = {each["ref"]: each for each in submits}
    assert {each["asked"] for each in seen.values()} == {1}
    for reference, began in in_flight.began.items():
        if submit := seen.get(reference):
            assert submit["seen_at"] < began + REACHED_WITHIN, submit
    for message in stored:
        outcomes = Counter(each["outcome"] for each in message["attempts"])
        assert message["queued_again"] <= outcomes["try_later"], message
        parts = Counter(
            each["part"]
            for each in message["attempts"]
            if each["outcome"] not in ("try_later", "not_sent")
        )
        assert set(parts.values()) <= {1}, ("handed over again", message)


def assert_held_in_flight(
    stored: Iterable[Mapping[str, Any]],
    submits: Iterable[Mapping[str, Any]],
    in_flight: InFlight,
) -> None:
    """A message is final unless the carrier never told of a part that was in flight at a kill."""
    taken = {each["ref"] for each in submits if each["id"]}
    held = 0
    for message in stored:
        if message["state"] in FINISHED:
            continue
        assert message["state"] == "submitting"
        open_parts = [
            attempt
            for attempt in message["attempts"]
            if attempt["outcome"] == "unanswered" and attempt["reference"] not in taken
        ]
        assert open_parts, message
        assert all(in_flight.has(attempt) for attempt in open_parts), message
        held += 1
    print(f"{held} held that were in flight at a kill")


def assert_callbacks_arrived(
    stored: Iterable[Mapping[str, Any]],
    submissions: Mapping[int, Mapping[str, Any]],
    receiver: Receiver,
) -> None:
    """Each change was told, in the order of the changes; what came again said the same."""
    heard: dict[str, list[str]] = {}
    for request in receiver.requests:
        heard.setdefault(request.value("id"), []).append(request.value("ptt"))
    repeated = 0
    for message in stored:
        if submissions[message["submission_id"]]["channel"] != "http2sms":
            continue
        told = heard.pop(str(message["id"]), [])
        assert message["callbacks"] == [[*change, True] for change in message["changes"]]
        expected = [str(ptt) for _state, ptt in message["changes"]]
        assert list(dict.fromkeys(told)) == expected, message
        repeated += len(told) - len(expected)
    assert heard == {}
    print(f"{repeated} callbacks came again")


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


def unexplained_tracebacks(output: str) -> list[str]:
    """The tracebacks in what processes said, but for those of a broker that was killed.

    Whoever talks to the broker at that moment gets an error of the library that does so.
    """
    said: dict[str, list[str]] = {}
    for line in output.splitlines():
        name, separator, rest = line.partition("| ")
        said.setdefault(name if separator else "", []).append(rest if separator else line)
    blocks = [
        block.partition("\ntimestamp=")[0]
        for lines in said.values()
        for block in "\n".join(lines).split("Traceback (most recent call last)")[1:]
    ]
    return [block for block in blocks if not re.search(r"/(redis|kombu)/|\b(redis|kombu)\.", block)]
