"""Takes the pictures of docs/tour.md and README.md anew, from a program of its own.

    .venv/bin/python -m tests.pictures

Needs Chromium. Each picture shows the busy demo account, or the small one where phones reply and
somebody is alerted, in light colours, 1280 pixels wide.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

# What the journeys import has words to translate, and asks the settings whether it may.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")

from tests.flows.conftest import CHROMIUM, ROOT, Program, start, stop
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
    "opt-outs": "opt-outs/",
    "activity": "activity/",
    "options": "options/",
    "rules": "options/rules/",
    "connect": "connect/",
}
# The sender of the small account that takes replies.
NUMBER = "33639980000"
MAIL = "billing@example.com"
# Phones of the simulated carrier that answer, each in its own way.
ANSWERING = [f"3363998090{last}" for last in (1, 2, 3, 4)]
TEXT = "Your parcel is here. Pick it up until 6 pm – we look forward to seeing you at Mill Lane!"


def send(program: Program, **parameters: str) -> None:
    sent = program.send(account=program.demo["account"], message=TEXT, **parameters)
    assert sent["status"] == 100, sent


def have_replies(program: Program) -> None:
    """Write to phones that answer, from the number of the small account that takes replies."""
    known = {name: program.demo[name] for name in ("login", "password")}
    for msisdn in ANSWERING:
        send(program, to=msisdn, **known, **{"from": NUMBER})


def have_an_alert(program: Program) -> None:
    """Let an API user of the small account send until its threshold is crossed."""
    known = ("billing", "--password=Secret1234", "--quota=10", "--alert-threshold=9")
    made = program.manage(
        "create_api_user", program.demo["account"], *known, f"--alert-email={MAIL}"
    )
    assert made.returncode == 0, made.stderr
    send(program, login="billing", password="Secret1234", to="33639980004", **{"from": NUMBER})


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
    page.goto(f"{account}messages/files/")
    page.get_by_role("button", name="Write in the background").click()
    page.locator("tbody").get_by_role("link", name="Download").wait_for()
    take(page, "csv-files")
    page.goto(f"{account}credits/check/")
    page.get_by_role("button", name="Check now").click()
    page.get_by_text("Right to the hundredth.").wait_for()
    take(page, "check")
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
            have_replies(program)
            page.goto(f"{program.url}/sms/{program.demo['account']}/received/")
            replies = page.locator("tbody tr")
            eventually(lambda: page.reload() and replies.count() > len(ANSWERING))
            take(page, "received")
            have_an_alert(program)
            page.goto(f"{program.url}/sms/{program.demo['account']}/alerts/log/")
            eventually(lambda: page.reload() and page.locator(".badge-done").count())
            take(page, "alerts")
            browser.close()
    finally:
        stop(program)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
