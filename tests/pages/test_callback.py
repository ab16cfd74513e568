"""The URL that hears of each change of a message's state."""

import html
import ipaddress

import pytest
from django.urls import reverse

from sms_accounts.models import ApiUser
from tests.factories import make_api_user


def url(api_user) -> str:
    return reverse("api-user-callback", args=[api_user.account.name, api_user.pk])


@pytest.fixture
def shop(account) -> ApiUser:
    return make_api_user(account=account, login="shop")


def said(answer) -> str:
    return html.unescape(answer.content.decode())


@pytest.mark.parametrize("given", ["https://example.com/dlr?x=1", "http://example.com:8080"])
def test_is_saved_and_can_be_emptied(browser, shop, given):
    answer = browser.post(url(shop), {"url": given}, follow=True)

    shop.refresh_from_db()
    assert shop.callback_url == given
    assert "The callback of shop is saved." in said(answer)

    answer = browser.post(url(shop), {"url": ""}, follow=True)

    shop.refresh_from_db()
    assert shop.callback_url == ""
    assert "shop has no callback." in said(answer)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("ftp://example.com/", "The URL must start with http:// or https://."),
        ("example.com", "The URL must start with http:// or https://."),
        ("https://", "The URL needs a host name or an IP address"),
        ("https://a b.example/", "The URL may hold no spaces"),
        ("https://user:pw@example.com/", "The URL may hold no user name and no password."),
        ("https://example.com:99999/", "The port of the URL must be a number"),
        ("http://127.0.0.1/", "The URL must lead to an address on the public internet."),
        ("http://localhost:8000/", "The URL must lead to an address on the public internet."),
        ("http://[::1]/", "The URL must lead to an address on the public internet."),
        ("https://example.com/" + "x" * 2000, "The URL may have at most 2,000 characters."),
    ],
)
def test_says_what_is_accepted(browser, shop, given, says):
    answer = browser.post(url(shop), {"url": given})

    assert says in said(answer)
    assert given in said(answer)
    shop.refresh_from_db()
    assert shop.callback_url == ""


def test_trusted_networks_are_accepted(browser, shop, settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]

    browser.post(url(shop), {"url": "http://127.0.0.1:9000/dlr"})

    shop.refresh_from_db()
    assert shop.callback_url == "http://127.0.0.1:9000/dlr"


def test_names_the_values_that_are_added(browser, shop):
    page = said(browser.get(url(shop)))

    for name in ("id", "ptt", "date", "description", "descriptionDlr", "dlr", "tag"):
        assert f"<code>{name}</code>" in page


def test_notices_that_nothing_changed(browser, shop):
    assert "Nothing was changed" in said(browser.post(url(shop), {"url": ""}, follow=True))
