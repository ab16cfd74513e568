import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from sms_accounts.carriers.base import OutcomeUnknown, TryLater
from sms_accounts.carriers.simulator import Simulator
from tests.simulator_rig import (
    SECRET,
    DlrReceiver,
    SimulatorRig,
    make_submit,
    unused_port,
    wait_until,
)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def rig(tmp_path):
    rig = SimulatorRig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def receiver():
    receiver = DlrReceiver()
    yield receiver
    receiver.close()


@pytest.fixture
def start(tmp_path, receiver):
    """Start the command as a process of its own; whatever still runs afterwards is killed."""
    processes = []

    def start(port, *options):
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "django", "simulator", "--settings", "panel.settings"),
                *("--port", str(port), "--state", str(tmp_path / "state.sqlite3")),
                *("--dlr-url", receiver.url, "--pace", "0", *options),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "PANEL_DATA_DIR": str(tmp_path / "data"),
                "PANEL_SIMULATOR_SECRET": SECRET,
                "PANEL_LOG_LEVEL": "DEBUG",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("The simulated carrier listens at")
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


class TestCommand:
    def test_killed_carrier_reports_after_its_restart(self, start, receiver):
        port = unused_port()
        carrier = Simulator(url=f"http://127.0.0.1:{port}", secret=SECRET)
        receiver.failing = True
        first = start(port)
        references = {make_submit().reference for _ in range(20)}
        for reference in references:
            carrier.submit(make_submit(reference=reference))
        first.kill()
        first.wait()
        with pytest.raises(TryLater):
            carrier.submit(make_submit())

        receiver.failing = False
        start(port)

        def reported():
            dlrs = [dlr for _, body in list(receiver.calls) for dlr in json.loads(body)]
            return {dlr["ref"] for dlr in dlrs if dlr["stat"] == "DELIVRD"}

        wait_until(lambda: reported() >= references, reason="a kill lost reports")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_stops_when_told(self, start, number):
        port = unused_port()
        process = start(port)
        carrier = Simulator(url=f"http://127.0.0.1:{port}", secret=SECRET)
        carrier.submit(make_submit(text="The code is 4711"))
        with pytest.raises(OutcomeUnknown):
            carrier.submit(make_submit(msisdn="33639987004"))

        process.send_signal(number)

        out, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in errors
        assert "event='submit'" in errors
        assert "4711" not in out + errors
        assert "3363998" not in out + errors

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--port", "65536"),
            ("--port", "http"),
            ("--pace", "-1"),
            ("--pace", "nan"),
            ("--pace", "inf"),
            ("--pace", "fast"),
            ("--dlr-url", "ftp://127.0.0.1/"),
            ("--dlr-url", "/dlr/simulator/"),
            ("--dlr-url", "http://127.0.0.1:99999/"),
        ],
    )
    def test_names_the_option_that_is_wrong(self, tmp_path, option, value):
        options = {"--state": str(tmp_path / "state"), "--dlr-url": "http://127.0.0.1:1/"}
        options[option] = value

        with pytest.raises(CommandError, match=f"{option}: must"):
            call_command("simulator", *[f"{name}={value}" for name, value in options.items()])

    def test_asks_for_a_secret(self, tmp_path, settings):
        settings.SIMULATOR_SECRET = ""

        with pytest.raises(CommandError, match="PANEL_SIMULATOR_SECRET"):
            call_command(
                "simulator", f"--state={tmp_path / 'state'}", "--dlr-url=http://127.0.0.1:1/"
            )

    def test_names_the_port_that_is_taken(self, rig, tmp_path, settings):
        settings.SIMULATOR_SECRET = SECRET
        port = rig.url.rsplit(":", 1)[1]

        with pytest.raises(CommandError, match=f"127.0.0.1:{port}"):
            call_command(
                "simulator",
                f"--port={port}",
                f"--state={tmp_path / 'other'}",
                f"--dlr-url={rig.receiver.url}",
            )

    def test_names_the_state_that_is_in_use(self, rig, tmp_path, settings):
        settings.SIMULATOR_SECRET = SECRET

        with pytest.raises(CommandError, match="--state: another simulated carrier"):
            call_command(
                "simulator",
                "--port=0",
                f"--state={tmp_path / 'state.sqlite3'}",
                f"--dlr-url={rig.receiver.url}",
            )
