"""The database goes away while scripts send: they are told to come back, and nothing is lost."""

import os
from collections import Counter
from urllib.parse import urlsplit

import pytest

from sms_accounts.endpoints.http2sms_answers import FORMATS
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
from tests.crash.tcp_proxy import TcpProxy
from tests.flows.conftest import Program, own_database, start, stop
from tests.sizes import in_bench

pytestmark = [
    pytest.mark.whole_program,
    pytest.mark.skipif(
        "DATABASE_URL" not in os.environ, reason="SQLite is a file beside us and never away."
    ),
]

ROUNDS = in_bench(20, otherwise=2)
WITHOUT_DATABASE = {
    "text/plain": "KO\nNot available at the moment, try again later\n",
    "text/json": '{"status":503,"message":"Not available at the moment, try again later"}',
}


@pytest.fixture
def proxy():
    server = urlsplit(os.environ["DATABASE_URL"])
    with TcpProxy(server.hostname or "", server.port or 5432) as proxy:
        yield proxy


@pytest.fixture
def program(proxy, tmp_path, monkeypatch):
    """A program that knows its database behind the proxy alone, and has a broker of its own."""
    own = urlsplit(own_database(os.environ["DATABASE_URL"], f"crash_{proxy.port}"))
    behind = own._replace(netloc=f"{own.username}:{own.password}@127.0.0.1:{proxy.port}")
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    running = start(tmp_path, DATABASE_URL=behind.geturl())
    yield running
    stop(running)


def test_scripts_are_put_off_and_every_accepted_message_arrives(program, proxy):
    open_account(program, credits=100_000)
    with sending(program) as scripts:
        for _ in range(ROUNDS):
            accepted_more(scripts, within=60)
            proxy.cut()
            assert_put_off_in_every_format(program)
            assert checked(program) == (2, ["database"])
            # Long enough for the workers and for each process of the web server to notice.
            refused_more(scripts, within=60)
            proxy.restore()
            accepted_more(scripts, within=30)

    until(lambda: checked(program) == (0, []), within=60, told=lambda: checked(program))
    assert_told_in_time(scripts)
    until(
        lambda: states(program) == {"delivered": len(scripts.accepted)},
        within=90,
        told=lambda: (states(program), len(scripts.accepted)),
    )
    assert_each_once(program, scripts)
    said = program.output.read_text()
    assert "web was ended" not in said
    assert "web ended" not in said


def accepted_more(scripts: Scripts, *, within: float) -> None:
    enough = len(scripts.accepted) + 10
    until(lambda: len(scripts.accepted) >= enough, within=within, told=lambda: counted(scripts))


def refused_more(scripts: Scripts, *, within: float) -> None:
    enough = len(scripts.refused) + 12
    until(lambda: len(scripts.refused) >= enough, within=within, told=lambda: counted(scripts))


def counted(scripts: Scripts) -> str:
    return f"{len(scripts.accepted)} accepted, {len(scripts.refused)} not, {scripts.strange}"


def assert_put_off_in_every_format(program: Program) -> None:
    for content_type in FORMATS:
        answer = call(program, contentType=content_type)
        assert answer.status == 503, answer
        assert int(answer.retry_after) > 0
        assert "Not available at the moment, try again later" in answer.body
        assert answer.body == WITHOUT_DATABASE.get(content_type, answer.body)


def assert_told_in_time(scripts: Scripts) -> None:
    assert scripts.strange == []
    assert Counter(answer.status for answer in scripts.refused).keys() == {503}
    assert all(answer.content["status"] == 503 for answer in scripts.refused)
    assert all(int(answer.retry_after) > 0 for answer in scripts.refused)


def assert_each_once(program: Program, scripts: Scripts) -> None:
    """Whatever was told as accepted is a row, whatever was asked for is one row, and paid once."""
    stored = rows(
        program,
        "SELECT k.key, m.id FROM sms_accounts_idempotencykey k"
        " JOIN sms_accounts_message m ON m.submission_id = k.submission_id",
    )
    assert dict(stored) == scripts.accepted
    assert len(stored) == len(scripts.accepted)
    assert sorted(carrier_took(program)) == sorted(scripts.accepted)
    books = program.manage("check_books")
    assert books.returncode == 0, books.stdout
    [(spent,)] = rows(
        program, "SELECT -sum(credits) / 100 FROM sms_accounts_ledgerentry WHERE kind = 'debit'"
    )
    assert spent == len(stored)
