"""Stopping and starting: what was queued is still there, and no process stays behind."""

import signal
from pathlib import Path

import pytest

from tests.flows.conftest import Program, start, stop
from tests.flows.test_guide import eventually
from tests.receiver import Receiver

pytestmark = [pytest.mark.whole_program, pytest.mark.on_servers]


def processes_of(program: Program) -> list[str]:
    """The command lines of all processes that know of this installation's data folder."""
    marker = f"PANEL_DATA_DIR={program.data}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def sent(program: Program, receiver: Receiver) -> str:
    """Send a message that the carrier takes at the third try only; return its id."""
    made = program.manage(
        "create_api_user",
        program.demo["account"],
        "restart",
        "--password=Secret1234",
        f"--callback={receiver.url}",
    )
    assert made.returncode == 0, made.stderr
    answer = program.send(
        account=program.demo["account"],
        login="restart",
        password="Secret1234",
        to="33639986004",
        message="Hello",
        **{"from": program.demo["sender"]},
    )
    assert answer["status"] == 100, answer
    return str(answer["smsIds"][0])


def test_what_was_on_its_way_arrives_after_a_restart(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    program = start(tmp_path)
    message_id = sent(program, receiver)

    assert stop(program) == 0
    assert processes_of(program) == []

    # The same folder and the same database; the port may be another one.
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    kept = {
        name: program.environment[name]
        for name in ("DATABASE_URL", "REDIS_URL")
        if name in program.environment
    }
    again = start(tmp_path, **kept)
    try:
        eventually(lambda: len(receiver.requests) == 2, within=60)
        assert [request.value("ptt") for request in receiver.requests] == ["3", "4"]
        assert {request.value("id") for request in receiver.requests} == {message_id}

        second = again.manage("serve", "--port", "0")
        assert second.returncode != 0
        assert str(tmp_path) in second.stderr
    finally:
        again.process.send_signal(signal.SIGKILL)
        again.process.wait(10)
    eventually(lambda: processes_of(again) == [], within=15)
