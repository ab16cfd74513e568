"""Scripts, staff and holders at once, each in processes of their own: no credit goes astray."""

import json
import random
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPResponse
from itertools import cycle, islice
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from sms_accounts import price_list
from tests.flows.conftest import Program
from tests.flows.teller import Teller
from tests.flows.test_guide import eventually
from tests.sizes import in_full_on, long

pytestmark = [pytest.mark.whole_program, long]

ROUNDS, CALLS = in_full_on("postgresql", 50, otherwise=3), 64
PASSWORD, SENDER = "Secret1234", "Example"
DELIVERED, REFUSED = "33639980004", "33639985023"
TEXTS = {1: "Hello", 2: "x" * 161, 3: "x" * 307}

Answer = tuple[int, str]
SENT: Answer = (100, "")


@pytest.fixture(scope="module")
def teller(program: Program) -> Iterator[Teller]:
    with Teller(program) as asked:
        yield asked


def request(program: Program, account: str, login: str, *, text: str, to: str = DELIVERED) -> bytes:
    query = urlencode(
        {
            "account": account,
            "login": login,
            "password": PASSWORD,
            "from": SENDER,
            "to": to,
            "message": text,
            "noStop": "1",
            "contentType": "application/json",
        }
    )
    host = urlsplit(program.url).netloc
    return f"GET /http2sms?{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def call_at_once(program: Program, requests: list[bytes]) -> list[Answer]:
    """Send each request over a connection of its own, all of them before an answer is read."""
    place = urlsplit(program.url)
    with ExitStack() as opened:
        connections = [
            opened.enter_context(
                socket.create_connection((place.hostname, place.port or 80), timeout=60)
            )
            for _request in requests
        ]
        for connection, asked in zip(connections, requests, strict=True):
            connection.sendall(asked)
        return [answer_on(connection) for connection in connections]


def answer_on(connection: socket.socket) -> Answer:
    with HTTPResponse(connection) as response:
        response.begin()
        body: dict[str, Any] = json.loads(response.read())
    assert response.status == 200, body
    return body["status"], body.get("message", "")


@dataclass(frozen=True)
class Case:
    """What is there at the beginning of each round, and what 64 calls at once come to."""

    name: str
    credits: int
    parts: int
    accepted: int
    refusal: str = "Not enough credits"
    is_quota: bool = False


