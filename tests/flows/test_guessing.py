"""Thousands of wrong passwords from thousands of places: the owner's own calls go on."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import pytest

from sms_accounts import guesses
from tests.flows.conftest import Program, start, stop
from tests.raw_http import Answer, RawClient
from tests.sizes import long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_embedded, long]

GUESSES = 10_000
AT_ONCE = 8
HOME = "192.0.2.10"
PASSWORD = "Secret1234"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    # The test is the proxy in front, and says where each caller is.
    running = start(tmp_path_factory.mktemp("data"), PANEL_PROXIES="1")
    made = running.manage(
        "create_api_user", running.demo["account"], "owner", f"--password={PASSWORD}"
    )
    assert made.returncode == 0, made.stderr
    yield running
    stop(running)


def call(program: Program, client: RawClient, *, password: str, address: str) -> Answer:
    query = urlencode(
        {
            "account": program.demo["account"],
            "login": "owner",
            "password": password,
            "from": program.demo["sender"],
            "to": program.demo["msisdn"],
            "message": "Hello",
            "noStop": "1",
            "contentType": "application/json",
        }
    )
    request = (
        f"GET /http2sms?{query} HTTP/1.1\r\n"
        f"Host: {client.host.decode()}\r\nX-Forwarded-For: {address}\r\n\r\n"
    )
    return client.ask(request.encode())


def test_the_owner_sends_while_somebody_guesses_from_everywhere(program: Program):
    with closing(RawClient(program.url)) as client:
        assert call(program, client, password=PASSWORD, address=HOME).status == 200
    over = threading.Event()

    def guess(share: int) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        with closing(RawClient(program.url)) as client:
            for number in range(share, GUESSES, AT_ONCE):
                place = f"198.{18 + number % 2}.{number // 250 % 250}.{number % 250}"
                answer = call(program, client, password=f"Guess{number:05}", address=place)
                outcomes[f"{answer.status} {json.loads(answer.body)['message']}"] += 1
        return outcomes

    def send_from_home() -> list[tuple[int, object]]:
        answers: list[tuple[int, object]] = []
        with closing(RawClient(program.url)) as client:
            while not over.is_set() and len(answers) < 150:
                answer = call(program, client, password=PASSWORD, address=HOME)
                answers.append((answer.status, json.loads(answer.body)["status"]))
                time.sleep(0.2)
        return answers

    with ThreadPoolExecutor(AT_ONCE + 1) as pool:
        owner = pool.submit(send_from_home)
        outcomes = sum(pool.map(guess, range(AT_ONCE)), Counter[str]())
        over.set()

    assert outcomes.total() == GUESSES
    assert set(outcomes) == {
        "200 Invalid credentials",
        "429 Too many tries with wrong credentials, try again later",
    }
    # The spans go by the clock: one may have ended meanwhile.
    assert outcomes["200 Invalid credentials"] <= 2 * guesses.OF_LOGIN.most
    assert len(owner.result()) > 10
    assert set(owner.result()) == {(200, 100)}
    assert "Traceback" not in program.output.read_text()
