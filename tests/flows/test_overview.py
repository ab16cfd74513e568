"""The tabs of an account that no guide leads through: on a phone and wide, also without script."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.flows.conftest import Program
from tests.flows.test_guide import figures, sign_in
from tests.sizes import long

pytestmark = [pytest.mark.browser, pytest.mark.whole_program, pytest.mark.on_embedded, long]

PHONE: ViewportSize = {"width": 390, "height": 800}
WIDE: ViewportSize = {"width": 1280, "height": 900}
WAYS = {
    "phone": (PHONE, True),
    "wide": (WIDE, True),
    "phone without script": (PHONE, False),
    "wide without script": (WIDE, False),
}
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
        account=demo["account"], sender=demo["sender"], msisdn=demo["msisdn"], users=len(WAYS)
    )
    done = program.manage("shell", "-c", code)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module", params=WAYS)
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
    expect(sent).to_contain_text(str(50 * len(WAYS)))
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


def go_to(page: Page, tab: str) -> None:
    tabs = page.get_by_role("navigation", name="Sections of the account")
    tabs.get_by_role("link", name=tab, exact=True).click()
    expect(tabs.locator("[aria-current=page]")).to_have_text(tab)
    assert fits(page)


def show_filters(page: Page) -> None:
    """Open what a phone puts away; a wide screen shows it anyway."""
    if (summary := page.locator(".filters > summary")).is_visible():
        expect(page.locator(".filter-fields")).not_to_be_visible()
        summary.click()
    expect(page.locator(".filter-fields")).to_be_visible()


def test_a_message_is_found_within_three_clicks(page: Page, busy: Program):
    number = int(busy.demo["msisdn"]) + 7000
    go_to(page, "Messages")
    show_filters(page)
    page.get_by_label("Number or id").fill(f"+{number}")
    page.get_by_role("button", name="Show").click()

    # What is searched for stands open, and one row of each user that sent.
    expect(page.get_by_label("Number or id")).to_be_visible()
    rows = page.locator(".messages-table tbody tr")
    expect(rows).to_have_count(len(WAYS))
    rows.first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Message")
    expect(page.locator("main")).to_contain_text(f"+{number}")
    assert fits(page)


def test_a_filter_that_is_wrong_says_so_beside_it(page: Page):
    go_to(page, "Messages")
    show_filters(page)
    page.get_by_label("Number or id").fill("soon")
    page.get_by_label("State", exact=True).select_option("failed")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_text("Enter a whole number such as")).to_be_visible()
    expect(page.get_by_label("Number or id")).to_have_value("soon")
    expect(page.get_by_label("State", exact=True)).to_have_value("failed")
    assert fits(page)


def test_who_opts_out_is_added_found_and_removed(page: Page):
    go_to(page, "Opt-outs")
    page.get_by_role("link", name="Add numbers").first.click()
    page.locator("textarea").first.fill("+33 6 12 34 56 78")
    page.get_by_role("button", name="Add", exact=True).click()

    row = page.locator("tbody tr").filter(has_text="+33612345678")
    expect(row).to_be_visible()
    assert fits(page)
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Remove what is chosen").click()
    page.get_by_role("button", name="Yes, remove").click()
    expect(page.get_by_text("Nobody has opted out yet.").first).to_be_visible()


TABS = ["API users", "Send", "Received", "Senders", "Alerts", "Callbacks", "Activity", "Connect"]


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_is_reached_and_searched(page: Page, tab: str):
    go_to(page, tab)

    if page.locator(".filter-fields").count():
        show_filters(page)
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(tab)
        assert fits(page)


def test_the_name_of_the_account_is_changed_and_the_change_told(page: Page):
    go_to(page, "Options")
    page.get_by_role("link", name="Change").first.click()
    name = f"Of {page.viewport_size}"
    page.locator("input[name=description]").fill(name[:40])
    page.get_by_role("button", name="Confirm").click()

    expect(page.locator(".account-description")).to_have_text(name[:40])
    go_to(page, "Activity")
    expect(page.locator("tbody tr").first).to_contain_text(name[:40])


def test_the_books_are_checked_before_ones_eyes(page: Page):
    go_to(page, "Credits")
    page.get_by_role("link", name="Check").click()
    page.get_by_role("button", name="Check now").click()

    expect(page.get_by_text("movements were added up anew in")).to_be_visible()
    expect(page.get_by_text("Right to the hundredth.")).to_be_visible()
    assert fits(page)


def test_credits_go_to_another_account_of_the_holder(page: Page):
    before = figures(page)[0]
    go_to(page, "Credits")
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
