"""What tests of pages get: people who signed in, and a look at every page that they open."""

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from sms_accounts.models import Account, User
from tests import factories
from tests.pages.checks import check_page

HTMX = {"HX-Request": "true", "HX-Target": "dialog-content"}


# The HTML is the same on either database, and to read it takes longer than to make it.
_IS_CHECKED = connection.vendor == "sqlite"


class Browser(Client):
    """Django's client, which checks each page that it opens."""

    def request(self, **request):
        response = super().request(**request)
        # What htmx puts into a part of a page has no title of its own.
        is_part = request.get("HTTP_HX_TARGET", HTMX["HX-Target"]) != HTMX["HX-Target"]
        is_html = response["Content-Type"].startswith("text/html")
        if _IS_CHECKED and response.status_code == 200 and is_html and not is_part:
            check_page(response.content.decode())
        return response

    def in_dialog(self, url: str):
        """Open a page as htmx does, for the dialog."""
        return self.get(url, headers=HTMX)

    def post_in_dialog(self, url: str, data: dict[str, object]):
        return self.post(url, data, headers=HTMX)


def signed_in(user: User) -> Browser:
    browser = Browser()
    answer = browser.post(
        reverse("account_login"), {"login": user.email, "password": factories.PASSWORD}
    )
    assert answer.status_code == 302
    return browser


@pytest.fixture
def alice(db) -> User:
    return factories.make_user("alice@example.com")


@pytest.fixture
def account(alice) -> Account:
    """Alice's account: 200 credits, as in the guide."""
    return factories.make_account(owner=alice, name="sms-ab12345-1")


@pytest.fixture
def browser(alice) -> Browser:
    """Alice's browser, signed in."""
    return signed_in(alice)


@pytest.fixture
def bobs_browser(db) -> Browser:
    """That of Bob, who owns another account and must see nothing of Alice's."""
    bob = factories.make_user("bob@example.com")
    factories.make_account(owner=bob, name="sms-bb12345-1")
    return signed_in(bob)
