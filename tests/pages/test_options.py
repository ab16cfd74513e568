"""The options of an account: the alert on its own credits, and the reserve."""

from decimal import Decimal

import pytest
from django.urls import reverse

from sms_accounts import accounts, submission
from sms_accounts.models import Account, Alert, Membership
from tests.factories import make_account, make_api_user, make_member, make_order
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in

FULL = {
    "enabled": "on",
    "threshold": "100",
    "support": "both",
    "email": "ops@example.com",
    "number": "+33 6 39 98 00 04",
}


def url(page, account) -> str:
    return reverse(page, args=[account.name])


def said(answer) -> str:
    return text_of(answer.content.decode())


class TestOptions:
    def test_say_how_it_stands(self, browser, account):
        page = said(browser.get(url("options", account)))
        assert "Off. Switched on, somebody hears" in page
        assert "None. With a reserve" in page

        browser.post(url("account-limit", account), FULL)
        browser.post(url("account-reserve", account), {"reserve": "5"})

        page = said(browser.get(url("options", account)))
        assert "At 100.00 credits or below, told by: Email and SMS." in page
        assert "5.00 credits pay alert SMS and nothing else." in page
        assert "Credits left 195.00 For alerts only 5.00" in page

    def test_are_read_only_for_viewers(self, account):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        page = viewer.get(url("options", account))

        assert page.status_code == 200
        assert b"options/limit/" not in page.content
        for dialog in ("account-limit", "account-reserve"):
            assert viewer.get(url(dialog, account)).status_code == 404
            assert viewer.post(url(dialog, account), {"reserve": "5"}).status_code == 404


class TestAlertOfTheAccount:
    def test_is_stored_and_goes_out_at_the_crossing(self, browser, account):
        answer = browser.post(url("account-limit", account), FULL, follow=True)
        assert "sms-ab12345-1 alerts at 100.00 credits or below." in said(answer)

        user = make_api_user(account=account)
        receivers = [f"336399800{number:02}" for number in range(20)]
        for _ in range(2):
            submission.submit(make_order(user, text="x" * 450, receivers=receivers))

        alert = Alert.objects.get()
        assert (alert.account, alert.api_user) == (account, None)
        assert {each.channel for each in alert.notifications.all()} == {"email", "sms"}

    def test_takes_figures_but_no_percent(self, browser, account):
        refused = browser.post(url("account-limit", account), {**FULL, "levels": "50%"})
        assert "Enter credits such as 50, 12.50." in said(refused)

        browser.post(url("account-limit", account), {**FULL, "levels": "50; 12.5, 50"})

        assert Account.objects.get().alert_levels == ["50.00", "12.50"]

    def test_says_what_the_account_can_spend(self, browser, account):
        accounts.set_reserve(account, Decimal(50), by=None)

        page = said(browser.get(url("account-limit", account)))

        assert "The account can still spend 150.00 now." in page


class TestReserve:
    def test_is_stored_and_named(self, browser, account):
        answer = browser.post(url("account-reserve", account), {"reserve": "5.50"}, follow=True)
        assert "5.50 credits are held for alerts now." in said(answer)

        answer = browser.post(url("account-reserve", account), {"reserve": "0"}, follow=True)
        assert "No credits are held for alerts now." in said(answer)

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ("", "Enter the credits to hold back, or 0."),
            ("-1", "Enter credits from 0"),
            ("1.001", "Enter credits from 0"),
            ("many", "Enter credits from 0"),
        ],
    )
    def test_says_what_is_accepted(self, browser, account, typed, says):
        assert says in said(browser.post(url("account-reserve", account), {"reserve": typed}))

    def test_lowers_what_a_quota_can_be(self, browser, account):
        user = make_api_user(account=account)
        browser.post(url("account-reserve", account), {"reserve": "20"})

        page = said(browser.get(reverse("api-user-quota", args=[account.name, user.pk])))

        assert "At most 180.00" in page

    def test_lowers_what_the_list_of_accounts_says(self, browser, account, alice):
        make_account(owner=alice, name="sms-ab12345-2", credits=7)
        browser.post(url("account-reserve", account), {"reserve": "500"})

        page = said(browser.get(reverse("accounts")))

        assert "7.00" in page
        assert "200.00" not in page
