"""How many calls a second http2sms accepts, beside two bare Django views, in one run.

    DATABASE_URL=postgresql://… REDIS_URL=redis://… PANEL_TEST_SIZE=bench \\
        python3 manage.py test tests/bench/test_speed.py -n 0 -s

prints a table of medians with ratios; without `bench` in the size it only shows that all of it
works. Client, server and database share the machine. Nothing is judged here but that every answer
was an acceptance, that each accepted message is in the database, and that the books are right.
"""

import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.bench.names import ACCOUNT, HOT, USERS
from tests.factories import API_PASSWORD, SENDER
from tests.flows.conftest import ROOT, answers, own_database
from tests.simulator_rig import unused_port
from tests.sizes import in_bench, long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_servers, long]

ROUNDS = in_bench(3, otherwise=1)
SECONDS = in_bench(4000, otherwise=400) / 1000
WARM_UP = in_bench(2, otherwise=0)
PROCESSES = min(os.cpu_count() or 1, 4)
# So many calls a second at least of users whom a process does not know yet, hash included.
FIRST_CALLS = 20
# As many as the baseline is quickest with.
BASELINE_THREADS = 32

TEXT = "Your code is 123456. It is valid for ten minutes."


@dataclass(frozen=True)
class Server:
    """A web server on a port of its own, and the environment that its installation has."""

    port: int
    environment: dict[str, str]

    def manage(self, *arguments: str, text: str = "") -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@dataclass(frozen=True)
