"""What Lighthouse thinks of the pages, as on a phone in a slow network: 95 of 100 at least."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from sms_accounts import big_demo
from tests import others
from tests.flows.conftest import CHROMIUM, Program
from tests.flows.test_guide import fill_in_sign_in
from tests.simulator_rig import unused_port
from tests.sizes import long

pytestmark = [
    pytest.mark.alone,
    pytest.mark.browser,
    pytest.mark.whole_program,
    pytest.mark.on_embedded,
    long,
]

LEAST = 95
# How often a page may be judged anew: a machine that is busy with something else makes it slow.
TRIES = 3
# A page takes ten seconds.
PAGES = ["", "messages/", "credits/", "api-users/", "options/"]


@pytest.fixture
def port() -> int:
    found: int = unused_port()
    return found


@pytest.fixture
def page(tmp_path: Path, port: int) -> Iterator[Page]:
    """A page of a browser that another program can use as well, with the same sign-in."""
    if CHROMIUM is None:
        others.missing("There is no Chromium.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch_persistent_context(
            tmp_path,
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}"],
        )
        yield opened.new_page()
        opened.close()


def judged(port: int, url: str) -> dict[str, Any]:
    program = others.TESTS / "npm" / "lighthouse.mjs"
    done = subprocess.run(
        [others.node(), str(program), str(port), url], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(port: int, url: str) -> None:
    for _ in range(TRIES):
        found = judged(port, url)
        print(url, found["scores"])
        if min(found["scores"].values()) >= LEAST:
            break
    assert min(found["scores"].values()) >= LEAST, found["against"]


def test_gives_each_page_ninety_five_in_every_category(program: Program, page: Page, port: int):
    if not (others.NODE_MODULES / "lighthouse").is_dir():
        others.missing("The packages of tests/npm are not installed.")
    filled = program.manage("demo", "--users=30", "--messages=500")
    assert filled.returncode == 0, filled.stderr

    page.goto(program.url)
    check(port, page.url)
    fill_in_sign_in(page, program, "holder")
    for path in PAGES:
        check(port, f"{program.url}/sms/{big_demo.ACCOUNT}/{path}")
