"""Customers whose scripts send all sorts of orders, and ask again when no answer comes."""

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from random import Random
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode

from tests.crash.afterwards import REFUSED
from tests.factories import API_PASSWORD, SENDER
from tests.flows.conftest import Program

AT_ONCE = 6
# How long a script waits for one answer, and until it asks again.
TIMEOUT, BREAK = 20, 0.3


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One order that a customer wants sent, once."""

    tag: str
    login: str
    receivers: tuple[str, ...]
    text: str
    parts: int
    is_scheduled: bool
    has_key: bool

    @property
    def words(self) -> dict[str, str]:
        words = {
            "login": self.login,
            "password": API_PASSWORD,
            "from": SENDER,
            "to": ",".join(self.receivers),
            "message": self.text,
            "tag": self.tag,
            "noStop": "1",
            "contentType": "application/json",
        }
        if self.is_scheduled:
            words["deferred"] = f"{datetime.now(UTC) + timedelta(hours=1):%H%M%d%m%Y}"
        return words | ({"idempotencyKey": self.tag} if self.has_key else {})


@dataclass
class Told:
    """What a customer knows of a wish: how often it was sent off, and the ids it got."""

    wish: Wish
    tries: int = 0
    ids: list[int] = field(default_factory=list)


def wishes(random: Random, *, logins: tuple[str, ...], messages: int) -> Iterator[Wish]:
    """Orders of all kinds, until they are so many messages."""
    made = number = 0
    while made < messages:
        number += 1
        kind = random.choices(
            ("alone", "of many parts", "scheduled", "to many", "refused"), (50, 15, 10, 15, 10)
        )[0]
        parts = random.choice((2, 3)) if kind == "of many parts" else 1
        count = random.randint(2, 12) if kind == "to many" else 1
        receivers = [f"336123{random.randrange(100_000):05}" for _ in range(count)]
        if kind == "refused" or (kind == "to many" and random.random() < 0.5):
            receivers[0] = random.choice(REFUSED)
        text = f"Order {number}"
        receivers = list(dict.fromkeys(receivers))
        made += len(receivers)
        yield Wish(
            tag=f"order-{number}",
            login=random.choice(logins),
            receivers=tuple(receivers),
            text=text if parts == 1 else text.ljust(153 * parts, "x"),
            parts=parts,
            is_scheduled=kind == "scheduled",
            has_key=random.random() < 0.8,
        )


class Customers:
    """Several scripts that send off the wishes one after the other.

    `accepted` counts the messages that got a success answer so far; while they are as many as
    `allowed`, nothing new is sent. To be used in a `with`, at whose end the scripts stop.
    """

    def __init__(self, program: Program, account: str, wished: list[Wish]) -> None:
        self._program = program
        self._account = account
        self._wished = iter(wished)
        self._turn = threading.Lock()
        self.accepted = 0
        self.allowed = 0
        self.told: list[Told] = []
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._scripts: list[Future[None]] = [self._pool.submit(self._send) for _ in range(AT_ONCE)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._over.set()
        self._pool.shutdown(wait=True)

    @property
    def are_done(self) -> bool:
        return all(script.done() for script in self._scripts)

    def finish(self) -> list[Told]:
        """Let all be sent that is left, and return what the scripts were told.

        Raises what a script met that it could not understand.
        """
        self.allowed = sys.maxsize
        for script in self._scripts:
            script.result()
        return self.told

    def _send(self) -> None:
        while not self._over.is_set():
            if self.accepted >= self.allowed:
                time.sleep(0.02)
                continue
            with self._turn:
                wish = next(self._wished, None)
                if wish is None:
                    return
                told = Told(wish)
                self.told.append(told)
            words = {"account": self._account, **wish.words}
            while (ids := self._ask(told, words)) is None:
                if self._over.wait(BREAK):
                    return
            told.ids = ids
            with self._turn:
                self.accepted += len(ids)

    def _ask(self, told: Told, words: dict[str, str]) -> list[int] | None:
        """Return the ids in the answer, or None where no answer came or it said to come back."""
        told.tries += 1
        try:
            with urllib.request.urlopen(
                f"{self._program.url}/http2sms", urlencode(words).encode(), timeout=TIMEOUT
            ) as said:
                body: dict[str, Any] = json.load(said)
        except HTTPError as refused:
            with refused:
                if refused.code == 503 and refused.headers["Retry-After"]:
                    return None
                raise
        except (OSError, HTTPException):
            return None
        assert body["status"] == 100, (told.wish.tag, body)
        return [int(given) for given in body["smsIds"]]
