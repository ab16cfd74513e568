"""The page for integrators in a browser: its programs are copied and run, a call is tried."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sms_accounts.programs import VARIABLE
from tests.flows.conftest import Program
from tests.flows.test_guide import sign_in
from tests.sizes import long

pytestmark = [pytest.mark.browser, pytest.mark.whole_program, pytest.mark.on_embedded, long]

# What stands on a page, by language, and the command that it needs here.
COMMANDS = {
    "curl": "curl",
    "Python": "python3",
    "JavaScript": "node",
    "PHP": "php",
    "Ruby": "ruby",
    "PowerShell": "pwsh",
}
INSTALLED = [language for language, command in COMMANDS.items() if shutil.which(command)]


def connect_page(browser: Browser, program: Program, *, javascript: bool = True) -> Page:
    page = sign_in(browser, program, "holder", javascript=javascript)
    page.get_by_role("link", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect a script")
    return page


def choose_demo(page: Page, program: Program) -> None:
    page.locator("#choose_user").select_option(label=program.demo["login"])
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**?user=*")


@pytest.mark.parametrize("language", INSTALLED)
def test_a_program_runs_as_it_is_copied(
    browser: Browser, program: Program, tmp_path: Path, language: str
):
    page = connect_page(browser, program)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose_demo(page, program)
    entry = page.locator("details.program").filter(has=page.locator("summary", has_text=language))
    if language != "curl":
        entry.locator("summary").click()
    entry.get_by_role("button", name=f"Copy: {language}").click()
    expect(entry.get_by_role("button")).to_contain_text("Copied")
    file_name, command = entry.locator(".program-head code").all_text_contents()
    (tmp_path / file_name).write_text(page.evaluate("navigator.clipboard.readText()"))

    done = subprocess.run(
        command.split(),
        cwd=tmp_path,
        env={**os.environ, VARIABLE: program.demo["password"], "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    # The answer, or what a program that checked for status 100 writes.
    assert re.search(r'"status":100|^Sent: \d+', done.stdout)


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
def test_a_call_can_be_tried(browser: Browser, program: Program, javascript: bool):
    page = connect_page(browser, program, javascript=javascript)
    tried = page.locator("#try-it")
    choose_demo(page, program)

    # Without a password it is not made.
    tried.get_by_role("button", name="Send").click()
    expect(tried.locator("#div_id_password")).to_contain_text("Enter the password")

    # With a wrong one it is refused, as a script is.
    tried.get_by_label("Password of this user").fill("Wrong12345")
    tried.get_by_role("button", name="Send").click()
    expect(tried.get_by_role("alert")).to_contain_text("Not accepted")
    expect(tried).to_contain_text('{"status":202,"message":"Invalid credentials"}')

    # With the right one it is sent and paid.
    left = page.locator(".account-credits dd").first.inner_text()
    tried.get_by_label("Password of this user").fill(program.demo["password"])
    tried.get_by_label("Test number").select_option("33639980024")
    tried.get_by_role("button", name="Send").click()
    expect(tried.get_by_role("status")).to_contain_text("Accepted")
    expect(tried).to_contain_text("&password=••••••••&from=")
    expect(tried).to_contain_text('{"status":100,"smsIds":["')
    expect(page.locator(".account-credits dd").first).not_to_have_text(left)
    assert program.demo["password"] not in page.content()


def test_send_cannot_be_pressed_again_while_it_is_on_its_way(browser: Browser, program: Program):
    page = connect_page(browser, program)
    button = page.locator("#try-it").get_by_role("button")
    # The form stays here for as long as the test looks.
    page.evaluate("addEventListener('submit', (event) => event.preventDefault())")

    button.click()

    expect(button).to_have_text("Sending…")
    expect(button).to_be_disabled()

    page.evaluate("dispatchEvent(new Event('pageshow'))")

    expect(button).to_have_text("Send")
    expect(button).to_be_enabled()


def test_a_row_of_the_list_leads_to_its_user(browser: Browser, program: Program):
    page = sign_in(browser, program, "holder")
    page.locator(".tabs").get_by_role("link", name="API users").click()
    row = page.get_by_role("row").filter(has_text="shop")
    row.get_by_label("Actions for shop").click()
    row.get_by_role("link", name="Connect", exact=True).click()

    expect(page.locator("#choose_user option:checked")).to_have_text("shop")
    expect(page.locator("#send_smssh")).to_contain_text("/shop")