class Measure:
    """One kind of load, on one server, by so many connections."""

    name: str
    path: str
    logins: tuple[str, ...]
    connections: int
    receivers: int = 1

    def job(self, port: int, *, seconds: float) -> str:
        """Return what the load is to do at a port, as it reads it."""
        return json.dumps(
            {
                "host": "127.0.0.1",
                "port": port,
                "requests": self._requests(port),
                "connections": self.connections,
                "warm_up": WARM_UP,
                "last": seconds,
            }
        )

    def _requests(self, port: int) -> list[str]:
        draw = random.Random(1)  # noqa: S311
        return [
            f"GET {self.path}?{self._query(login, draw)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
            for login in self.logins * max(1, 200 // len(self.logins))
        ]

    def _query(self, login: str, draw: random.Random) -> str:
        numbers = [f"336{draw.randrange(10**8):08d}" for _ in range(self.receivers)]
        return urlencode(
            {
                "account": ACCOUNT,
                "login": login,
                "password": API_PASSWORD,
                "from": SENDER,
                "to": ",".join(numbers),
                "message": TEXT,
                "noStop": "1",
            }
        )


@dataclass(frozen=True)
class Told:
    """Calls a second, and times in milliseconds."""

    rate: float
    median: float
    p99: float


@contextmanager
def served(
    environment: dict[str, str], log: Path, *, application: str, interface: str, threads: int
) -> Iterator[Server]:
    port = unused_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", interface, "--no-ws"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(PROCESSES)),
        *(("--blocking-threads", str(threads)) if threads else ()),
        *("--no-access-log", "--log-level", "error", application),
    ]
    with log.open("w") as written:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=written)
    try:
        until = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield Server(port, environment)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def panel(folder: Path, *, database: str) -> Iterator[Server]:
    """The panel's web server alone, on an installation of its own that has users and credits."""
    data = folder / ("postgresql" if database else "sqlite")
    data.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PANEL_") and name != "DATABASE_URL"
    } | {"PANEL_DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    if database:
        environment["DATABASE_URL"] = own_database(database, f"speed_{unused_port()}")
    Server(0, environment).manage("migrate", "-v0")
    seed = (ROOT / "tests" / "bench" / "seed.py").read_text()
    Server(0, environment).manage("shell", "-v0", text=f"{seed}\n")
    with served(
        environment, data / "log", application="panel.asgi:application", interface="asginl",
        threads=0,
    ) as server:  # fmt: skip
        yield server


def load(
    server: Server, measure: Measure, folder: Path, *, seconds: float
) -> tuple[Told, list[str]]:
    job = folder / "job.json"
    job.write_text(measure.job(server.port, seconds=seconds))
    loader = [sys.executable, "-m", "tests.bench.load", str(job)]
    told = json.loads(subprocess.run(loader, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    assert set(told["first_lines"]) <= {"OK"}, told["first_lines"]
    # In the short form a slow machine may not have come to it.
    times = [1000 * each for each in told["times"]] or [0.0]
    result = Told(
        rate=len(times) / told["seconds"],
        median=statistics.median(times),
        p99=times[int(len(times) * 0.99)],
    )
    return result, told["accepted"]


def assert_all_is_stored(server: Server, ids: list[str]) -> None:
    assert len(set(ids)) == len(ids)
    counted = server.manage(
        "shell", "-v0", text=(
            "from sms_accounts import books\n"
            "from sms_accounts.models import Message\n"
            "print(Message.objects.count(), books.wrong_books(), books.one_sided())\n"
        ),
    )  # fmt: skip
    count, rest = counted.strip().split(" ", 1)
    assert int(count) >= len(ids)
    assert rest == "[] []"


ONE_HOT = Measure("one receiver, one hot quota", "/http2sms", (HOT,), 64)
SPREAD = Measure("one receiver, 1,000 users", "/http2sms", tuple(USERS), 64)
MANY = Measure("100 receivers a call", "/http2sms", (HOT,), 64, receivers=100)
SIXTEEN = Measure("16 connections", "/http2sms", (HOT,), 16)
ALONE = Measure("one connection", "/http2sms", (HOT,), 1)
FIXED = Measure("bare view, fixed text", "/fixed", (HOT,), 64)
BY_HAND = Measure("view with one transaction by hand", "/http2sms", (HOT,), 64)
BY_HAND_SPREAD = Measure("the same, 1,000 users", "/http2sms", tuple(USERS), 64)
BY_HAND_ALONE = Measure("the same, one connection", "/http2sms", (HOT,), 1)

OURS = (ONE_HOT, SPREAD, MANY, SIXTEEN, ALONE)
BASELINES = (FIXED, BY_HAND, BY_HAND_SPREAD, BY_HAND_ALONE)


def test_print_how_fast_calls_are_accepted(tmp_path):
    database = os.environ.get("DATABASE_URL", "")
    told: dict[tuple[str, Measure], list[Told]] = {}
    accepted: dict[str, list[str]] = {"panel": [], "sqlite": []}
    with ExitStack() as running:
        servers = {"sqlite": running.enter_context(panel(tmp_path, database=""))}
        plan = [("sqlite", SIXTEEN), ("sqlite", ONE_HOT)]
        if database:
            servers["panel"] = running.enter_context(panel(tmp_path, database=database))
            servers["baseline"] = running.enter_context(
                served(
                    servers["panel"].environment,
                    tmp_path / "baseline.log",
                    application="tests.bench.baseline_wsgi:application",
                    interface="wsgi",
                    threads=BASELINE_THREADS,
                )
            )
            plan += [("panel", measure) for measure in OURS]
            plan += [("baseline", measure) for measure in BASELINES]
        for name, measure in plan:
            # Each process gets to know each user, and the database its tables.
            if WARM_UP and name != "baseline":
                seconds = max(SECONDS, len(measure.logins) * PROCESSES / FIRST_CALLS)
                accepted[name] += load(servers[name], measure, tmp_path, seconds=seconds)[1]
        for _round in range(ROUNDS):
            for name, measure in plan:
                result, ids = load(servers[name], measure, tmp_path, seconds=SECONDS)
                told.setdefault((name, measure), []).append(result)
                accepted.setdefault(name, []).extend(ids)
        for name in accepted.keys() & servers.keys() - {"baseline"}:
            assert_all_is_stored(servers[name], accepted[name])

    print(f"\n{facts()}; medians of {ROUNDS} rounds of {SECONDS} s")
    print_table(told)


def facts() -> str:
    model = "processor unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}"


def print_table(told: dict[tuple[str, Measure], list[Told]]) -> None:
    medians = {key: statistics.median(each.rate for each in rounds) for key, rounds in told.items()}
    compared = {
        "fixed": medians.get(("baseline", FIXED)),
        "by hand": medians.get(("baseline", BY_HAND)),
    }
    print(f"{'':44} calls/s messages/s  p50 ms  p99 ms  × fixed  × by hand")
    for (name, measure), rounds in told.items():
        rate = medians[name, measure]
        ratios = [f"{rate / base:8.2f}" if base else " " * 8 for base in compared.values()]
        print(
            f"{name + ': ' + measure.name:44} {rate:7.0f} {rate * measure.receivers:10.0f}"
            f" {statistics.median(each.median for each in rounds):7.1f}"
            f" {statistics.median(each.p99 for each in rounds):7.1f} {'  '.join(ratios)}"
        )
