"""The users' guide, step by step in a browser, and what a script then sees."""

import re
import shlex
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flows.conftest import Program
from tests.receiver import Receiver

pytestmark = [pytest.mark.browser, pytest.mark.whole_program]

PASSWORD = "Secret1234"
ALERT_MSISDN = "33639983004"


def eventually(true: Callable[[], object], *, within: float = 40) -> None:
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.2)


def sign_in(browser: Browser, program: Program, who: str, *, javascript: bool = True) -> Page:
    page = browser.new_context(java_script_enabled=javascript).new_page()
    page.set_default_timeout(10_000)
    page.goto(program.url)
    fill_in_sign_in(page, program, who)
    return page


def fill_in_sign_in(page: Page, program: Program, who: str) -> None:
    page.get_by_label("Email").fill(program.demo[f"{who}_email"])
    page.get_by_label("Password").fill(program.demo[f"{who}_password"])
    page.get_by_role("button", name="Sign in").click()


def open_dialog(page: Page, login: str, entry: str) -> None:
    row = page.get_by_role("row").filter(has_text=login)
    row.get_by_label(f"Actions for {login}").click()
    row.get_by_role("link", name=entry, exact=True).click()


def figures(page: Page) -> list[Decimal]:
    """Return credits left and credits held by quotas, as the header shows them."""
    text = page.locator(".account-header").inner_text()
    return [Decimal(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\.\d\d", text)][:2]


def quota_shown(page: Page, login: str) -> str:
    page.reload()
    row = page.get_by_role("row").filter(has_text=login)
    return row.locator('td[data-label="Quota"]').inner_text()


@pytest.mark.parametrize(
    "javascript",
    [
        pytest.param(True, id="with script"),
        pytest.param(False, id="without script", marks=pytest.mark.on_embedded),
    ],
)
def test_the_guide_can_be_followed(
    browser: Browser, program: Program, receiver: Receiver, javascript: bool
):
    login = "billing" if javascript else "reports"
    page = sign_in(browser, program, "holder", javascript=javascript)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.locator(".tabs").get_by_role("link", name="API users").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Manage user accounts")
    left, held = figures(page)

    # Step 1: create an API user.
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Add").click()
    page.locator("#id_login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#shown-password")).to_have_text(PASSWORD)
    page.get_by_role("link", name="I have noted it").click()

    # Step 2: set a quota; it leaves the account.
    open_dialog(page, login, "Quota")
    page.get_by_label("Enable quota?").check()
    page.get_by_label("New quota").fill("150")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(login)
    assert figures(page) == [left - 150, held + 150]
    assert quota_shown(page, login) == "150.00"

    # Down to what the rest of this journey uses up.
    open_dialog(page, login, "Quota")
    page.get_by_label("New quota").fill("3")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("row").filter(has_text=login)).to_contain_text("3.00")

    # Step 3: set a limit.
    open_dialog(page, login, "Limit")
    page.get_by_label("Enable alert?").check()
    page.get_by_label("Alert threshold").fill("2")
    page.get_by_label("Notification").select_option("both")
    page.get_by_label("Email").fill(f"{login}@example.com")
    page.get_by_label("Number").fill(f"+{ALERT_MSISDN}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("row").filter(has_text=login)).to_contain_text("2.00")

    # Step 4: restrict the addresses.
    open_dialog(page, login, "Restrictions")
    page.get_by_label("Restriction no. 1").fill("127.0.0.1")
    page.get_by_label("Restriction no. 2").fill("2001:db8::/32")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(login)

    # Step 5: name a callback URL.
    open_dialog(page, login, "Callback")
    page.locator("#id_url").fill(f"{receiver.url}?own=1")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(login)

    # A script sends.
    sending = {
        "account": program.demo["account"],
        "login": login,
        "password": PASSWORD,
        "from": program.demo["sender"],
        "to": "0033639980004",
        "message": "Hello",
        "tag": "guide",
    }
    answer = program.send(**sending)
    assert answer["status"] == 100, answer
    assert answer["creditLeft"] == "2.00"

    # Its report arrives, first on its way, then delivered.
    def reports() -> list[dict[str, str]]:
        received = [dict(request.values) for request in receiver.requests]
        return [report for report in received if report["id"] == answer["smsIds"][0]]

    eventually(lambda: len(reports()) == 2)
    assert [report["ptt"] for report in reports()] == ["3", "4"]
    assert reports()[1] | {"date": ""} == {
        "own": "1",
        "id": answer["smsIds"][0],
        "ptt": "4",
        "date": "",
        "description": "1",
        "descriptionDlr": "Success",
        "dlr": "1",
        "tag": "guide",
    }

    # The quota fell, and the alert went out once by email and once by SMS.
    assert quota_shown(page, login) == "2.00"
    staff = sign_in(browser, program, "staff")

    def alert_mails() -> int:
        staff.goto(f"{program.url}/mail/")
        return staff.locator("article", has_text=f"{login}@example.com").count()

    eventually(alert_mails)
    assert alert_mails() == 1

    def alert_sms() -> int:
        staff.goto(f"{program.url}/admin/sms_accounts/message/?q={ALERT_MSISDN}")
        return staff.locator("#result_list tbody tr", has_text="Delivered").count()

    before = 0 if javascript else 1
    eventually(lambda: alert_sms() > before)
    assert alert_sms() == before + 1

    # Once the quota is used up, the user is blocked.
    assert program.send(**sending)["creditLeft"] == "1.00"
    assert program.send(**sending)["creditLeft"] == "0.00"
    blocked = program.send(**sending)
    assert (blocked["status"], blocked["message"]) == (202, "Quota reached")
    assert alert_mails() == 1

    # From another address it is refused, and the holder is warned before that.
    page.reload()
    open_dialog(page, login, "Restrictions")
    page.get_by_label("Restriction no. 1").fill("192.0.2.1")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label(re.compile("Shut out 127.0.0.1")).check()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(login)
    refused = program.send(**sending)
    assert (refused["status"], refused["message"]) == (401, "Unauthorized IP 127.0.0.1")

    # Deleting the user gives nothing back now, and the books are right.
    open_dialog(page, login, "Delete")
    page.get_by_role("button", name=re.compile("Delete|Confirm")).click()
    expect(page.get_by_role("row").filter(has_text=login)).to_have_count(0)
    books = program.manage("check_books")
    assert books.returncode == 0, books.stdout + books.stderr


def test_the_printed_curl_line_sends_an_sms(program: Program):
    line = next(line.strip() for line in program.output.read_text().splitlines() if "curl " in line)

    done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=30)

    assert done.stdout.startswith("OK\n"), done.stdout + done.stderr


def test_nothing_secret_is_in_the_output(program: Program):
    lines = program.output.read_text().split("Ctrl-C stops it.")[1]

    assert program.demo["password"] not in lines
    assert PASSWORD not in lines
    assert "Traceback" not in lines, lines
