"""Passwords, query strings and texts of hundreds of calls, looked for wherever anything is kept."""

import base64
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote, urlencode

import psycopg
import pytest
import redis

from tests.flows.conftest import Program, start, stop
from tests.flows.test_guide import eventually
from tests.raw_http import RawClient
from tests.sizes import long

pytestmark = [pytest.mark.whole_program, long]

# Each stands for something that may be nowhere, or nowhere but where it belongs.
RIGHT = "Cnry1RightPassword"
FORMER = "Cnry2FormerPassword"
WRONG = "Cnry3WrongPassword"
TEXT = "Cnry4TextOfAMessage"
STRANGE = "Cnry5StrangeValue"
MSISDN = "33639983004"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    # All that the processes can say.
    running = start(tmp_path_factory.mktemp("data"), PANEL_LOG_LEVEL="DEBUG")
    yield running
    stop(running)


def calls(program: Program) -> Iterator[bytes]:
    """Requests of every kind that hold something which must not be kept."""
    demo = program.demo
    ordinary = {
        "account": demo["account"],
        "login": "canary",
        "password": RIGHT,
        "from": demo["sender"],
        "to": MSISDN,
        "message": TEXT,
    }
    for changes in (
        {},
        {"password": FORMER},
        {"password": WRONG},
        {"login": STRANGE},
        {"login": f"{STRANGE} ?"},
        {"account": STRANGE},
        {"account": "sms-nobody-1"},
        {"from": STRANGE},
        {"to": STRANGE},
        {"deferred": STRANGE},
        {"contentType": STRANGE},
        {"class": STRANGE},
        {"noStop": STRANGE},
        {"tag": STRANGE + "x" * 20},
        {"idempotencyKey": "a", "tag": "b"},
        {"idempotencyKey": "a", "tag": "c"},
        {"message": TEXT + "x" * 2000},
        {"message": TEXT + "\0"},
        {"pasword": WRONG, "password": ""},
        {"password": f"{RIGHT}\0"},
    ):
        for content_type in ("text/plain", "application/json"):
            given = ordinary | {"contentType": content_type} | changes
            yield from written(urlencode(given).encode())
    yield from written(urlencode(ordinary).encode().replace(b"=", b"%3D"))
    yield from written(quote(urlencode(ordinary)).encode())
    for credentials in (f"{demo['account']}/canary:{RIGHT}", f"{WRONG}:{RIGHT}", WRONG):
        yield get(b"", b"Authorization: Basic " + base64.b64encode(credentials.encode()))
    yield get(b"", b"Authorization: Bearer " + RIGHT.encode())
    yield get(b"", b"Cookie: sessionid=" + WRONG.encode())
    # What the server itself refuses.
    yield get(b"password=" + RIGHT.encode() + b"&message=\xff\xfe\x01")
    yield get(b"password=" + RIGHT.encode() + b"x" * 70_000)
    yield get(urlencode(ordinary).encode()).replace(b"/http2sms?", b"/nowhere/?")
    yield get(urlencode(ordinary).encode()).replace(b"Host: HOST", b"Host: other.example")
    for method in (b"PUT", b"HEAD", b"DELETE"):
        yield get(urlencode(ordinary).encode()).replace(b"GET", method)


def get(query: bytes, *headers: bytes) -> bytes:
    lines = [b"GET /http2sms?" + query + b" HTTP/1.1", b"Host: HOST", *headers]
    return b"\r\n".join([*lines, b"", b""])


def written(encoded: bytes) -> Iterator[bytes]:
    """The same parameters in the URL, in the body, and in a body that is no form."""
    yield get(encoded)
    for kind in (b"application/x-www-form-urlencoded", b"application/json", b"multipart/form-data"):
        lines = [
            b"POST /http2sms HTTP/1.1",
            b"Host: HOST",
            b"Content-Type: " + kind,
            b"Content-Length: %d" % len(encoded),
        ]
        yield b"\r\n".join([*lines, b"", encoded])


def test_nothing_of_a_call_is_kept_where_it_does_not_belong(program: Program):
    account = program.demo["account"]
    for password in (FORMER, RIGHT):
        made = program.manage("create_api_user", account, "canary", f"--password={password}")
        assert made.returncode == 0, made.stderr
    asked = 0
    with closing(RawClient(program.url)) as client:
        for call in calls(program):
            request = call.replace(b"HOST", client.host)
            client.ask(request)
            # The same, of which the end never comes.
            client.send_and_hang_up(request[: -len(request) // 4])
            asked += 2
    stored = program.send(
        account=account,
        login="canary",
        password=RIGHT,
        to=MSISDN,
        message=TEXT,
        **{"from": program.demo["sender"]},
    )
    assert stored["status"] == 100
    eventually(lambda: "delivered" in str(rows(program)), within=60)

    assert asked > 300
    secrets = (RIGHT, FORMER, WRONG, STRANGE)
    log = program.output.read_text()
    for canary in (*secrets, TEXT, MSISDN):
        assert canary not in log, lines_with(canary, log)
    for place, content in everything_kept(program):
        for canary in secrets:
            assert canary.encode() not in content, f"{canary} in {place}"
        if place not in TEXT_BELONGS:
            assert TEXT.encode() not in content, f"{TEXT} in {place}"
    # It would be no search if it could find nothing.
    assert any(TEXT.encode() in content for _place, content in everything_kept(program))


# The text of a message is kept with its submission, and by the carrier, which is somebody else.
TEXT_BELONGS = {
    "table sms_accounts_submission",
    "carrier.sqlite3",
    "carrier.sqlite3-wal",
    "panel.sqlite3",
    "panel.sqlite3-wal",
}


def everything_kept(program: Program) -> Iterator[tuple[str, bytes]]:
    """Every file of the installation, every table of its database, every key of its broker."""
    for path in program.data.rglob("*"):
        if path.is_file() and path != program.output and path.name != "demo.json":
            yield str(path.relative_to(program.data)), path.read_bytes()
    for table, content in rows(program).items():
        yield f"table {table}", content.encode()
    yield "broker", broker(program)


def rows(program: Program) -> dict[str, str]:
    """What stands in each table, as the database shows it."""
    if "DATABASE_URL" in program.environment:
        with psycopg.connect(program.environment["DATABASE_URL"]) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            return {
                name: str(connection.execute(f'SELECT t::text FROM "{name}" t').fetchall())  # noqa: S608
                for (name,) in tables
            }
    with closing(sqlite3.connect(program.data / "panel.sqlite3")) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: str(connection.execute(f'SELECT * FROM "{name}"').fetchall())  # noqa: S608
            for (name,) in names.fetchall()
        }


def broker(program: Program) -> bytes:
    """Everything in the broker, where it can be reached by a URL; its file is looked at anyway."""
    url = program.environment.get("REDIS_URL")
    if url is None:
        return b""
    with redis.Redis.from_url(url) as client:
        return b"\n".join(client.dump(key) or b"" for key in client.scan_iter())


def lines_with(canary: str, log: str) -> str:
    return "\n".join(line for line in log.splitlines() if re.search(re.escape(canary), line))
