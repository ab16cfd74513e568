"""Takes the pictures of docs/tour.md and README.md anew, from a program of its own.

    .venv/bin/python -m tests.pictures

Needs Chromium. Each picture shows the busy demo account, in light colours, 1280 pixels wide.
"""

import json
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.flows.conftest import CHROMIUM, ROOT, start, stop
from tests.flows.test_guide import eventually, sign_in

PICTURES = ROOT / "docs" / "pictures"

# What each picture shows, by the end of its address.
PAGES = {
    "overview": "",
    "api-users": "api-users/",
    "messages": "messages/",
    "senders": "senders/",
    "credits": "credits/",
    "callbacks": "callbacks/",
    "alerts": "alerts/log/",
    "opt-outs": "opt-outs/",
    "activity": "activity/",
    "options": "options/",
    "connect": "connect/",
}
TEXT = "Your parcel is here. Pick it up until 6 pm – we look forward to seeing you at Mill Lane!"


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"{name}.png")


def take_all(page: Page, account: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 860})
    for name, path in PAGES.items():
        page.goto(account + path)
        take(page, name)
    page.goto(f"{account}messages/?state=failed")
    page.locator("tbody a").first.click()
    take(page, "message")
    page.goto(f"{account}api-users/")
    page.get_by_role("link", name="script-00009", exact=True).click()
    take(page, "api-user")
    page.goto(f"{account}send/")
    page.locator("#id_receivers").fill("+33 6 12 34 56 78, 0044 7400 123456\n+49 151 12345678")
    page.locator("#id_text").fill(TEXT)
    take(page, "send")


def main() -> None:
    """Start a program with a busy account, and take each picture."""
    assert CHROMIUM is not None, "Install Chromium first."
    PICTURES.mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp())
    program = start(data)
    try:
        filled = program.manage("demo", "--users=60", "--messages=6000")
        assert filled.returncode == 0, filled.stderr
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = sign_in(browser, program, "holder")
            account = f"{program.url}/sms/{json.loads(filled.stdout)['account']}/"
            page.goto(account)
            eventually(lambda: page.reload() and not page.get_by_text("being added up").count())
            take_all(page, account)
            browser.close()
    finally:
        stop(program)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
