"""Every page that links lead to takes few questions to the database, and is small.

`tests/bench/test_pages.py` tells how long they take, with a hundred times as much on them.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import big_demo, counting, demo, opt_outs, senders
from sms_accounts.models import (
    Account,
    ApiUser,
    Callback,
    CallbackAttempt,
    Message,
    OptOut,
    Rate,
    User,
)
from tests.batches_made import make_batch
from tests.factories import PASSWORD, make_alert, make_callback
from tests.pages.conftest import signed_in
from tests.sizes import in_full

MOST_QUERIES = 12
MOST_BYTES = 100_000
# Each kind of page is opened so often.
MOST_OF_A_KIND = in_full(4, otherwise=1)
ELSEWHERE = re.compile(r"^/admin/|/csv/|\.csv$|^/1\.0/|^/v1/|/logout/|^/static/|^/auth/")


@pytest.fixture
def holder(db, settings, tmp_path) -> User:
    """Who has both accounts of a demo: one with next to nothing in it, one with a lot."""
    settings.DATA_DIR = tmp_path
    # Tests that commit leave none.
    Rate.objects.get_or_create(prefix="", defaults={"credits": 1})
    made = demo.ensure()
    assert made is not None
    list(big_demo.fill(users=60, messages=150, seed=1))
    holder = User.objects.get(email=made.holder_email)
    holder.set_password(PASSWORD)
    holder.save(update_fields=["password"])
    fill_tabs(Account.objects.get(name=big_demo.ACCOUNT), holder)
    counting.count()
    return holder


def fill_tabs(account: Account, holder: User) -> None:
    """What the demo does not have: a page and more of all that has a tab."""
    now = timezone.now()
    users = list(ApiUser.objects.filter(account=account).select_related("account")[:55])
    messages = Message.objects.filter(account=account).select_related("account", "submission")
    for user, message in zip(users, messages[:55], strict=True):
        callback = make_callback("https://example.com/dlr", message=message, api_user=user)
        CallbackAttempt.objects.create(callback=callback, at=now, status=500)
        make_alert(user)
        user.callback_url = "https://example.com/dlr"
        user.save(update_fields=["callback_url"])
    Callback.objects.filter(account=account).update(given_up_at=now)
    numbers = {f"3361234{number:04}": "" for number in range(55)}
    opt_outs.add(account, numbers, source=OptOut.Source.HAND, by=holder)
    make_batch(account, by=holder)
    for number in range(3):
        senders.ask(account, f"Sender{number}", description="", reason="Ours", by=holder)


def kind_of(url: str) -> str:
    """The same for pages that one view draws, searched by the same fields."""
    parts = urlsplit(url)
    path = re.sub(r"/\d+/", "/N/", parts.path)
    searched = ",".join(sorted(parse_qs(parts.query).keys() - {"next"}))
    return f"{path}?{searched}"


def links_of(url: str, html: str) -> Iterator[str]:
    for link in re.findall(r'<a\b[^>]*\shref="([^"#]+)', html):
        found = urlsplit(urljoin(url, unescape(link)))
        if not found.netloc and not ELSEWHERE.search(found.path):
            yield found.geturl()


def walk(browser: Client, *starts: str) -> tuple[Counter[str], list[str]]:
    """Follow the links from some pages; return how many there were by kind, and what is wrong."""
    waiting, seen = deque(starts), set(starts)
    opened: Counter[str] = Counter()
    wrong: list[str] = []
    while waiting:
        url = waiting.popleft()
        if opened[kind_of(url)] >= MOST_OF_A_KIND:
            continue
        with CaptureQueriesContext(connection) as captured:
            answer = browser.get(url)
        opened[kind_of(url)] += 1
        assert answer.status_code == 200, f"{url}: {answer.status_code}"
        if len(captured) > MOST_QUERIES:
            wrong.append(f"{url}: {len(captured)} queries")
        if len(answer.content) >= MOST_BYTES:
            wrong.append(f"{url}: {len(answer.content)} bytes")
        new = [link for link in links_of(url, answer.content.decode()) if link not in seen]
        seen.update(new)
        waiting.extend(new)
    return opened, wrong


def test_no_page_asks_much_or_is_large(holder):
    # Without a look at the rules of the house, which other tests take.
    browser = Client()
    browser.cookies = signed_in(holder).cookies

    opened, wrong = walk(browser, f"/sms/{demo.ACCOUNT}/", f"/sms/{big_demo.ACCOUNT}/")

    assert wrong == []
    # It went through the tabs, into the rows and into the dialogs.
    assert {
        f"/sms/{big_demo.ACCOUNT}/api-users/N/quota/?",
        f"/sms/{big_demo.ACCOUNT}/messages/N/?",
        f"/sms/{big_demo.ACCOUNT}/messages/?before",
        f"/sms/{big_demo.ACCOUNT}/messages/?user",
        f"/sms/{big_demo.ACCOUNT}/callbacks/N/?",
        f"/sms/{demo.ACCOUNT}/options/?",
    } <= opened.keys()
