"""The first page, and the way into one account."""

import pytest
from django.urls import reverse

from sms_accounts.models import Membership
from tests.factories import make_account, make_api_user
from tests.pages.checks import text_of


class TestAccounts:
    def test_leads_straight_to_the_only_one(self, browser, account):
        answer = browser.get("/", follow=True)

        assert answer.request["PATH_INFO"] == "/sms/sms-ab12345-1/"

    def test_lists_several_with_their_credits(self, browser, alice, account):
        make_account(owner=alice, name="sms-ab12345-2", credits=7)
        make_api_user(account=account, quota=150)

        text = text_of(browser.get("/").content.decode())

        assert "sms-ab12345-1 50.00 150.00 1 sms-ab12345-2 7.00 0.00 0" in text

    def test_says_what_to_do_without_one(self, browser):
        assert "You hold no SMS account yet." in text_of(browser.get("/").content.decode())

    def test_shows_nothing_of_others(self, bobs_browser, account):
        answer = bobs_browser.get("/", follow=True)

        assert account.name not in answer.content.decode()

    def test_asks_strangers_to_sign_in(self, client, db):
        assert client.get("/").url == "/auth/login/?next=/"


@pytest.mark.parametrize("role", Membership.Role)
def test_an_account_opens_with_its_overview(browser, account, role):
    Membership.objects.filter(account=account).update(role=role)

    answer = browser.get(reverse("account", args=[account.name]))

    assert "Overview" in text_of(answer.content.decode())
