"""Thousands of requests that no client should make: each gets an answer that the reference has."""

import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import pytest

from sms_accounts.http2sms import PARAMETERS, PATH, SHORT_PATH
from tests.flows.conftest import Program
from tests.raw_http import Answer, RawClient
from tests.sizes import long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_embedded, long]

REQUESTS = 20_000
AT_ONCE = 8
SEED = int(os.environ.get("FUZZ_SEED", "20261124"))

# What the endpoint answers with, and what the server says of what is no HTTP, or too long.
STATUSES = {100, 201, 202, 241, 401, 429}
HTTP_STATUSES = {200, 204, 400, 405, 414, 429, 431}
MOST_GROWTH = 40 * 1024

HOSTILE = [
    b"",
    b" ",
    b"\0",
    b"%",
    b"%zz",
    b"%00",
    b"\xff\xfe",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80" * 100,
    "Déjà vu".encode("latin-1"),
    "١٢٣٤٥٦٧٨٩٠١٢".encode(),
    "\u202etxet\u2066".encode(),
    b"\r\nSet-Cookie: a=b\r\n\r\n",
    b"<script>alert(1)</script>",
    b"]]><x/>",
    b"' OR '1'='1",
    b"{{ 7*7 }}{% debug %}${7*7}",
    b"../../../../etc/passwd",
    b"-1",
    b"0",
    b"2147483648",
    b"9223372036854775808",
    b"1e309",
    b"NaN",
    b"0x10",
    b"true",
    b"1" * 400,
    b"," * 2_000,
    b"x" * 30_000,
    b"\xe9" * 5_000,
    b"a=b&c=d",
    b"?&&&=",
]
OF_ONE = {
    "to": [
        b",".join(b"3363998%04d" % number for number in range(10_000)),
        b",".join(b"3363998%04d" % number for number in range(1_001)),
        b"33639980004,33639980001,1,,,+33639980004",
        b"+33 6.39-98(00)04",
        b"0033639980004",
        b"12025550123",
        b"0639980004",
    ],
    "deferred": [
        b"125025112019",
        b"125025112030",
        b"999999999999",
        b"000000000000",
        b"235929022027",
        b"023028032027",
        b"235931129999",
    ],
    "message": [b"%0d%0D%0a", b"\r\n" * 500, "€".encode() * 2_000, b"\x1b", b"x" * 919],
    "account": [b"sms-nobody-1", b"SMS-AB12345-1", b"sms-ab12345-1\n"],
    "tag": [b"x" * 20, b"x" * 21],
    "contentType": [b"text/plain", b"text/html", b"text/xml", b"application/xml", b"text/json"],
    "class": [b"0", b"3", b"4"],
    "noStop": [b"1", b"0", b"TRUE", b"maybe"],
    "senderForResponse": [b"1", b"2"],
    "idempotencyKey": [b"a", b"b", b"k" * 255, b"k" * 256],
}

Pairs = list[tuple[bytes, bytes]]


def values_of(name: str) -> list[bytes]:
    return HOSTILE + OF_ONE.get(name, [])


def ordinary(program: Program) -> dict[str, bytes]:
    demo = program.demo
    return {
        "account": demo["account"].encode(),
        "login": demo["login"].encode(),
        "password": demo["password"].encode(),
        "from": demo["sender"].encode(),
        "to": demo["msisdn"].encode(),
        "message": b"Hello",
        "noStop": b"1",
        "contentType": b"application/json",
    }


def pairs_of(dice: random.Random, given: dict[str, bytes]) -> Pairs:
    """An ordinary call with some of its parameters changed, left out, doubled or misspelt."""
    given = dict(given)
    for parameter in dice.sample(PARAMETERS, dice.choice([0, 1, 1, 2, 3, 6])):
        if dice.random() < 0.3:
            given.pop(parameter.name, None)
        else:
            given[parameter.name] = dice.choice(values_of(parameter.name))
    pairs = [(spelt(dice, name), value) for name, value in given.items()]
    if dice.random() < 0.2:
        name, value = dice.choice(pairs) if pairs else (b"a", b"b")
        pairs.append((name, dice.choice([value, b"other"])))
    if dice.random() < 0.1:
        pairs.append((dice.choice(HOSTILE), dice.choice(HOSTILE)))
    if dice.random() < 0.1:
        pairs.insert(0, (b"", b""))
    dice.shuffle(pairs)
    return pairs


