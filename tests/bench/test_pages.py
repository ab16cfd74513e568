"""How long each page takes with 10,000 API users and 1,000,000 messages, and with nothing sent.

    PANEL_TEST_SIZE=bench python3 manage.py test tests/bench/test_pages.py -n 0 -s

makes both accounts, which takes some minutes, and prints a line for each page: its queries, its
HTML, the times that 95 of 100 requests stay below in either account, in turn so that whatever else
the machine does meets both alike, and their ratio. Without `bench` in the size it only shows that
all of it works. Times are printed and not judged; queries and sizes are.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sms_accounts import big_demo, counting, demo
from sms_accounts.models import Account, ApiUser, Message, Rate, User
from tests.bench.test_speed import facts
from tests.pages.test_budget import MOST_BYTES, MOST_QUERIES
from tests.sizes import SIZE, in_bench

pytestmark = pytest.mark.django_db

USERS = in_bench(10_000, otherwise=30)
MESSAGES = in_bench(1_000_000, otherwise=120)
ROUNDS = in_bench(40, otherwise=2)

# Of one account, with a login, the key of its user, and a number that was sent to.
PATHS = (
    "",
    "api-users/",
    "api-users/?sort=-quota",
    "api-users/?sort=-last-use",
    "api-users/?q=9",
    "api-users/{key}/",
    "send/",
    "messages/",
    "messages/?user={login}",
    "messages/?q={msisdn}",
    "messages/?state=failed",
    "messages/?tag=parcel",
    "messages/?country=31",
    "messages/?sender=DEMO",
    "senders/",
    "credits/",
    "credits/?user={login}",
    "credits/?kind=refund",
    "credits/check/",
    "alerts/log/",
    "callbacks/",
    "callbacks/?user={login}",
    "opt-outs/",
    "activity/",
    "activity/?user={login}",
    "connect/",
    "connect/?user={login}",
    "options/",
)


@dataclass
class Page:
    """A page of one of the accounts, and the times it took."""

    url: str
    queries: int = 0
    size: int = 0
    times: list[float] = field(default_factory=list)

    @property
    def p95(self) -> float:
        return sorted(self.times)[math.ceil(0.95 * len(self.times)) - 1]


@pytest.fixture
def browser(settings, tmp_path) -> Client:
    settings.DATA_DIR = tmp_path
    # Tests that commit leave none.
    Rate.objects.get_or_create(prefix="", defaults={"credits": 1})
    made = demo.ensure()
    assert made is not None
    for _made in big_demo.fill(users=USERS, messages=MESSAGES, seed=1):
        pass
    while counting.count():
        pass
    if connection.vendor == "postgresql" and SIZE == "bench":
        # As it does by itself soon after so many new rows; what it finds outlives this test.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    browser = Client()
    browser.force_login(User.objects.get(email=made.holder_email))
    return browser


def pages_of(name: str) -> Iterator[Page]:
    account = Account.objects.get(name=name)
    # In the big account the first one sends most, so that no page has more to tell.
    user = ApiUser.objects.filter(account=account).order_by("pk")[0]
    message = Message.objects.filter(account=account).order_by("-pk").first()
    values = {
        "key": user.pk,
        "login": user.login,
        "msisdn": message.msisdn if message else demo.MSISDN,
    }
    for path in PATHS:
        yield Page(f"/sms/{name}/{path.format(**values)}")


def request(browser: Client, page: Page) -> None:
    began = time.perf_counter()
    answer = browser.get(page.url)
    page.times.append(time.perf_counter() - began)
    assert answer.status_code == 200, f"{page.url}: {answer.status_code}"
    page.size = len(answer.content)


def test_print_how_long_pages_take(browser):
    pairs = list(zip(pages_of(demo.ACCOUNT), pages_of(big_demo.ACCOUNT), strict=True))
    for page in (page for pair in pairs for page in pair):
        with CaptureQueriesContext(connection) as captured:
            request(browser, page)
        page.queries = len(captured)
        page.times.clear()

    for _round in range(ROUNDS):
        for empty, full in pairs:
            request(browser, empty)
            request(browser, full)

    print(f"\n{facts()}, {connection.vendor}; {USERS:,} users, {MESSAGES:,} messages")
    print_table(pairs)
    for page in (full for _empty, full in pairs):
        assert page.queries <= MOST_QUERIES, f"{page.url}: {page.queries} queries"
        assert page.size < MOST_BYTES, f"{page.url}: {page.size} bytes"


def print_table(pairs: list[tuple[Page, Page]]) -> None:
    print(f"{'':50} queries     KB  p95 ms  empty  ratio")
    for empty, full in pairs:
        print(
            f"{full.url:50} {full.queries:7} {full.size / 1000:6.0f} {1000 * full.p95:7.1f}"
            f" {1000 * empty.p95:6.1f} {full.p95 / empty.p95:6.2f}"
        )
    slowest_empty, slowest = (max(page.p95 for page in side) for side in zip(*pairs, strict=True))
    print(
        f"{'the slowest page':50} {'':14} {1000 * slowest:7.1f} {1000 * slowest_empty:6.1f}"
        f" {slowest / slowest_empty:6.2f}"
    )
