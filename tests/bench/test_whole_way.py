"""How many messages a second go to the carrier, are reported on and told, in one run.

    DATABASE_URL=postgresql://… REDIS_URL=redis://… PANEL_TEST_SIZE=bench \\
        python3 manage.py test tests/bench/test_whole_way.py -n 0 -s

lets a client send for a while to the program as `serve` starts it, waits until the last message is
delivered and told, and then lets it work off a short queue and a long one; it compares that with
how much is accepted by the web server alone. Carrier, client, receiver and database share the
machine. Nothing is judged here but that every message was delivered and told, and that the books
are right.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bench.names import ACCOUNT, HOT
from tests.bench.test_speed import SIXTEEN, WARM_UP, Server, facts, load, panel
from tests.flows.conftest import ROOT, Program, start, stop
from tests.flows.teller import Teller
from tests.sizes import in_bench, long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_servers, long]

ROUNDS = in_bench(3, otherwise=1)
SHORT = in_bench(10_000, otherwise=60)
# Of the long queue as much is worked off as the short one has.
LONG = int(os.environ.get("QUEUED") or in_bench(1_000_000, otherwise=0))
SECONDS = in_bench(30_000, otherwise=200) / 1000
# How long storing the queue takes at most.
FILLING = in_bench(200, otherwise=1_000) / 1_000_000
# How often it is asked how far it has come: each question is work beside what is measured.
ASK_EVERY = in_bench(100, otherwise=20) / 1000
# The simulated carrier reports on one message in twenty ten seconds late, and that is no backlog.
MOST = 0.9
PATIENCE = in_bench(600, otherwise=60)


@dataclass(frozen=True)
class Worked:
    """Messages a second that were handed over and, twice for each, reported on."""

    handed_over: float
    reported: float


@dataclass(frozen=True)
class Told:
    """Messages a second that were accepted in the second half of the time in which a client sends,
    those that got to their second callback meanwhile, and with what came after the client's end.
    """

    accepted: float
    meanwhile: float
    altogether: float


@contextmanager
def installation(folder: Path) -> Iterator[tuple[Program, Teller]]:
    """The whole program on an empty database of its own, and the carrier that `serve` brings."""
    folder.mkdir()
    program = start(folder, "--no-demo", PANEL_SIMULATOR_REPEATS="true")
    try:
        with Teller(program, module="tests.bench.gauge") as teller:
            yield program, teller
    finally:
        stop(program)


@contextmanager
def receiver() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.receiver"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/callback"
        assert process.stdin
        process.stdin.close()


def wait_until(is_so: Callable[[], bool], *, look_every: float = 5 * ASK_EVERY) -> float:
    """Return the moment at which something became so."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(look_every)
    return time.monotonic()


def work_off(running: tuple[Program, Teller], *, queued: int) -> Worked:
    """Measure between a tenth and nine tenths of the short queue, whatever stands behind it."""
    teller = running[1]
    before = teller.ask("progress")
    teller.ask("fill", count=queued, seconds=5 + queued * FILLING)
    rates = {}
    for name, count in {"handed over": SHORT, "reported": 2 * SHORT}.items():
        began, first = reached(teller, name, before[name] + count // 10)
        ended, last = reached(teller, name, before[name] + count * 9 // 10)
        rates[name] = (last - first) / (ended - began)
    return Worked(rates["handed over"], rates["reported"] / 2)


def reached(teller: Teller, name: str, count: int) -> tuple[float, int]:
    """Wait until so many were; return the moment, and how many it were then."""
    until = time.monotonic() + PATIENCE
    while (done := teller.ask("progress")[name]) < count:
        assert time.monotonic() < until, f"{done} {name}"
        time.sleep(ASK_EVERY)
    return time.monotonic(), done


def go_the_whole_way(running: tuple[Program, Teller], url: str, folder: Path) -> Told:
    """Send for a while, and see when most of it is delivered and told, and then all of it."""
    program, teller = running
    teller.ask("open_account", account=ACCOUNT, login=HOT, callback=url)
    server = Server(int(program.url.rsplit(":", 1)[1]), program.environment)
    with ThreadPoolExecutor(1) as thread:
        began = time.monotonic()
        sending = thread.submit(load, server, SIXTEEN, folder, seconds=SECONDS)
        time.sleep(WARM_UP + SECONDS / 2)
        at_middle = so_far(teller)
        time.sleep(SECONDS / 2)
        at_end = so_far(teller)
        ids = sending.result()[1]
    # Each is told when the carrier has taken it, and when it has arrived.
    ended, calls = reached(teller, "called", round(2 * MOST * len(ids)))
    assert_all_arrives(teller, len(ids))
    assert teller.ask("wrong_books") == "[] []"
    passed, accepted, told = (end - middle for end, middle in zip(at_end, at_middle, strict=True))
    return Told(accepted / passed, told / passed, calls / 2 / (ended - began))


def so_far(teller: Teller) -> tuple[float, float, float]:
    """Return the moment, and how many messages were accepted and told twice until then."""
    return time.monotonic(), teller.ask("accepted"), teller.ask("progress")["called"] / 2


def assert_all_arrives(teller: Teller, count: int) -> None:
    wait_until(lambda: not any(teller.ask("left").values()))
    assert teller.ask("states") == {"delivered": count}


def accept_alone(folder: Path) -> float:
    folder.mkdir()
    with panel(folder, database=os.environ.get("DATABASE_URL", "")) as server:
        rates = [load(server, SIXTEEN, folder, seconds=SECONDS)[0].rate for _ in range(ROUNDS)]
    return statistics.median(rates)


def test_print_how_fast_messages_go_the_whole_way(tmp_path):
    short, long, whole = [], [], []
    for number in range(ROUNDS):
        folder = tmp_path / f"round{number}"
        with receiver() as url, installation(folder) as running:
            whole.append(go_the_whole_way(running, url, folder))
            sent = sum(running[1].ask("states").values())
            short.append(work_off(running, queued=SHORT))
            assert_all_arrives(running[1], sent + SHORT)
    for number in range(min(ROUNDS, LONG)):
        with installation(tmp_path / f"long{number}") as running:
            long.append(work_off(running, queued=LONG))
    # The short form has seen all of it work by now.
    alone = accept_alone(tmp_path / "alone") if LONG else 0.0

    print(f"\n{facts()}; each round of its own")
    print_row("accepted by the web server alone", [alone], alone)
    for queued, rounds in ((SHORT, short), (LONG, long)):
        print_row(f"{queued:,} queued: handed over", [each.handed_over for each in rounds], alone)
        print_row(f"{queued:,} queued: reported on", [each.reported for each in rounds], alone)
    accepted = [each.accepted for each in whole]
    print_row("whole way: accepted under load", accepted, alone)
    # Of what is accepted at the same time.
    print_row(
        "delivered and told meanwhile",
        [each.meanwhile for each in whole],
        statistics.median(accepted),
    )
    print_row("delivered and told, to nine tenths", [each.altogether for each in whole], alone)


def print_row(name: str, rates: list[float], alone: float) -> None:
    if not rates:
        return
    each = ", ".join(f"{rate:.0f}" for rate in rates)
    median = statistics.median(rates)
    ratio = f"× {median / alone:.2f}" if alone else ""
    print(f"{name:36} {median:7.0f}/s {ratio:>8}  ({each})")