def spelt(dice: random.Random, name: str) -> bytes:
    parameter = next(found for found in PARAMETERS if found.name == name)
    written = dice.choice([name, name, *parameter.aliases])
    return dice.choice([written, written, written.lower(), written.upper()]).encode()


def encoded(dice: random.Random, pairs: Pairs, *, for_url: bool) -> bytes:
    def write(octets: bytes) -> bytes:
        way = dice.random()
        if way < 0.8:
            return quote_from_bytes(octets, safe="").encode()
        if way < 0.9:
            return quote_from_bytes(octets, safe="+,.-;/:@").encode().replace(b"%20", b"+")
        # As they are, but for what would end the request.
        return re.sub(rb"[\0-\x20]", b"_", octets) if for_url else octets

    return b"&".join(
        write(name) + (b"" if dice.random() < 0.02 else b"=" + write(value))
        for name, value in pairs
    )


def multipart(pairs: Pairs) -> bytes:
    parts = [
        b'--edge\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + value
        for name, value in pairs
    ]
    return b"\r\n".join([*parts, b"--edge--\r\n"])


def requests(program: Program, host: bytes, *, seed: int, count: int) -> Iterator[bytes]:
    dice = random.Random(seed)  # noqa: S311  # to be the same again
    given = ordinary(program)
    for _ in range(count):
        pairs = pairs_of(dice, given)
        path = b"/" + dice.choice([PATH, SHORT_PATH]).encode()
        in_url = dice.choice([len(pairs), 0, dice.randint(0, len(pairs))])
        query = encoded(dice, pairs[:in_url], for_url=True)
        body, kind = body_of(dice, pairs[in_url:])
        method = dice.choices(
            [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"PATCH", b"DELETE"],
            [45, 45, 2, 2, 2, 2, 2],
        )[0]
        target = path + (b"?" + query if query or dice.random() < 0.1 else b"")
        yield b"\r\n".join(
            [
                method + b" " + target + b" HTTP/1.1",
                b"Host: " + host,
                b"Content-Type: " + kind,
                b"Content-Length: %d" % len(body),
                *extra_headers(dice, given),
                b"",
                body,
            ]
        )


def body_of(dice: random.Random, pairs: Pairs) -> tuple[bytes, bytes]:
    way = dice.random()
    if way < 0.8:
        return encoded(dice, pairs, for_url=False), b"application/x-www-form-urlencoded"
    if way < 0.9:
        return multipart(pairs), b"multipart/form-data; boundary=edge"
    if way < 0.91:
        return b"message=" + b"x" * 1_100_000, b"application/x-www-form-urlencoded"
    kinds = [
        b"",
        b"application/json",
        b"text/plain; charset=utf-16",
        b"multipart/form-data",
        b"multipart/form-data; boundary=" + b"x" * 300,
        b"\xff/\xff",
    ]
    return dice.choice(HOSTILE), dice.choice(kinds)


def extra_headers(dice: random.Random, given: dict[str, bytes]) -> list[bytes]:
    headers = [
        b"Authorization: Basic " + dice.choice([b"YTpi", b"%%%", b"\xff", b"YS9iOmM=", b"a" * 999]),
        b"Authorization: " + dice.choice([b"Bearer x", b"", b"Basic"]),
        b"Idempotency-Key: " + dice.choice([b"a", b"\xff", b"k" * 300]),
        b"X-Forwarded-For: " + dice.choice([b"192.0.2.1", b"a,b,,", b"::1, %eth0"]),
        b"Cookie: sessionid=" + dice.choice([b"x" * 32, b"\xff", b'"']),
        b"Accept-Language: " + dice.choice([b"fr", b"\xff", b"x" * 500]),
    ]
    return dice.sample(headers, dice.choice([0, 0, 0, 1, 2]))


