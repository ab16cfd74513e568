"""What a checker of accessibility finds on the pages: nothing, with much on them or little."""

import re
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from sms_accounts import big_demo
from tests import others
from tests.flows.conftest import Program
from tests.flows.test_guide import sign_in
from tests.sizes import in_bench, long

pytestmark = [pytest.mark.browser, pytest.mark.whole_program, pytest.mark.on_embedded, long]

Theme: TypeAlias = Literal["dark", "light"]
# Between the themes nothing differs but the colours.
RULES: dict[Theme, dict[str, Any]] = {
    "light": {},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}

# Each kind of page is checked so often for each account.
MOST_OF_A_KIND = in_bench(5, otherwise=1)
NOT_OURS = re.compile(r"^/admin/|/csv/|\.csv$|^/1\.0/|^/v1/|/logout/|^/healthz/")


def findings(page: Page) -> list[str]:
    """What the checker has against the page as it stands, each with the place."""
    return [
        f"{page.url}, {theme}: {each['id']} ({each['help']}): {node['html'][:200]}"
        for theme, rules in RULES.items()
        for each in violations(page, theme, rules)
        for node in each["nodes"]
    ]


def violations(page: Page, theme: Theme, rules: dict[str, Any]) -> list[dict[str, Any]]:
    # While a dialog fades in, its colours are not yet what they will be.
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    until = time.monotonic() + 10
    # A function that the page asks by itself again and again is one that its policy forbids.
    while page.evaluate("document.getAnimations().length"):
        assert time.monotonic() < until
        page.wait_for_timeout(20)
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run({resultTypes: ['violations'], ...rules})", rules
    )["violations"]
    return found


def kind_of(url: str) -> str:
    """The same for pages that one template draws."""
    path = re.sub(r"/\d+/", "/N/", urlsplit(url).path)
    return re.sub(r"/sms/[^/]+/", "/sms/NAME/", path)


def links_of(page: Page) -> Iterator[str]:
    for link in page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))"):
        url = urljoin(page.url, link).split("#")[0]
        is_ours = urlsplit(url).netloc == urlsplit(page.url).netloc
        if is_ours and not NOT_OURS.search(urlsplit(url).path):
            yield url


def walk(page: Page, *starts: str) -> tuple[dict[str, int], list[str]]:
    """Follow the links from some pages; return how many there were by kind, and what is wrong."""
    waiting, seen = deque(starts), set(starts)
    checked: dict[str, int] = {}
    wrong: list[str] = []
    while waiting:
        url = waiting.popleft()
        kind = kind_of(url)
        if checked.get(kind, 0) >= MOST_OF_A_KIND * len(starts):
            continue
        answer = page.goto(url)
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        checked[kind] = checked.get(kind, 0) + 1
        assert answer.ok, f"{url}: {answer.status}"
        wrong += findings(page)
        for link in links_of(page):
            if link in seen:
                continue
            seen.add(link)
            # Of a list the whole first, and then what was searched in it, which may be empty.
            if "?" in link:
                waiting.append(link)
            else:
                waiting.appendleft(link)
    return checked, wrong


@pytest.fixture
def page(browser: Browser, program: Program) -> Page:
    signed_in = sign_in(browser, program, "holder")
    script = others.NODE_MODULES / "axe-core" / "axe.min.js"
    if not script.exists():
        others.missing("The packages of tests/npm are not installed.")
    # The pages let no script in that is not theirs; this one comes from outside of them.
    signed_in.add_init_script(path=script)
    return signed_in


def test_finds_nothing_wrong_with_any_page(program: Program, page: Page):
    filled = program.manage("demo", "--users=12", "--messages=60")
    assert filled.returncode == 0, filled.stderr

    checked, wrong = walk(
        page,
        f"{program.url}/sms/{program.demo['account']}/",
        f"{program.url}/sms/{big_demo.ACCOUNT}/",
    )

    assert wrong == []
    # It went through the tabs, into the rows and into the dialogs.
    assert {
        "/sms/NAME/api-users/",
        "/sms/NAME/api-users/N/quota/",
        "/sms/NAME/messages/N/",
        "/sms/NAME/callbacks/",
        "/sms/NAME/options/",
    } <= checked.keys()
    print(f"{sum(checked.values())} pages of {len(checked)} kinds")


def test_finds_nothing_wrong_with_a_dialog_that_shows_an_error(program: Program, page: Page):
    page.goto(f"{program.url}/sms/{program.demo['account']}/api-users/")
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Add").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("ID").fill("a b")
    dialog.get_by_label("Password").fill("short")
    assert findings(page) == []

    dialog.get_by_role("button", name="Confirm").click()
    dialog.locator(".invalid-feedback").first.wait_for()

    assert findings(page) == []
