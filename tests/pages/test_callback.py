"""The URL that hears of each change of a message's state."""

import html
import ipaddress
import re

import pytest
from django.urls import reverse
from standardwebhooks import Webhook

from sms_accounts import callback_trials, outbound, outbound_urls
from sms_accounts.models import Activity, ApiUser, Callback, CallbackSecret
from tests.factories import make_api_user
from tests.receiver import Receiver


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


class TestMethod:
    def test_is_saved_and_kept_by_those_who_post_the_url_alone(self, browser, shop):
        browser.post(url(shop), {"url": "https://example.com/", "method": "post"})
        browser.post(url(shop), {"url": "https://example.com/dlr"})

        shop.refresh_from_db()
        assert shop.callback_method == "post"
        assert shop.callback_url == "https://example.com/dlr"
        first = Activity.objects.filter(action="callback changed").order_by("pk")[0]
        assert first.after == {"url": "https://example.com/", "method": "post"}


class TestTest:
    @pytest.fixture(autouse=True)
    def trusted(self, settings):
        settings.CALLBACK_TRUSTED_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]

    def try_(self, browser, shop, given, **more):
        return said(browser.post(url(shop), {"url": given, "test": "1", **more}))

    def test_sends_a_marked_example_and_saves_nothing(self, browser, shop):
        with Receiver() as receiver:
            receiver.headers = {"X-Mine": "<b>"}
            page = self.try_(browser, shop, receiver.url + "?own=1")

        [request] = receiver.requests
        assert request.values[:2] == [("own", "1"), ("id", "0")]
        assert request.value("tag") == "test"
        assert request.headers["Webhook-Id"].startswith("dlr_test_")
        assert "The receiver took the example." in page
        assert f"GET /dlr?{request.query} HTTP/1.1" in page
        assert "HTTP/1.1 200 OK" in page
        assert "X-Mine: <b>" in page
        assert "thanks" in page
        shop.refresh_from_db()
        assert shop.callback_url == ""
        assert not Callback.objects.exists()

    def test_posts_where_that_is_chosen(self, browser, shop):
        with Receiver(status=500) as receiver:
            page = self.try_(browser, shop, receiver.url, method="post")

        [request] = receiver.requests
        assert request.method == "POST"
        assert "not with a 2xx status" in page
        assert '"tag": "test"' in page

    def test_is_signed_as_calls_are(self, browser, shop):
        page = said(browser.post(secret_url(shop)))
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page)
        assert secret

        with Receiver() as receiver:
            self.try_(browser, shop, receiver.url)

        [request] = receiver.requests
        Webhook(secret[0]).verify(request.query, request.headers, json_parse=False)

    @pytest.mark.parametrize("given", ["http://10.0.0.1/", "http://[::1]/", "ftp://x.org/"])
    def test_calls_nobody_inside(self, browser, shop, given):
        page = self.try_(browser, shop, given)

        assert "The URL must" in page
        assert "HTTP/1.1" not in page

    def test_tells_nothing_of_a_name_that_leads_inside(self, browser, shop, monkeypatch):
        def refused(*given, **more):
            raise outbound_urls.NotAllowed(outbound_urls.Refusal.ADDRESS)

        monkeypatch.setattr(outbound, "get", refused)

        page = self.try_(browser, shop, "https://inside.example/")

        assert "No answer: The URL must lead to an address on the public internet." in page

    def test_needs_a_url(self, browser, shop):
        assert "Enter the URL that is to be tried." in self.try_(browser, shop, "")

    def test_is_limited(self, browser, shop, monkeypatch):
        monkeypatch.setattr(callback_trials, "A_MINUTE", 2)
        with Receiver() as receiver:
            for _ in range(4):
                page = self.try_(browser, shop, receiver.url)

        # The minute may turn in between.
        assert "Tried too often." in page or len(receiver.requests) == 4
        assert len(receiver.requests) <= 4

    def test_works_in_the_dialog(self, browser, shop):
        with Receiver() as receiver:
            answer = browser.post_in_dialog(url(shop), {"url": receiver.url, "test": "1"})

        assert "The receiver took the example." in said(answer)


def secret_url(api_user) -> str:
    return reverse("api-user-callback-secret", args=[api_user.account.name, api_user.pk])


class TestSecret:
    def test_is_shown_once(self, browser, shop):
        answer = browser.post(secret_url(shop))

        assert "whsec_" in said(answer)
        for page in (secret_url(shop), url(shop)):
            assert "whsec_" not in said(browser.get(page))
        assert "Calls are signed." in said(browser.get(url(shop)))

    def test_can_be_renewed_and_ended(self, browser, shop):
        browser.post(secret_url(shop))

        assert "The former secret goes on signing" in said(browser.post(secret_url(shop)))
        assert CallbackSecret.objects.count() == 2

        answer = browser.post(secret_url(shop), {"end": "1"}, follow=True)

        assert "The callbacks of shop are signed no longer." in said(answer)
        assert not CallbackSecret.objects.exists()
