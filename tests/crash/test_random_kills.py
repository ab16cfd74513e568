"""Processes of the whole program die at random while customers send: nothing is lost or doubled.

CRASH_MESSAGES and CRASH_KILLS set the size, CRASH_SEED repeats the choices of a former run.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from email import message_from_string
from random import Random
from typing import Any

import pytest

from sms_accounts.models import FINAL
from tests.crash.clerk import ACCOUNT
from tests.crash.customers import Customers, Told, wishes
from tests.crash.mails import Mails, mail_server
from tests.crash.processes import ROLES, SecondWorker, by_role, kill, second_worker
from tests.crash.scripts import carrier_log
from tests.flows.conftest import Program, start, stop
from tests.flows.teller import Teller
from tests.receiver import Receiver
from tests.sizes import in_bench, in_full

pytestmark = pytest.mark.whole_program

MESSAGES = int(
    os.environ.get("CRASH_MESSAGES") or in_bench(10_000, otherwise=in_full(1000, otherwise=150))
)
KILLS = int(
    os.environ.get("CRASH_KILLS") or in_bench(100, otherwise=in_full(24, otherwise=len(ROLES)))
)
SEED = os.environ.get("CRASH_SEED") or str(time.time_ns())
# At the documented large size claims end by themselves, which takes two minutes.
HURRIES = MESSAGES <= 1000

LOGINS = tuple(f"script{number}" for number in range(6))
FINAL_WITHIN = 120
# An alert that a killed worker had is free again after two minutes, and its SMS goes out then.
TOLD_WITHIN = 180

FINISHED = {str(state) for state in FINAL}


@dataclass
class Run:
    """A program under way, and everybody around it."""

    program: Program
    clerk: Teller
    second: SecondWorker
    receiver: Receiver
    mails: Mails


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A program with a broker of its own: one that serves others too must not be killed."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    with Receiver() as receiver, mail_server() as mails:
        program = start(tmp_path, "--no-demo", PANEL_SMTP_URL=f"smtp://127.0.0.1:{mails.port}")
        try:
            with (
                second_worker(program) as second,
                Teller(program, module="tests.crash.clerk") as clerk,
            ):
                yield Run(program, clerk, second, receiver, mails)
        finally:
            stop(program)


def test_each_message_is_sent_paid_and_told_once(run: Run):
    random = Random(SEED)  # noqa: S311  # to be repeated, not kept secret
    wished = list(wishes(random, logins=LOGINS, messages=MESSAGES))
    messages = sum(len(wish.receivers) for wish in wished)
    print(f"CRASH_SEED={SEED}: {messages} messages in {len(wished)} orders, {KILLS} kills")
    run.clerk.ask(
        "open_account",
        logins=LOGINS,
        callback=run.receiver.url,
        spent_at_alert=messages // len(LOGINS) // 3,
    )

    with Customers(run.program, ACCOUNT, wished) as customers:
        kill_at_random(run, customers, random, messages=messages)
        told = customers.finish()
    run.clerk.ask("let_scheduled_come")
    stored = wait_until_all_is_final(run)

    submits = carrier_log(run.program)
    submissions = {each["id"]: each for each in run.clerk.ask("submissions")}
    assert_accepted_is_stored(told, submissions, stored)
    assert_on_air_once(stored, submits)
    assert_callbacks_arrived(stored, submissions, run.receiver)
    assert_alerts_arrived(run)
    checked = run.program.manage("check_books")
    assert checked.returncode == 0, checked.stderr
    for output in (run.program.output, run.second.output):
        assert unexplained_tracebacks(output.read_text()) == []


def kill_at_random(run: Run, customers: Customers, random: Random, *, messages: int) -> None:
    """Kill a process of each role in turn, in any order, when so many messages were accepted."""
    moments = sorted(random.randrange(messages) for _ in range(KILLS))
    victims: list[str] = []
    while len(victims) < KILLS:
        victims += random.sample(ROLES, len(ROLES))
    began = time.monotonic()
    for moment, role in zip(moments, victims, strict=False):
        living(run, role)
        # Some more than until the kill, so that it comes in the middle of them.
        customers.allowed = moment + messages // KILLS
        while customers.accepted < moment and not customers.are_done:
            time.sleep(0.02)
        run.clerk.ask("let_scheduled_come")
        time.sleep(random.random() / 4)
        kill(random.choice(living(run, role)))
        run.second.revive()
        print(f"{time.monotonic() - began:6.1f} s, {customers.accepted} accepted: {role} killed")


def living(run: Run, role: str) -> list[int]:
    """The processes of a role, once there are any."""
    until = time.monotonic() + 60
    while not (pids := by_role(run.program)[role]):
        run.second.revive()
        assert time.monotonic() < until, f"{role} did not come back"
        time.sleep(0.1)
    return pids


def wait_until_all_is_final(run: Run) -> list[dict[str, Any]]:
    """Return what is stored once all is final, or held because nobody can know better."""
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
    """Each part was handed over once; a message is final unless nobody can know of a part."""
    seen = {each["ref"]: each for each in submits}
    held = 0
    for message in stored:
        attempts = message["attempts"]
        assert attempts, "paid, and not handed over"
        taken = Counter(
            attempt["part"]
            for attempt in attempts
            if seen.get(attempt["reference"], {"id": None})["id"]
        )
        assert set(taken.values()) <= {1}, "a part was put on air twice"
        assert message["refunds"] == (message["state"] == "rejected")
        if message["state"] in FINISHED:
            refused = {attempt["outcome"] for attempt in attempts} & {"rejected"}
            assert (message["state"] == "rejected") == bool(refused)
        else:
            # The carrier was never reached, or what it said to a part got lost and no DLR comes.
            assert message["state"] == "submitting"
            assert any(
                attempt["outcome"] == "unanswered"
                and not seen.get(attempt["reference"], {"id": None})["id"]
                for attempt in attempts
            )
            held += 1
    print(f"{held} held for what nobody can know")
    references = {attempt["reference"] for message in stored for attempt in message["attempts"]}
    assert set(seen) <= references, "on air without an attempt"
    assert {each["asked"] for each in seen.values()} == {1}
    assert not any(each["repeated"] for each in seen.values())


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
