"""Starts processes, shows what they say, keeps them running and stops them in order."""

import ctypes
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TextIO, TypeVar

Answer = TypeVar("Answer")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=30)
# A child that ran this long had a good start: its next death waits the shortest time again.
STEADY_AFTER = timedelta(seconds=30)

# How often a child that is starting is asked whether it is ready.
BETWEEN_QUESTIONS = timedelta(seconds=0.05)
LONGEST_LINE = 65_536

COLOURS = (36, 33, 32, 35, 34, 31)
# What would move the cursor or change the title of the terminal that shows the line.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")

PR_SET_PDEATHSIG = 1
# Loaded here, since little is safe to do between fork and exec.
LIBC = ctypes.CDLL(None)


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


@dataclass(kw_only=True)
class _Life:
    """One process of a child, from its start to its end."""

    process: subprocess.Popen[bytes]
    output: int
    started_at: float
    unfinished_line: bytes = b""


@dataclass
class _Run:
    """A child, its present life if it has one, and otherwise when the next begins."""

    child: Child
    life: _Life | None = None
    failures: int = 0
    due_at: float = 0.0


def wait_before(failures: int) -> timedelta:
    """Return how long a child waits for its next start, after so many short lives in a row."""
    # The exponent is bounded too: a child may fail for weeks.
    return min(FIRST_WAIT * (1 << min(failures - 1, 16)), LONGEST_WAIT)


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
    Belongs in the main thread: signals come there, and the kernel takes the end of the
    thread that started a child for the end of its parent.
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

    def __enter__(self) -> Self:
        self._afterwards = ExitStack()
        self._wake_up, wake = os.pipe()
        self._watchdog = _start_watchdog(self._afterwards)
        for end in (self._wake_up, wake):
            os.set_blocking(end, False)
            self._afterwards.callback(os.close, end)
        self._selector.register(self._wake_up, selectors.EVENT_READ)
        self._afterwards.callback(self._selector.close)
        before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._afterwards.callback(signal.set_wakeup_fd, before)
        self._handle(signal.SIGCHLD, lambda _number, _frame: None)
        for number in STOP_SIGNALS:
            # Under nohup a hang-up stays ignored.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handle(number, self._on_stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._stop_all()
        self._afterwards.close()
        return isinstance(error, Stopped)

    def start(self, child: Child) -> None:
        run = _Run(child)
        self._runs.append(run)
        self._launch(run)

    def wait_until_ready(self, child: Child) -> None:
        while not child.is_ready():
            self._turn(BETWEEN_QUESTIONS)
            self._raise_if_stopped()

    def call(self, function: Callable[[], Answer]) -> Answer:
        """Run what a signal may interrupt at any point."""
        self._may_interrupt = True
        try:
            # Not before: a signal between the two would interrupt nothing.
            self._raise_if_stopped()
            return function()
        finally:
            self._may_interrupt = False

    def watch(
        self, look: Callable[[], None] = lambda: None, *, every: timedelta = LONGEST_WAIT
    ) -> None:
        """Keep the children running until somebody asks to stop; look at something now and then."""
        look_at = 0.0
        while True:
            self._raise_if_stopped()
            if time.monotonic() >= look_at:
                look()
                look_at = time.monotonic() + every.total_seconds()
            self._turn(min(every, LONGEST_WAIT))

    def say(self, text: str, *, name: str = "serve") -> None:
        """Show a line under the name of who says it."""
        head = f"{name:<{self._width}} |"
        if self._in_colour:
            head = f"\x1b[{self._colour(name)}m{head}\x1b[0m"
        harmless = CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)
        self.show(f"{head} {harmless}\n")

    def show(self, text: str) -> None:
        """Show a text as it is; where nobody reads any more, ask to stop."""
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            # What is still to be written, at the end of the program too, goes nowhere quietly.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
            self._times_asked_to_stop = max(self._times_asked_to_stop, 1)

    def _colour(self, name: str) -> int:
        names = [run.child.name for run in self._runs]
        return COLOURS[names.index(name) % len(COLOURS)] if name in names else 1

    def _handle(
        self, number: signal.Signals, handler: Callable[[int, FrameType | None], None]
    ) -> None:
        self._afterwards.callback(signal.signal, number, signal.signal(number, handler))

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._times_asked_to_stop += 1
        if self._may_interrupt:
            self._may_interrupt = False
            raise Stopped

    def _raise_if_stopped(self) -> None:
        if self._times_asked_to_stop:
            raise Stopped

    def _launch(self, run: _Run) -> None:
        parent = os.getpid()
        output, its_end = os.pipe()
        os.set_blocking(output, False)
        try:
            process = subprocess.Popen(
                run.child.command,
                env=dict(run.child.environment),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=its_end,
                stderr=its_end,
                start_new_session=True,
                preexec_fn=lambda: _die_with(parent),
            )
        except OSError as refused:
            os.close(output)
            self._plan_restart(run, f"could not be started ({refused})", lived=timedelta())
            return
        finally:
            os.close(its_end)
        self._tell_watchdog("+", process.pid)
        run.life = _Life(process=process, output=output, started_at=time.monotonic())
        self._selector.register(output, selectors.EVENT_READ, run)

    def _tell_watchdog(self, sign: str, group: int) -> None:
        # Without its watchdog `serve` still works, and the kernel still ends its children.
        with suppress(BrokenPipeError):
            os.write(self._watchdog, f"{sign}{group}\n".encode())

    def _turn(self, longest: timedelta, *, restart: bool = True) -> None:
        """Wait for something to happen, for so long at most, and attend to it."""
        wait = longest.total_seconds()
        if restart:
            now = time.monotonic()
            wait = min([wait, *(run.due_at - now for run in self._runs if run.life is None)])
        for key, _events in self._selector.select(max(wait, 0)):
            if key.fd == self._wake_up:
                _drain(self._wake_up)
            elif key.data.life is not None:
                self._read(key.data.child, key.data.life)
        for run in self._runs:
            if run.life is None:
                if restart and run.due_at <= time.monotonic():
                    self._launch(run)
            elif run.life.process.poll() is not None:
                life = run.life
                self._bury(run, life)
                if restart:
                    lived = timedelta(seconds=time.monotonic() - life.started_at)
                    self._plan_restart(run, how_it_ended(life.process.returncode), lived=lived)

    def _read(self, child: Child, life: _Life) -> bool:
        """Show what a child has said; return whether there may be more at once."""
        try:
            received = os.read(life.output, LONGEST_LINE)
        except BlockingIOError:
            return False
        *lines, rest = (life.unfinished_line + received).split(b"\n")
        if not received or len(rest) >= LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        life.unfinished_line = rest
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self.say(text, name=child.name)
        if not received and life.output in self._selector.get_map():
            self._selector.unregister(life.output)
        return bool(received)

    def _bury(self, run: _Run, life: _Life) -> None:
        # What the child itself had started must not go on beside its next life.
        _kill_group(life.process.pid)
        self._tell_watchdog("-", life.process.pid)
        while self._read(run.child, life):
            pass
        if life.unfinished_line:
            self.say(life.unfinished_line.decode(errors="replace"), name=run.child.name)
        if life.output in self._selector.get_map():
            self._selector.unregister(life.output)
        os.close(life.output)
        run.life = None

    def _plan_restart(self, run: _Run, why: str, *, lived: timedelta) -> None:
        run.failures = 1 if lived >= STEADY_AFTER else run.failures + 1
        seconds = wait_before(run.failures).total_seconds()
        run.due_at = time.monotonic() + seconds
        self.say(f"{run.child.name} {why}; starting it again in {seconds:g} s")

    def _stop_all(self) -> None:
        """End every child, the lowest rank first; after a second signal, at once."""
        for rank in sorted({run.child.stop_rank for run in self._runs}):
            self._stop([run for run in self._runs if run.child.stop_rank == rank])

    def _stop(self, runs: list[_Run]) -> None:
        for run in runs:
            if run.life:
                run.life.process.terminate()
        patience = max(run.child.patience for run in runs)
        deadline = time.monotonic() + patience.total_seconds()
        while any(run.life for run in runs) and self._times_asked_to_stop < 2:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._turn(timedelta(seconds=left), restart=False)
        for run in runs:
            if run.life:
                _kill_group(run.life.process.pid)
                run.life.process.wait()
                self._bury(run, run.life)
                self.say(f"{run.child.name} did not end in time and was killed")


def _start_watchdog(afterwards: ExitStack) -> int:
    """Start the watchdog and return the pipe that it reads; it ends when that is closed."""
    its_end, pipe = os.pipe()
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("watchdog.py"))]
    watchdog = subprocess.Popen(command, stdin=its_end, start_new_session=True)
    os.close(its_end)
    afterwards.callback(watchdog.wait)
    afterwards.callback(os.close, pipe)
    return pipe


def _die_with(parent: int) -> None:
    """Ask the kernel, where it is Linux, to kill this process when its parent is gone."""
    if sys.platform != "linux":
        return
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
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