CASES = (
    Case("account", credits=1, parts=1, accepted=1),
    Case("quota", credits=1, parts=1, accepted=1, refusal="Quota reached", is_quota=True),
    Case("three", credits=3, parts=3, accepted=1),
    Case("two", credits=1, parts=2, accepted=0),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_credits_for_one_message_are_spent_once(program: Program, teller: Teller, case: Case):
    account = f"sms-{case.name}-1"
    logins = ["one"] if case.is_quota else ["one", "other"]
    teller.ask("open_account", name=account, sender=SENDER, logins=logins, password=PASSWORD)
    requests = [
        request(program, account, login, text=TEXTS[case.parts])
        for login in islice(cycle(logins), CALLS)
    ]
    expected = Counter({(202, case.refusal): CALLS - case.accepted})
    if case.accepted:
        expected[SENT] = case.accepted

    for number in range(ROUNDS):
        if case.accepted or not number:
            teller.ask("top_up", name=account, credits=case.credits)
        if case.is_quota:
            assert teller.ask(
                "set_quota", account_name=account, login="one", quota=str(case.credits)
            )
        assert Counter(call_at_once(program, requests)) == expected, f"round {number}"

    figures = teller.ask("figures", name=account)
    left = 0 if case.accepted else case.credits
    assert sum(Decimal(held) for held in figures["held"].values()) == left
    assert figures["messages"] == ROUNDS * case.accepted
    assert teller.ask("deadlocks") == 0


# All at once.

ACCOUNTS = ("sms-mixed-1", "sms-mixed-2")
# The first two have quotas that are never used up, the third one that always is.
LOGINS = ["plenty", "ample", "scarce"]
PRICES = {DELIVERED: Decimal("0.35"), REFUSED: Decimal("0.07")}
TELLERS, SENDERS, CALLS_EACH, AT_ONCE = 4, 4, 8, 12


class Model:
    """What each account must have in the end, from what callers were told alone."""

    def __init__(self) -> None:
        self.left = dict.fromkeys(ACCOUNTS, Decimal(0))
        self._turn = threading.Lock()

    def add(self, account: str, credits: Decimal) -> None:
        with self._turn:
            self.left[account] += credits


def test_all_at_once_leaves_what_callers_were_told(program: Program, teller: Teller):
    model = Model()
    for number, credits in PRICES.items():
        teller.ask("set_rate", prefix=number, credits=credits)
    for account in ACCOUNTS:
        teller.ask("open_account", name=account, sender=SENDER, logins=LOGINS, password=PASSWORD)
        teller.ask("top_up", name=account, credits="5000")
        model.add(account, Decimal(5000))
    # Until then a web process may charge the rate of before.
    time.sleep(price_list.REMEMBERED_FOR.total_seconds())
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    sent = threading.Event()

    with ExitStack() as opened, ThreadPoolExecutor(TELLERS + SENDERS) as pool:
        tellers = [opened.enter_context(Teller(program)) for _ in range(TELLERS)]
        moving = [
            pool.submit(move, each, model, random.Random(seed + number), sent)  # noqa: S311
            for number, each in enumerate(tellers)
        ]
        sending = [
            pool.submit(send, program, model, random.Random(seed - number))  # noqa: S311
            for number in range(1, SENDERS + 1)
        ]
        try:
            answers = sum((each.result() for each in sending), Counter[Answer]())
        finally:
            sent.set()
        moves = sum((each.result() for each in moving), Counter[str]())

    assert answers[SENT] > 50
    assert set(answers) <= {
        SENT,
        (202, "Quota reached"),
        (202, "Not enough credits"),
        (202, "Invalid credentials"),
    }
    assert set(moves) == {"top_up", "take_back", "transfer", "set_quota", "set_enabled"}
    for account in ACCOUNTS:
        eventually(lambda: teller.ask("figures", name=account)["on_their_way"] == 0, within=60)  # noqa: B023
        figures = teller.ask("figures", name=account)
        assert sum(Decimal(held) for held in figures["held"].values()) == model.left[account]
        assert_entries_follow_from_each_other(figures)
        for login in ("plenty", "ample"):
            assert_charged_to_the_purse_of_the_moment(figures["entries"], login)
    assert teller.ask("deadlocks") == 0
    books = program.manage("check_books")
    assert books.returncode == 0, books.stdout
    output = program.output.read_text()
    for word in ("deadlock", "database is locked", "http2sms_without_database", "Traceback"):
        assert word not in output


def send(program: Program, model: Model, chance: random.Random) -> Counter[Answer]:
    """Call http2sms for users of both accounts, and take what was accepted off the model."""
    answers: Counter[Answer] = Counter()
    for _ in range(CALLS_EACH):
        calls = [
            (
                chance.choice(ACCOUNTS),
                chance.choice(LOGINS),
                chance.choice(list(TEXTS)),
                chance.choice(list(PRICES)),
            )
            for _call in range(AT_ONCE)
        ]
        given = call_at_once(
            program,
            [
                request(program, account, login, text=TEXTS[parts], to=number)
                for account, login, parts, number in calls
            ],
        )
        answers.update(given)
        for (account, _login, parts, number), answer in zip(calls, given, strict=True):
            # What the carrier refuses is given back.
            if answer == SENT and number == DELIVERED:
                model.add(account, -parts * PRICES[number])
    return answers


def move(
    teller: Teller, model: Model, chance: random.Random, sent: threading.Event
) -> Counter[str]:
    """Top up, take back, transfer, and change quotas, until everything is sent."""
    moves: Counter[str] = Counter()
    while not sent.is_set() or len(moves) < 5:
        account, other = chance.sample(ACCOUNTS, 2)
        login = chance.choice(LOGINS)
        credits = Decimal(chance.randrange(1, 500)) / 100
        what = chance.choice(
            [
                "top_up",
                "take_back",
                "transfer",
                "set_quota",
                "set_quota",
                "set_quota",
                "set_enabled",
            ]
        )
        if what == "top_up":
            teller.ask(what, name=account, credits=credits)
            model.add(account, credits)
        elif what == "take_back" and teller.ask(what, name=account, credits=credits):
            model.add(account, -credits)
        elif what == "transfer" and teller.ask(
            what, giver=account, receiver=other, credits=credits
        ):
            model.add(account, -credits)
            model.add(other, credits)
        elif what == "set_quota":
            most = 200 if login == "scarce" else 100_000
            given = Decimal(chance.randrange(most // 2, most)) / 100
            quota = None if chance.random() < 0.5 else given
            teller.ask(what, account_name=account, login=login, quota=quota)
        elif what == "set_enabled":
            enabled = login != "scarce" or chance.random() < 0.7
            teller.ask(what, account_name=account, login=login, enabled=enabled)
        moves[what] += 1
    return moves


def assert_entries_follow_from_each_other(figures: dict[str, Any]) -> None:
    for owner, entries in figures["entries"].items():
        balance = Decimal(0)
        for entry in entries:
            balance += Decimal(entry["credits"])
            assert Decimal(entry["balance"]) == balance >= 0
            if entry["kind"] == "debit":
                assert entry["submission__wallet_id"] == entry["wallet_id"]
                assert owner in ("", entry["api_user__login"])
        assert balance == Decimal(figures["held"][owner])


def assert_charged_to_the_purse_of_the_moment(
    entries: dict[str, list[dict[str, Any]]], login: str
) -> None:
    """Between a quota that was given and its end its own purse pays, else the account's.

    The quota is never used up, so that each of both has its entries; those of one purse stand
    in the order of its movements.
    """
    for owner, pays_with_quota in (("", False), (login, True)):
        has_quota = False
        for entry in entries[owner]:
            if entry["api_user__login"] != login:
                continue
            if entry["kind"] == "quota":
                has_quota = entry["reason"] != "Quota switched off"
            elif entry["kind"] == "debit":
                assert has_quota == pays_with_quota, f"the wrong purse paid for {login}"
