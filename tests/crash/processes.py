"""The processes of a running installation by what they do, to be killed one at a time."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.flows.conftest import ROOT, Program

# Each of them dies now and then; `web process` is one of those that the web server divides the
# work among, `second worker` one that the test adds.
ROLES = (
    "web",
    "web process",
    "worker",
    "second worker",
    "incoming",
    "callbacks",
    "beat",
    "carrier",
    "broker",
)
_WORKERS = {
    "worker@%h": "worker",
    "second@%h": "second worker",
    "incoming@%h": "incoming",
    "callbacks@%h": "callbacks",
}


@dataclass(frozen=True)
class Process:
    """One process as the system shows it."""

    pid: int
    parent: int
    name: str
    words: tuple[str, ...]


def processes_of(program: Program) -> list[Process]:
    """All processes of an installation: they know its data folder, or `serve` has started them."""
    marker = f"PANEL_DATA_DIR={program.data}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            name, _, rest = (folder / "stat").read_text().rpartition(") ")
            parent = int(rest.split()[1])
            # A broker writes its title over what it was started with.
            is_ours = marker in (folder / "environ").read_bytes().split(b"\0")
            if is_ours or parent == program.process.pid:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                found.append(
                    Process(int(folder.name), parent, name.partition("(")[2], tuple(words))
                )
    return found


def by_role(program: Program) -> dict[str, list[int]]:
    """The processes of each role that live now."""
    processes = processes_of(program)
    roles: dict[str, list[int]] = {role: [] for role in ROLES}
    for process in processes:
        if role := _role(process, program.process.pid):
            roles[role].append(process.pid)
    for process in processes:
        if process.parent in roles["web"] and not any("tracker" in word for word in process.words):
            roles["web process"].append(process.pid)
    return roles


def _role(process: Process, serve: int) -> str:
    for word in process.words:
        if word in _WORKERS:
            return _WORKERS[word]
    if process.parent != serve:
        return ""
    if process.name in ("valkey-server", "redis-server"):
        return "broker"
    names = {"granian": "web", "beat": "beat", "simulator": "carrier"}
    return next((role for word, role in names.items() if word in process.words), "")


def kill(pid: int) -> None:
    """Kill a process, and wait until its connections are closed too."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while _lives(pid) and time.monotonic() < until:
        time.sleep(0.002)


def freeze(pid: int) -> None:
    """Let a process hang: others still connect to it, and nobody answers."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)


def until_it_listens(program: Program) -> float:
    """Wait for the simulated carrier, which may just be starting again; return the time then."""
    address = ("127.0.0.1", int((program.data / "carrier.port").read_text()))
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            assert time.monotonic() < until, "the carrier did not come back"
            time.sleep(0.05)
        else:
            return time.time()


def thaw(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _lives(pid: int) -> bool:
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
        return not state.startswith(("Z", "X"))
    return False


class SecondWorker:
    """A worker beside that of `serve`, which takes from all queues; kept running by the test."""

    def __init__(self, program: Program) -> None:
        [first] = by_role(program)["worker"]
        folder = Path(f"/proc/{first}")
        words = (folder / "cmdline").read_text().rstrip("\0").split("\0")
        other = {"worker@%h": "second@%h", "delivery,alerts": "delivery,alerts,incoming,callbacks"}
        self._command = [other.get(word, word) for word in words]
        pairs = (folder / "environ").read_text().rstrip("\0").split("\0")
        self._environment = dict(pair.split("=", 1) for pair in pairs)
        self.output = program.output.with_name("second.txt")
        self._process = self._start()

    def revive(self) -> None:
        """Start it again if it is dead."""
        if self._process.poll() is not None:
            self._process = self._start()

    def end(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def _start(self) -> subprocess.Popen[bytes]:
        with self.output.open("a") as written:
            return subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )


@contextmanager
def second_worker(program: Program) -> Iterator[SecondWorker]:
    worker = SecondWorker(program)
    try:
        yield worker
    finally:
        worker.end()
