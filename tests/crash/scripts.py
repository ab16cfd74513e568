"""Scripts that send one message after the other, and what a whole program has made of them."""

import json
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import psycopg

from tests.flows.conftest import Program

ACCOUNT, SENDER, PASSWORD = "sms-cr12345-1", "Example", "Secret1234"
# The simulated carrier delivers to it a moment later.
MSISDN = "33639983004"


@dataclass(frozen=True)
class Answered:
    """What one call got: the status of HTTP, what it says about the next try, and the body."""

    status: int
    retry_after: str
    body: str

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


def call(program: Program, **parameters: str) -> Answered:
    """Call http2sms as user `script` unless told otherwise; any status of HTTP is an answer."""
    words = {
        "account": ACCOUNT,
        "login": "script",
        "password": PASSWORD,
        "from": SENDER,
        "to": MSISDN,
        "message": "Hello",
        "noStop": "1",
        "contentType": "application/json",
        **parameters,
    }
    try:
        with urllib.request.urlopen(
            f"{program.url}/http2sms?{urlencode(words)}", timeout=60
        ) as answer:
            return _answered(answer)
    except HTTPError as refused:
        with refused:
            return _answered(refused)


def _answered(answer: Any) -> Answered:
    return Answered(
        answer.status, answer.headers.get("Retry-After", ""), answer.read().decode("utf-8")
    )


def open_account(program: Program, *, credits: int) -> None:
    """Open the account that the scripts send from, with a user for them."""
    for arguments in (
        ("create_holder", "crash@example.com", "--password", "correct horse battery"),
        (
            *("create_account", ACCOUNT, "--owner", "crash@example.com"),
            *("--credits", str(credits), "--sender", SENDER),
        ),
        ("create_api_user", ACCOUNT, "script", "--password", PASSWORD),
    ):
        made = program.manage(*arguments)
        assert made.returncode == 0, made.stderr


@dataclass
class Scripts:
    """What the scripts were told: each accepted call by its key, and every other answer."""

    accepted: dict[str, int] = field(default_factory=dict)
    refused: list[Answered] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


@contextmanager
def sending(program: Program, *, at_once: int = 3) -> Iterator[Scripts]:
    """Let scripts send until the block ends, and then until each has the answer it waits for.

    A call that was put off is made again with its key, as the guide tells scripts to.
    """
    scripts = Scripts()
    over = threading.Event()
    threads = [
        threading.Thread(target=_script, args=(program, scripts, f"script{number}", over))
        for number in range(at_once)
    ]
    for thread in threads:
        thread.start()
    try:
        yield scripts
    finally:
        over.set()
        for thread in threads:
            thread.join(90)
    assert not any(thread.is_alive() for thread in threads)


def _script(program: Program, scripts: Scripts, name: str, over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        number += 1
        key = f"{name}-{number}"
        while key not in scripts.accepted:
            try:
                # The text tells the carrier's log which call a part belongs to.
                answer = call(program, idempotencyKey=key, message=key)
            except OSError as failed:
                scripts.strange.append(f"{key}: {failed}")
                return
            if answer.status == 200 and answer.content["status"] == 100:
                scripts.accepted[key] = int(answer.content["smsIds"][0])
            else:
                scripts.refused.append(answer)
                time.sleep(0.1)
        # As fast as it can, it would leave the other processes no processor.
        time.sleep(0.05)


def rows(program: Program, sql: str) -> list[tuple[Any, ...]]:
    """Ask the program's database; the statement must be one that both databases take."""
    if url := program.environment.get("DATABASE_URL"):
        with psycopg.connect(url) as server:
            return list(server.execute(sql.encode()))
    with closing(sqlite3.connect(program.data / "panel.sqlite3", timeout=30)) as file:
        return list(file.execute(sql))


def states(program: Program) -> dict[str, int]:
    """How many messages are in each state."""
    counted = rows(program, "SELECT state, count(*) FROM sms_accounts_message GROUP BY state")
    return {str(state): int(count) for state, count in counted}


def carrier_log(program: Program) -> list[dict[str, Any]]:
    """Each part that the simulated carrier was handed, in the carrier's own words."""
    port, secret = (
        (program.data / f"carrier.{name}").read_text().strip() for name in ("port", "secret")
    )
    submits: list[dict[str, Any]] = []
    while True:
        after = submits[-1]["number"] if submits else 0
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/log?after={after}",
            headers={"Authorization": f"Bearer {secret}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            page = json.load(answer)["submits"]
        if not page:
            return submits
        submits += page


def carrier_took(program: Program) -> list[str]:
    """The text of each part that the simulated carrier took."""
    return [each["text"] for each in carrier_log(program) if each["id"]]


def checked(program: Program) -> tuple[int, list[str]]:
    """Run the self-check; return its exit code and what it says to fail."""
    ended = program.manage("self_check")
    assert "Traceback" not in ended.stderr
    [line] = ended.stdout.splitlines()
    checks = json.loads(line)["checks"]
    return ended.returncode, [check["name"] for check in checks if check["level"] == "fail"]


def until(true: Callable[[], bool], *, within: float, told: Callable[[], object]) -> float:
    """Wait until something is so; return how many seconds that took."""
    began = time.monotonic()
    while not true():
        waited = time.monotonic() - began
        assert waited < within, f"Not so after {waited:.0f} s: {told()}"
        time.sleep(0.2)
    return time.monotonic() - began
