"""Lives of the program that may end in the middle: a process is forked for each.

`Lives` is the test's end. Run as a module with the name of a database, this is the other end:
one JSON line in for each life, one line out when it is over, however it ended.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.crash.points import BY_NAME, Point, arm
from tests.flows.conftest import ROOT

# The name of a step, and what it is given.
Step = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Ended:
    """How a life ended, and what its steps had come to by then."""

    was_killed: bool
    results: list[Any]


class Lives:
    """To be used in a `with`; one life at a time."""

    def __init__(self, database: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child", database],
            cwd=ROOT,
            env={**environment, "DJANGO_SETTINGS_MODULE": "panel.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        with self._process as process:
            assert process.stdin
            process.stdin.close()

    def live(self, *steps: Step, point: Point | None = None, nth: int = 1) -> Ended:
        """Go some steps in a process of their own, which dies at the point; return how it ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        life = {"steps": steps, "point": point and point.name, "nth": nth}
        stdin.write(json.dumps(life) + "\n")
        stdin.flush()
        ended = Ended(**json.loads(stdout.readline()))
        if "problem" in ended.results:
            raise AssertionError(f"A life failed at {steps[len(ended.results) - 1][0]}.")
        return ended


def _steps() -> dict[str, Callable[[dict[str, str]], Any]]:
    from django.test import Client

    from sms_accounts import (
        alerts,
        callbacks,
        cancellation,
        delivery,
        receiving,
        reports,
        validity,
    )
    from sms_accounts.models import Message

    def submit(given: dict[str, str]) -> Any:
        return Client(SERVER_NAME="127.0.0.1").get("/http2sms", given).json()

    def dlr(given: dict[str, str]) -> int:
        return posted("/dlr/simulator/", given)

    def posted(url: str, given: dict[str, str]) -> int:
        return (
            Client(SERVER_NAME="127.0.0.1")
            .post(
                url,
                given["body"],
                content_type="application/json",
                headers={"Authorization": given["authorization"]},
            )
            .status_code
        )

    def cancel(given: dict[str, str]) -> int:
        messages = Message.objects.filter(pk__in=given["ids"].split(",")).order_by("pk")
        return len(cancellation.cancel_all(messages, by=None).cancelled)

    return {
        "submit": submit,
        "deliver": lambda _given: delivery.deliver_due(),
        "dlr": dlr,
        "read": lambda _given: reports.record_dlrs(),
        "reply": lambda given: posted("/received/simulator/", given),
        "receive": lambda _given: receiving.read_received(),
        "call": lambda _given: callbacks.call_due(),
        "alert": lambda _given: alerts.alert_due(),
        "cancel": cancel,
        "sweep": lambda _given: validity.end_overdue(),
    }


def _go(life: dict[str, Any], steps: Mapping[str, Callable[..., Any]], told: int) -> None:
    """Go the steps of one life in a forked process, and tell the result of each."""
    code = 1
    try:
        if life["point"]:
            point = BY_NAME[life["point"]]
            arm(point, nth=max(life["nth"], point.nth))
        for step, given in life["steps"]:
            result = json.dumps(steps[step](given))
            os.write(told, f"{result}\n".encode())
        code = 0
    except BaseException:  # noqa: BLE001  # shown, and told to the test, which then fails
        traceback.print_exc()
        os.write(told, b'"problem"\n')
    finally:
        # Neither what was copied from the parent nor its buffers are this process's to end.
        os._exit(code)


def _prepare(database: str) -> None:
    import django
    from django.conf import settings
    from django.db import connections

    django.setup()
    ours = connections.settings["default"]
    ours["NAME"] = database
    if options := ours["OPTIONS"].get("init_command"):
        # What a killed process wrote is with the system: only a power cut would need the disk.
        ours["OPTIONS"]["init_command"] = options.replace("synchronous=FULL", "synchronous=OFF")
    # As the tests have it; see conftest.py.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.SCRIPT_PASSWORD_HASHER = "md5"


def _run(database: str) -> None:
    _prepare(database)
    steps = _steps()
    # Loaded once and not in each life.
    for module in ("panel.urls", "sms_accounts.urls", "smtplib"):
        __import__(module)
    for line in sys.stdin:
        heard, told = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(heard)
            _go(json.loads(line), steps, told)
        os.close(told)
        with os.fdopen(heard) as results:
            told_so_far = [json.loads(result) for result in results]
        _, status = os.waitpid(process, 0)
        ended = {"was_killed": os.WIFSIGNALED(status), "results": told_so_far}
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    _run(sys.argv[1])
