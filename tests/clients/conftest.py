"""A running installation with an account for clients that were written by others."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.flows.conftest import Program, start, stop
from tests.receiver import Receiver

CGI = "/cgi-bin/sms/http2sms.cgi"
COLUMNS = (
    "message.id",
    "message.msisdn",
    "message.state",
    "submission.text",
    "submission.coding",
    "submission.parts",
    "submission.sender",
    "submission.message_class",
    "submission.tag",
)


@dataclass(frozen=True)
class Account:
    """What an administrator types into the settings of a client."""

    program: Program
    name: str
    login: str
    password: str
    sender: str

    @property
    def url(self) -> str:
        return self.program.url + CGI

    def stored(self, message_id: str) -> dict[str, Any]:
        """Return a message as the installation keeps it."""
        return self._messages(f"WHERE message.id = {int(message_id)}")[0]

    def latest(self, count: int) -> list[dict[str, Any]]:
        """Return the last messages that were stored, in their order."""
        return self._messages(f"ORDER BY message.id DESC LIMIT {int(count)}")[::-1]

    def count(self) -> int:
        """Return how many messages the installation keeps."""
        [[count]] = self._rows("SELECT count(*) FROM sms_accounts_message")
        return int(count)

    def _messages(self, which: str) -> list[dict[str, Any]]:
        query = (
            f"SELECT {', '.join(COLUMNS)} FROM sms_accounts_message message"  # noqa: S608
            " JOIN sms_accounts_submission submission ON submission.id = message.submission_id"
            f" {which}"
        )
        names = [column.partition(".")[2] for column in COLUMNS]
        return [dict(zip(names, row, strict=True)) for row in self._rows(query)]

    def _rows(self, query: str) -> list[Any]:
        if url := self.program.environment.get("DATABASE_URL"):
            with psycopg.connect(url) as server:
                return server.execute(query.encode()).fetchall()
        connection = sqlite3.connect(self.program.data / "panel.sqlite3", timeout=30)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    program = start(tmp_path_factory.mktemp("data"))
    made = Account(program, "sms-zz98765-1", "alice@example.com", "Secret1234", "Example")
    holder = program.demo["holder_email"]
    senders = (f"--sender={made.sender}", "--sender=33203040506")
    for command in (
        ("create_account", made.name, f"--owner={holder}", "--credits=1000", *senders),
        ("create_api_user", made.name, made.login, f"--password={made.password}"),
    ):
        done = program.manage(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    yield made
    stop(program)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening
