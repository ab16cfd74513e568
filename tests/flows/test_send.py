"""Sending from the browser: counted as one types, confirmed, delivered; with script and without."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.flows.conftest import Program
from tests.flows.test_guide import sign_in
from tests.sizes import long

pytestmark = [pytest.mark.browser, pytest.mark.whole_program, pytest.mark.on_embedded, long]

PHONE: ViewportSize = {"width": 390, "height": 800}
WIDE: ViewportSize = {"width": 1280, "height": 900}


def send_page(browser: Browser, program: Program, *, javascript: bool, width: ViewportSize) -> Page:
    page = sign_in(browser, program, "holder", javascript=javascript)
    page.set_viewport_size(width)
    page.get_by_role("navigation", name="Sections of the account").get_by_role(
        "link", name="Send", exact=True
    ).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send")
    return page


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("width", [PHONE, WIDE], ids=["phone", "wide"])
def test_one_types_sees_the_price_and_sends(
    browser: Browser, program: Program, width: ViewportSize
):
    page = send_page(browser, program, javascript=True, width=width)
    count = page.locator("#count")

    # Counted by the server as one types.
    page.get_by_label("Receivers").fill("+33 6 39 98 00 04, 33639980004; nobody")
    page.get_by_label("Text").fill("It’s on — see you")
    expect(count).to_contain_text("Unicode")
    expect(count).to_contain_text("1 twice (33639980004), 1 no number (nobody)")
    expect(count.locator(".handset mark")).to_have_count(2)
    assert fits(page)

    # One click makes it plain, and nothing that was typed is lost.
    count.get_by_role("button", name="Write plain signs instead").click()
    expect(page.get_by_label("Text")).to_have_value("It's on - see you")
    expect(count).to_contain_text("GSM 03.38")
    expect(page.get_by_label("Receivers")).to_have_value("+33 6 39 98 00 04, 33639980004; nobody")

    # What is left out is told before.
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send this to 1 receiver?")
    page.get_by_text("No numbers: 1").click()
    expect(page.locator(".left-out").filter(has_text="nobody")).to_be_visible()
    assert fits(page)

    # Sent, and shown so without a reload.
    page.get_by_role("button", name="Send for 1.00 credits").click()
    expect(page.locator("#progress")).to_contain_text("1 / 1", timeout=15_000)
    expect(page.locator("#progress .badge")).to_have_text("Sent")
    assert fits(page)
    page.get_by_role("link", name="See the messages").click()
    expect(page.get_by_role("row").filter(has_text="+33639980004")).to_contain_text("It's on")


def test_a_file_is_chosen_once_and_fills_the_text(
    browser: Browser, program: Program, tmp_path: Path
):
    guests = tmp_path / "guests.csv"
    guests.write_text("number;name\n33639980004;Ann\n33639981004;Bob\n")
    page = send_page(browser, program, javascript=True, width=WIDE)

    page.get_by_label("or a CSV file").set_input_files(guests)
    expect(page.locator("#kept-file")).to_contain_text("From the file guests.csv")
    assert page.get_by_label("or a CSV file").input_value() == ""
    page.get_by_label("Text").fill("Hello {nam}")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#div_id_text")).to_contain_text("The file has no column for {nam}")
    page.get_by_label("Text").fill("Hello {name}")
    expect(page.locator("#count .handset")).to_contain_text("Hello Ann")
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Send this to 2 receivers?")


def test_all_of_it_works_without_script(browser: Browser, program: Program, tmp_path: Path):
    page = send_page(browser, program, javascript=False, width=PHONE)
    page.get_by_label("Receivers").fill("33639980004")
    page.get_by_label("Text").fill("Wait…")

    page.get_by_role("button", name="Count").click()
    expect(page.locator("#count")).to_contain_text("Unicode")
    page.get_by_role("button", name="Write plain signs instead").click()
    expect(page.get_by_label("Text")).to_have_value("Wait...")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Send for 1.00 credits").click()

    for _ in range(20):
        if "1 / 1" in page.locator("#progress").inner_text():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("#progress .badge")).to_have_text("Sent")


def test_a_sender_is_asked_for_and_given_to_one_user(browser: Browser, program: Program):
    page = sign_in(browser, program, "holder")
    page.get_by_role("link", name="Senders", exact=True).click()
    page.get_by_role("link", name="Ask for a sender").click()
    dialog = page.locator("dialog")
    dialog.get_by_label("Sender").fill("Shop")
    dialog.get_by_label("Why it is yours").fill("Our brand")
    dialog.get_by_role("button", name="Ask for it").click()
    row = page.get_by_role("row").filter(has_text="Shop")
    expect(row).to_contain_text("Waiting")

    row = page.get_by_role("row").filter(has_text="DEMO")
    row.get_by_label("Actions for DEMO").click()
    row.get_by_role("link", name="Who may use it").click()
    dialog.get_by_label("Only the ones chosen here").check()
    dialog.get_by_label("shop", exact=True).check()
    dialog.get_by_role("button", name="Confirm").click()
    expect(row).to_contain_text("shop")

    demo = program.demo
    sent = program.send(
        account=demo["account"],
        login=demo["login"],
        password=demo["password"],
        to=demo["msisdn"],
        message="Hello",
        **{"from": "DEMO"},
    )
    assert sent["status"] == 241
