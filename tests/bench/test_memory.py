"""How much memory each process of the program holds while it is busy, over an hour.

    DATABASE_URL=postgresql://… REDIS_URL=redis://… PANEL_TEST_SIZE=bench \\
        python3 manage.py test tests/bench/test_memory.py -n 0 -s

lets a client send without a pause while messages go to the carrier and are told, and prints what
each process holds at each sixth of the time. Nothing is judged here but that each process lived
through it.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.names import ACCOUNT, HOT
from tests.bench.test_speed import SIXTEEN, facts
from tests.bench.test_whole_way import installation, receiver
from tests.crash.processes import by_role
from tests.flows.conftest import ROOT, Program
from tests.sizes import in_bench, long

pytestmark = [pytest.mark.whole_program, pytest.mark.on_servers, long]

SECONDS = int(os.environ.get("SECONDS_OF_LOAD") or in_bench(3600, otherwise=6))
LOOKS = 6
# One after the other: the load keeps each answer that it gets.
AT_A_TIME = min(SECONDS, 60)


def memory_of(program: Program) -> dict[str, float]:
    """MiB that each process holds, what it shares with others included."""
    return {
        f"{role} {pid}": _resident(pid)
        for role, pids in by_role(program).items()
        for pid in sorted(pids)
    }


def _resident(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def looks_under_load(program: Program, folder: Path) -> Iterator[dict[str, float]]:
    """Send all the time, and look a few times in equal distances."""
    port = int(program.url.rsplit(":", 1)[1])
    job = folder / "job.json"
    job.write_text(SIXTEEN.job(port, seconds=AT_A_TIME))
    began = time.monotonic()
    for look in range(1, LOOKS + 1):
        while time.monotonic() < began + SECONDS * look / LOOKS:
            loader = [sys.executable, "-m", "tests.bench.load", str(job)]
            subprocess.run(loader, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        yield memory_of(program)


def test_print_how_much_memory_each_process_holds(tmp_path):
    with receiver() as url, installation(tmp_path / "data") as (program, teller):
        teller.ask("open_account", account=ACCOUNT, login=HOT, callback=url)
        looks = list(looks_under_load(program, tmp_path))
        progress = teller.ask("progress")

    print(f"\n{facts()}; MiB at each sixth of {SECONDS} s, {progress}")
    for name in looks[0]:
        print(f"{name:24}" + "".join(f"{look[name]:8.0f}" for look in looks))
    assert all(look.keys() == looks[0].keys() for look in looks)
