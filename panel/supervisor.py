"""Starts processes, shows what they say, keeps them running and stops them in order."""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TextIO

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=30)
# A child that ran this long had a good start: its next death waits the shortest time again.
STEADY_AFTER = timedelta(seconds=30)

# How often a child that is starting is asked whether it is ready.
BETWEEN_QUESTIONS = timedelta(seconds=0.05)
LONGEST_LINE = 65_536

COLOURS = (36, 33, 32, 35, 34, 31)
PR_SET_PDEATHSIG = 1


class Stopped(KeyboardInterrupt):
    """Somebody asked the supervisor to stop, while it waited or was in a call."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A program to keep running.

    Children of the lowest `stop_rank` are stopped first, and each gets `patience` to end by
    itself before it is killed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_rank: int
    patience: timedelta
    is_ready: Callable[[], bool] = lambda: True


@dataclass
class _Run:
    """A child and its present process, if it has one."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0
    unfinished_line: bytes = field(default=b"")


def wait_before(failures: int) -> timedelta:
    """Return how long a child waits for its next start, after so many short lives in a row."""
    # The exponent is bounded too: a child may fail for weeks.
    return min(FIRST_WAIT * 2 ** min(failures - 1, 16), LONGEST_WAIT)


def how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


class Supervisor:
    """Runs children from the start of a `with` block to its end, which stops them all.

    SIGINT, SIGTERM and SIGHUP end whatever `wait_until_ready`, `call` or `watch` are doing
    with `Stopped`, which the block keeps to itself. The second such signal kills at once.
    It belongs in the main thread, and in a process that has no other: what the kernel does
    at a parent's death, it does at the death of the thread that started the child.
    """

    def __init__(self, out: TextIO, *, directory: Path, width: int) -> None:
        self._out = out
        self._directory = directory
        self._width = width
        self._in_colour = out.isatty() and not os.environ.get("NO_COLOR")
        self._runs: list[_Run] = []
        self._selector = selectors.DefaultSelector()
        self._times_asked_to_stop = 0
        self._may_interrupt = False
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._watchdog = _start_watchdog()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._wakeup_before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            # Under nohup a hang-up stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN or number is signal.SIGTERM:
                self._handlers[number] = signal.signal(number, self._on_stop)
        self._handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._stop_all()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() gave us
        signal.set_wakeup_fd(self._wakeup_before)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        if self._watchdog.stdin:
            self._watchdog.stdin.close()
        self._watchdog.wait()
        return isinstance(error, Stopped)

    def start(self, child: Child) -> None:
        run = _Run(child)
        self._runs.append(run)
        self._launch(run)

    def wait_until_ready(self, child: Child) -> None:
        while not child.is_ready():
            self._turn(BETWEEN_QUESTIONS)
            self._raise_if_stopped()

    def call(self, function: Callable[[], None]) -> None:
        """Run what a signal may interrupt at any point."""
        self._raise_if_stopped()
        self._may_interrupt = True
        try:
            function()
        finally:
            self._may_interrupt = False

    def watch(self) -> None:
        """Keep the children running until somebody asks to stop."""
        while True:
            self._turn(LONGEST_WAIT)
            self._raise_if_stopped()

    def say(self, text: str, *, name: str = "serve") -> None:
        """Show a line under a name; a terminal that is gone asks to stop."""
        head = f"{name:<{self._width}} | "
        if self._in_colour:
            head = f"\x1b[{self._colour(name)}m{head}\x1b[0m"
        self.show("".join(f"{head}{line}\n" for line in text.splitlines()))

    def show(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            # Nobody reads any more. What is still to be written goes nowhere, quietly.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
            self._times_asked_to_stop = max(self._times_asked_to_stop, 1)

    def _colour(self, name: str) -> int:
        names = [run.child.name for run in self._runs]
        return COLOURS[names.index(name) % len(COLOURS)] if name in names else 1

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._times_asked_to_stop += 1
        if self._may_interrupt:
            self._may_interrupt = False
            raise Stopped

    def _raise_if_stopped(self) -> None:
        if self._times_asked_to_stop:
            raise Stopped

    def _launch(self, run: _Run) -> None:
        parent = os.getpid()
        # One thread only, as the class demands, and the function does nothing that forking harms.
        run.process = subprocess.Popen(  # noqa: PLW1509
            run.child.command,
            env=dict(run.child.environment),
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: _die_with(parent),
        )
        run.started_at = time.monotonic()
        self._tell_watchdog("+", run.process.pid)
        assert run.process.stdout is not None
        os.set_blocking(run.process.stdout.fileno(), False)
        self._selector.register(run.process.stdout, selectors.EVENT_READ, run)

    def _tell_watchdog(self, sign: str, group: int) -> None:
        # Without its watchdog `serve` still works, and the kernel still ends its children.
        with suppress(BrokenPipeError):
            assert self._watchdog.stdin is not None
            self._watchdog.stdin.write(f"{sign}{group}\n".encode())
            self._watchdog.stdin.flush()

    def _turn(self, longest: timedelta, *, restart: bool = True) -> None:
        """Wait for something to happen, for so long at most, and attend to it."""
        due = [run.due_at - time.monotonic() for run in self._runs if run.process is None]
        wait = min([longest.total_seconds(), *due]) if restart else longest.total_seconds()
        for key, _events in self._selector.select(max(wait, 0)):
            if key.fd == self._wake_read:
                _drain(self._wake_read)
            else:
                self._read(key.data)
        for run in self._runs:
            if run.process is not None and run.process.poll() is not None:
                self._bury(run, run.process, will_restart=restart)
            elif run.process is None and restart and run.due_at <= time.monotonic():
                self._launch(run)

    def _read(self, run: _Run) -> None:
        assert run.process is not None
        assert run.process.stdout is not None
        received = run.process.stdout.read(LONGEST_LINE)
        if received is None:
            return
        if not received:
            self._selector.unregister(run.process.stdout)
        *lines, rest = (run.unfinished_line + received).split(b"\n")
        if len(rest) >= LONGEST_LINE or not received:
            lines, rest = [*lines, rest], b""
        run.unfinished_line = rest
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self.say(text, name=run.child.name)

    def _bury(self, run: _Run, process: subprocess.Popen[bytes], *, will_restart: bool) -> None:
        # Whatever the child had started must not go on beside its next life.
        _kill_group(process.pid)
        self._tell_watchdog("-", process.pid)
        assert process.stdout is not None
        while process.stdout in self._selector.get_map():
            self._read(run)
        process.stdout.close()
        run.process = None
        if not will_restart:
            return
        lived = timedelta(seconds=time.monotonic() - run.started_at)
        run.failures = 1 if lived >= STEADY_AFTER else run.failures + 1
        wait = wait_before(run.failures)
        run.due_at = time.monotonic() + wait.total_seconds()
        ended = how_it_ended(process.returncode)
        self.say(f"{run.child.name} {ended}; starting it again in {wait.total_seconds():g} s")

    def _stop_all(self) -> None:
        """End every child, the lowest rank first; with a second signal, all at once."""
        for rank in sorted({run.child.stop_rank for run in self._runs}):
            running = [run for run in self._runs if run.child.stop_rank == rank and run.process]
            for run in running:
                assert run.process is not None
                run.process.terminate()
            patience = max([run.child.patience for run in running], default=timedelta())
            deadline = time.monotonic() + patience.total_seconds()
            while any(run.process for run in running) and not self._is_urgent():
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._turn(timedelta(seconds=left), restart=False)
            for run in running:
                self._kill(run)

    def _is_urgent(self) -> bool:
        return self._times_asked_to_stop > 1

    def _kill(self, run: _Run) -> None:
        if run.process is None:
            return
        _kill_group(run.process.pid)
        run.process.wait()
        self._bury(run, run.process, will_restart=False)
        self.say(f"{run.child.name} did not end by itself and was killed")


def program(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs this Python with some arguments."""
    return (sys.executable, *arguments)


def _start_watchdog() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        program("-I", "-S", str(Path(__file__).with_name("watchdog.py"))),
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _die_with(parent: int) -> None:
    """Ask the kernel, where it is Linux, to kill this process when its parent is gone."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It went while we were being started.
        os._exit(1)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _drain(pipe: int) -> None:
    with suppress(BlockingIOError):
        while os.read(pipe, 4096):
            pass