def check(answer: Answer) -> tuple[int, int]:
    """Fail on an answer that the reference does not have; return both of its statuses."""
    assert answer.status in HTTP_STATUSES, answer
    assert b"Traceback" not in answer.body
    assert "location" not in answer.headers, answer
    # A cookie that is no session's is taken away; none is ever given.
    assert "Max-Age=0" in answer.headers.get("set-cookie", "Max-Age=0"), answer
    if answer.status not in (200, 429):
        return answer.status, 0
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer.status, status_in(answer)


def status_in(answer: Answer) -> int:
    """The status in a body, in whatever format; that of a plain refusal counts as 202."""
    body = answer.body.decode()
    kind = answer.headers["content-type"].partition(";")[0]
    if kind.endswith("json"):
        status = int(json.loads(body)["status"])
    elif kind.endswith("xml"):
        found = re.search(r"<status>(\d+)</status>", body)
        assert found, body
        status = int(found[1])
    else:
        lines = re.findall(r"^(OK|KO)(?:<br>|$)", body, re.MULTILINE)
        assert lines, body
        status = 100 if lines[0] == "OK" else 202
    assert status in STATUSES, body
    return status


def memory_of_web(program: Program) -> int:
    """KiB that the processes of the web server hold together."""
    marker = f"PANEL_DATA_DIR={program.data}".encode()
    held = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = marker in (folder / "environ").read_bytes().split(b"\0")
            if is_ours and b"granian" in (folder / "cmdline").read_bytes():
                found = re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())
                held += int(found[1]) if found else 0
        except OSError:
            continue
    return held


def test_every_request_gets_an_answer_of_the_reference(program: Program):
    host = RawClient(program.url).host

    def run(seed: int, count: int) -> Counter[tuple[int, int]]:
        outcomes: Counter[tuple[int, int]] = Counter()
        with closing(RawClient(program.url)) as client:
            for number, request in enumerate(requests(program, host, seed=seed, count=count)):
                try:
                    outcomes[check(client.ask(request))] += 1
                except (AssertionError, OSError, ValueError) as wrong:
                    raise AssertionError(
                        f"seed {seed}, request {number}: {wrong}\n{request[:3000]!r}"
                    ) from wrong
        return outcomes

    def run_all(first_seed: int, count: int) -> Counter[tuple[int, int]]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            seeds = range(first_seed, first_seed + AT_ONCE)
            each = pool.map(run, seeds, [count // AT_ONCE] * AT_ONCE)
            return sum(each, Counter())

    # Caches and thread pools are full after the first half; what leaks goes on growing.
    outcomes = run_all(SEED, REQUESTS // 2)
    warm = memory_of_web(program)
    outcomes += run_all(SEED + AT_ONCE, REQUESTS - REQUESTS // 2)
    grown = memory_of_web(program) - warm

    print(f"seed {SEED}: {sorted(outcomes.items())}; {grown} KiB more than {warm}")
    assert outcomes.total() == REQUESTS
    # It would be no test of the endpoint if its door had been shut all the time.
    assert outcomes[200, 100] > REQUESTS / 500
    assert outcomes[200, 202] > REQUESTS / 5
    assert warm > 0
    assert grown < MOST_GROWTH
    log = program.output.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]
    assert program.manage("check_books").returncode == 0


def test_requests_that_end_in_the_middle_leave_it_serving(program: Program):
    client = RawClient(program.url)
    whole = quote("Hello").encode()
    request = b"\r\n".join(
        [
            b"POST /http2sms HTTP/1.1",
            b"Host: " + client.host,
            b"Content-Type: application/x-www-form-urlencoded",
            b"Content-Length: 500",
            b"",
            b"message=" + whole,
        ]
    )

    for length in range(1, len(request), 3):
        client.send_and_hang_up(request[:length])

    with closing(client):
        answer = client.ask(b"GET /http2sms HTTP/1.1\r\nHost: " + client.host + b"\r\n\r\n")
    assert answer.status == 200
    assert "Traceback" not in program.output.read_text()
