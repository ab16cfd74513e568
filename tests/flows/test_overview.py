"""How an account stands and where its credits went: on a phone and wide, also without script."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.flows.conftest import Program
from tests.flows.test_guide import figures, sign_in
from tests.sizes import in_full

pytestmark = [pytest.mark.browser, pytest.mark.whole_program, pytest.mark.on_embedded]

PHONE: ViewportSize = {"width": 390, "height": 800}
WIDE: ViewportSize = {"width": 1280, "height": 900}
WAYS = {
    "phone": (PHONE, True),
    "wide": (WIDE, True),
    "phone without script": (PHONE, False),
    "wide without script": (WIDE, False),
}
# All four in CI, and each width and each way of working once where a person waits.
TRIED = in_full(list(WAYS), otherwise=["phone", "wide without script"])
OTHER = "sms-ab12345-2"
# Each of these users sent ten messages a day before, and fifty today.
UNUSUAL = """
from datetime import timedelta
from django.utils import timezone
from sms_accounts import api_users, counting, orders, pauses, submission
from sms_accounts.models import Account, Habit, Rule, RuleAction, Submission

account, now = Account.objects.get(name="{account}"), timezone.now()
pauses.set_choices(
    account, {{**dict.fromkeys(Rule), Rule.BURST: RuleAction.PAUSE}}, by=None
)
for place in range({users}):
    user = api_users.add(account, login=f"busy{{place}}", password="Secret1234", by=None)
    hours = {{str(hour): 10 for hour in range(24)}}
    Habit.objects.create(api_user=user, began_at=now - timedelta(days=25), hours=hours)
    receivers = [str({msisdn} + 1000 * number) for number in range(50)]
    submission.submit(
        orders.Order(
            account=account,
            api_user=user,
            channel=Submission.Channel.HTTP2SMS,
            sender="{sender}",
            receivers=receivers,
            text="Hello",
        )
    )
"""


@pytest.fixture(scope="module")
def busy(program: Program) -> Program:
    """The program, with as many API users that do what they never did as there are journeys."""
    demo = program.demo
    done = program.manage(
        *("create_account", OTHER, "--owner", demo["holder_email"]),
        *("--credits", "10", "--sender", "Second"),
    )
    assert done.returncode == 0, done.stderr
    done = program.manage("top_up", demo["account"], "500", "--reference", "journeys")
    assert done.returncode == 0, done.stderr
    code = UNUSUAL.format(
        account=demo["account"], sender=demo["sender"], msisdn=demo["msisdn"], users=len(TRIED)
    )
    done = program.manage("shell", "-c", code)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module", params=TRIED)
def signed_in(request: pytest.FixtureRequest, browser: Browser, busy: Program) -> Iterator[Page]:
    width, javascript = WAYS[request.param]
    page = sign_in(browser, busy, "holder", javascript=javascript)
    page.set_viewport_size(width)
    yield page
    page.context.close()


@pytest.fixture
def page(signed_in: Page, busy: Program) -> Page:
    signed_in.goto(f"{busy.url}/sms/{busy.demo['account']}/")
    return signed_in


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def wait_for(page: Page, text: str) -> None:
    """Load the page again until workers have done what it is to show."""
    for _ in range(60):
        if text in page.locator("main").inner_text():
            return
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("main")).to_contain_text(text)


def test_who_was_paused_is_looked_into_and_released(page: Page):
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    wait_for(page, "Paused")
    paused = page.locator(".warnings li").filter(has_text="Paused").first
    expect(paused).to_contain_text("Burst: 50 messages in the last 24 hours; before, 10 a day.")
    assert fits(page)

    # What the rules are is told, and where they are chosen.
    page.get_by_text("What counts as unusual").click()
    expect(page.get_by_text("Four rules, for each API user")).to_be_visible()
    page.get_by_role("link", name="Choose what they do").click()
    expect(page.get_by_label("New country")).to_be_visible()
    expect(page.get_by_label("Burst")).to_have_value("pause")
    assert fits(page)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status").first).to_contain_text("Nothing was changed")

    # On its own page stands the same reason, and the same button.
    page.get_by_role("link", name="Overview").click()
    login = paused.get_by_role("link").inner_text()
    paused.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(login)
    expect(page.locator(".page-header")).to_contain_text("Burst: 50 messages")
    assert fits(page)
    page.get_by_role("button", name="Release").click()

    expect(page.locator("main")).to_contain_text(f"{login} may send again")
    expect(page.locator(".page-header")).to_contain_text("May send")
    expect(page.locator("#activity ~ *").first).to_contain_text("Released")


def test_figures_lead_to_the_messages_and_to_the_credits(page: Page):
    sent = page.locator(".figures-table tr").filter(has_text="Sent").first
    expect(sent).to_contain_text(str(50 * len(TRIED)))
    sent.get_by_role("link", name="Sent").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Messages")
    assert fits(page)

    page.go_back()
    page.get_by_role("link", name="Credits spent").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Credits")
    rows = page.locator(".statement-table tbody tr")
    expect(rows.first).to_contain_text("50.00")
    assert re.search(r"[?&]kind=debit", page.url)
    assert fits(page)


def test_the_books_are_checked_before_ones_eyes(page: Page):
    page.get_by_role("navigation", name="Sections of the account").get_by_role(
        "link", name="Credits", exact=True
    ).click()
    page.get_by_role("link", name="Check").click()

    expect(page.get_by_text("Right to the hundredth.")).to_be_visible()
    assert fits(page)


def test_credits_go_to_another_account_of_the_holder(page: Page):
    before = figures(page)[0]
    page.get_by_role("navigation", name="Sections of the account").get_by_role(
        "link", name="Credits", exact=True
    ).click()
    page.get_by_role("link", name="Transfer").click()

    page.locator("select[name=receiver]").select_option(OTHER)
    page.locator("input[name=credits]").fill("1.5")
    reason = f"Of {before}"
    page.locator("input[name=reason]").fill(reason)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("1.50").first).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name="Transfer").click()

    expect(page.locator(".statement-table tbody tr").first).to_contain_text(reason)
    assert before - figures(page)[0] == 1.5
