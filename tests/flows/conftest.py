"""The whole program as `manage.py serve` runs it, and a real browser to use it with."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.receiver import Receiver
from tests.simulator_rig import unused_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@dataclass
class Program:
    """A running installation of its own, with its demo data."""

    url: str
    data: Path
    process: subprocess.Popen[str]
    output: Path
    environment: dict[str, str]

    @property
    def demo(self) -> dict[str, str]:
        demo: dict[str, str] = json.loads((self.data / "demo.json").read_text())
        return demo

    def send(self, **parameters: str) -> dict[str, Any]:
        """Call http2sms over a socket of its own, and return the JSON answer."""
        query = urlencode({"contentType": "application/json", "noStop": "1", **parameters})
        with urllib.request.urlopen(f"{self.url}/http2sms?{query}", timeout=60) as answer:
            body: dict[str, Any] = json.load(answer)
        return body

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the same installation."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )


def own_database(url: str, name: str, *, template: str = "template1") -> str:
    """Make a database on the server of a URL, empty or as another one is; return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return urlsplit(url)._replace(path=f"/{name}").geturl()


# Programs are started by several threads too.
_MAKING_TABLES = threading.Lock()


@cache
def _file_with_tables() -> Path:
    """Return an SQLite file as a new installation has it; made once, it saves seconds a start."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    _migrate(PANEL_DATA_DIR=str(folder))
    return folder / "panel.sqlite3"


@cache
def _database_with_tables(url: str) -> str:
    """Return the name of such a database on the server of a URL."""
    name = f"flow_tables_{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        _migrate(PANEL_DATA_DIR=folder, DATABASE_URL=own_database(url, name))
    return name


def _migrate(**settings: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env={**_without_settings(), **settings},
        check=True,
    )


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PANEL_")}


def own_broker(url: str, number: Literal[0, 1] = 0) -> str:
    """Return the URL of a database of a broker that programs of other workers leave alone.

    A server has sixteen of them; the tests themselves use the first.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"{url.rsplit('/', 1)[0]}/{2 + 2 * (worker % 7) + number}"


def answers(url: str) -> bool:
    with suppress(URLError, ConnectionError, TimeoutError):
        return bool(urllib.request.urlopen(f"{url}/healthz/", timeout=2).status == 200)
    return False


def start(data: Path, *arguments: str, **settings: str) -> Program:
    """Start `serve` on a data folder and wait until it answers."""
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **_without_settings(),
        "PANEL_DATA_DIR": str(data),
        "CALLBACK_TRUSTED_NETWORKS": "127.0.0.0/8",
        **settings,
    }
    with _MAKING_TABLES:
        if database := os.environ.get("DATABASE_URL"):
            tables = _database_with_tables(database)
            environment["DATABASE_URL"] = own_database(database, f"flow_{port}", template=tables)
        elif "DATABASE_URL" not in settings and not (data / "panel.sqlite3").exists():
            shutil.copy(_file_with_tables(), data)
    if (redis := os.environ.get("REDIS_URL")) and "REDIS_URL" not in settings:
        environment["REDIS_URL"] = own_broker(redis)
    output = data / "output.txt"
    with output.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port), *arguments],
            cwd=ROOT,
            env=environment,
            stdout=written,
            stderr=subprocess.STDOUT,
            text=True,
        )
    program = Program(url, data, process, output, environment)
    until = time.monotonic() + 90
    while not (answers(url) and "Ctrl-C" in output.read_text()):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            pytest.fail(f"serve did not start:\n{output.read_text()}")
        time.sleep(0.2)
    return program


def stop(program: Program, sign: signal.Signals = signal.SIGINT) -> int:
    """Stop the program as a person would; return its exit code."""
    program.process.send_signal(sign)
    try:
        return program.process.wait(30)
    finally:
        program.process.kill()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    running = start(tmp_path_factory.mktemp("data"))
    yield running
    stop(running)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        missing = "No Chromium on PATH: install the package chromium to run the browser journeys."
        if os.environ.get("PANEL_TEST_BROWSER") == "required":
            pytest.fail(missing)
        # A person without one is told how to get it; CI lets no journey be left out.
        pytest.skip(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening
