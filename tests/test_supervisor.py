"""The supervisor, with children of a few lines in place of the real ones."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from panel.supervisor import FIRST_WAIT, LONGEST_WAIT, how_it_ended, wait_before
from panel.watchdog import left_over

MODULE = Path(__file__).parent.parent / "panel" / "supervisor.py"

# Loads the module alone: the package around it would bring Celery, and a second with it.
PROGRAM = f"""
import importlib.util, os, signal, sys, time
from datetime import timedelta
from pathlib import Path

spec = importlib.util.spec_from_file_location("supervisor", {str(MODULE)!r})
sys.modules["supervisor"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


def child(name, code, rank=0, patience=5.0, **more):
    command = (sys.executable, "-I", "-S", "-u", "-c", code)
    return module.Child(
        name=name, command=command, environment=os.environ, stop_rank=rank,
        patience=timedelta(seconds=patience), **more)


supervisor = module.Supervisor(sys.stdout, directory=Path("/"), width=8)
"""

POLITE = """
import signal, sys, time
def stop(*_):
    print("bye")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("hello")
while True: time.sleep(60)
"""

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("hello")
while True: time.sleep(60)
"""

# A child with a child of its own, as a web server has; both are deaf.
FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = "import time\\nwhile True: time.sleep(60)"
print("pids", os.getpid(), subprocess.Popen([sys.executable, "-I", "-S", "-c", code]).pid)
while True: time.sleep(60)
"""

LONGEST_TEST = timedelta(seconds=20).total_seconds()


class Running:
    """A supervisor in a process of its own, and what it says."""

    def __init__(self, body, **more):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM + textwrap.dedent(body)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def line_with(self, text):
        assert self.process.stdout
        assert self.process.stderr
        for line in self.process.stdout:
            if text in line:
                return line
        raise AssertionError(f"Never said: {text}. {self.process.stderr.read()}")

    def rest(self):
        output, errors = self.process.communicate(timeout=LONGEST_TEST)
        assert errors == ""
        return output


@pytest.fixture
def supervise():
    started = []

    def start(body, **more):
        started.append(Running(body, **more))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.communicate()


def lives(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        # A process that ended and that nobody has waited for is not alive.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pids):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(lives(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


class TestWaits:
    def test_double_from_half_a_second_up_to_half_a_minute(self):
        waits = [wait_before(failures).total_seconds() for failures in range(1, 9)]

        assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]

    def test_stay_bounded_for_a_child_that_fails_for_weeks(self):
        assert wait_before(100_000) == LONGEST_WAIT
        assert wait_before(1) == FIRST_WAIT

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (3, "ended with code 3"),
            (-9, "was ended by SIGKILL"),
            (-63, "was ended by signal 63"),
        ],
    )
    def test_are_told_with_the_way_it_ended(self, code, words):
        assert how_it_ended(code) == words


class TestOutput:
    def test_stands_under_the_name_of_the_child_line_by_line(self, supervise):
        running = supervise("""
            with supervisor:
                talker = child("talker", "import sys; sys.stdout.write('one\\\\ntwo\\\\nth')")
                supervisor.start(talker)
                supervisor.watch()
        """)

        said = [running.process.stdout.readline() for _ in range(3)]

        assert said == ["talker   | one\n", "talker   | two\n", "talker   | th\n"]

    def test_cannot_command_the_terminal(self, supervise):
        running = supervise("""
            with supervisor:
                supervisor.start(child("talker", "print('a\\\\x1b]0;title\\\\x07b')"))
                supervisor.watch()
        """)

        assert running.process.stdout.readline() == "talker   | a\ufffd]0;title\ufffdb\n"

    def test_that_nobody_reads_any_more_ends_the_program(self, supervise):
        running = supervise("""
            with supervisor:
                supervisor.start(child("talker", "while True: print('x' * 999)"))
                supervisor.watch()
        """)
        running.line_with("xxx")

        running.process.stdout.close()

        assert running.process.wait(timeout=LONGEST_TEST) == 0
        assert running.process.stderr.read() == ""


class TestRestart:
    def test_comes_after_a_wait_that_grows(self, supervise):
        running = supervise("""
            with supervisor:
                supervisor.start(child("flaky", "import sys; sys.exit(3)"))
                supervisor.watch()
        """)

        first = running.line_with("flaky")
        began = time.monotonic()
        second = running.line_with("flaky")

        assert first == "serve    | flaky ended with code 3; starting it again in 0.5 s\n"
        assert second == "serve    | flaky ended with code 3; starting it again in 1 s\n"
        assert time.monotonic() - began >= 0.45

    def test_takes_what_the_child_had_started_away_first(self, supervise):
        running = supervise(f"""
            with supervisor:
                supervisor.start(child("family", {FAMILY!r}))
                supervisor.watch()
        """)
        parent, grandchild = map(int, running.line_with("pids").split()[-2:])

        os.kill(parent, signal.SIGKILL)

        assert "was ended by SIGKILL" in running.line_with("again")
        assert gone([parent, grandchild])

    def test_is_tried_again_for_a_program_that_cannot_be_started(self, supervise):
        running = supervise("""
            import dataclasses
            with supervisor:
                absent = dataclasses.replace(child("absent", ""), command=("/no/such/program",))
                supervisor.start(absent)
                supervisor.watch()
        """)

        assert "could not be started" in running.line_with("in 0.5 s")
        assert "could not be started" in running.line_with("in 1 s")


class TestWatch:
    def test_looks_at_something_now_and_then_and_takes_new_children(self, supervise):
        running = supervise(
            """
            names = iter(["first", "second"])

            def look():
                if (name := next(names, None)):
                    supervisor.start(child(name, "import time; print('hello'); time.sleep(60)"))

            with supervisor:
                supervisor.watch(look, every=timedelta(milliseconds=20))
            """
        )

        # Either may be the first to speak.
        said = {running.line_with("hello") for _ in range(2)}
        assert said == {"first    | hello\n", "second   | hello\n"}


class TestStop:
    THREE = f"""
        with supervisor:
            for name, rank in (("broker", 2), ("worker", 1), ("web", 0)):
                supervisor.start(child(name, {POLITE!r}, rank))
            supervisor.watch()
    """

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_ends_the_children_in_their_order_and_the_program_with_0(self, supervise, number):
        running = supervise(self.THREE)
        for _ in range(3):
            running.line_with("hello")

        running.process.send_signal(number)

        farewells = [line for line in running.rest().splitlines() if "bye" in line]
        assert [line.split()[0] for line in farewells] == ["web", "worker", "broker"]
        assert running.process.returncode == 0

    def test_kills_a_child_that_does_not_listen(self, supervise):
        running = supervise(f"""
            with supervisor:
                supervisor.start(child("deaf", {DEAF!r}, patience=0.2))
                supervisor.watch()
        """)
        running.line_with("hello")

        running.process.send_signal(signal.SIGTERM)

        assert "deaf did not end in time and was killed" in running.rest()
        assert running.process.returncode == 0

    def test_kills_at_once_when_asked_twice(self, supervise):
        running = supervise(f"""
            with supervisor:
                supervisor.start(child("deaf", {DEAF!r}, patience=600))
                supervisor.start(child("polite", {POLITE!r}, rank=0))
                supervisor.watch()
        """)
        running.line_with("hello")
        running.line_with("hello")
        running.process.send_signal(signal.SIGINT)
        running.line_with("bye")

        running.process.send_signal(signal.SIGINT)

        assert "was killed" in running.rest()

    def test_is_heard_while_a_child_is_not_ready(self, supervise):
        running = supervise(f"""
            with supervisor:
                never = child("never", {POLITE!r}, is_ready=lambda: False)
                supervisor.start(never)
                supervisor.wait_until_ready(never)
                print("Wrong: went on")
        """)
        running.line_with("hello")

        running.process.send_signal(signal.SIGINT)

        assert "Wrong" not in running.rest()

    def test_interrupts_a_call(self, supervise):
        running = supervise("""
            with supervisor:
                print("calling", flush=True)
                supervisor.call(lambda: time.sleep(600))
                print("Wrong: went on")
        """)
        running.line_with("calling")

        running.process.send_signal(signal.SIGTERM)

        assert "Wrong" not in running.rest()
        assert running.process.returncode == 0

    def test_comes_before_an_error_goes_on(self, supervise, tmp_path):
        is_deaf_no_more = POLITE.replace(
            "print(", f"open({str(tmp_path / 'ready')!r}, 'w'); print("
        )
        running = supervise(f"""
            def fail():
                raise RuntimeError("no such table")
            ready = Path({str(tmp_path / "ready")!r})
            try:
                with supervisor:
                    polite = child("polite", {is_deaf_no_more!r}, is_ready=ready.exists)
                    supervisor.start(polite)
                    supervisor.wait_until_ready(polite)
                    supervisor.call(fail)
            except RuntimeError as error:
                print("outside:", error)
        """)

        said = running.rest()

        assert said.index("bye") < said.index("outside: no such table")

    def test_leaves_a_hang_up_ignored_that_was_ignored_before(self, supervise):
        running = supervise(
            f"""
            with supervisor:
                supervisor.start(child("polite", {POLITE!r}))
                supervisor.watch()
            """,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        running.line_with("hello")

        running.process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(timeout=0.3)


class TestWatchdog:
    def test_knows_what_is_left(self):
        assert left_over(["+10\n", "+11\n", "-10\n", "+12\n"]) == {11, 12}

    def test_leaves_no_process_of_a_supervisor_that_was_killed(self, supervise):
        running = supervise(f"""
            with supervisor:
                supervisor.start(child("family", {FAMILY!r}))
                supervisor.watch()
        """)
        family = [int(pid) for pid in running.line_with("pids").split()[-2:]]
        assert all(lives(pid) for pid in family)

        running.process.kill()

        assert gone(family)
