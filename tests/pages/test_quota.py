"""Giving, changing and switching off the quota of an API user."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from sms_accounts import ledger
from sms_accounts.models import ApiUser, QuotaRenewal, Wallet
from tests.factories import make_api_user
from tests.pages.checks import text_of


def url(api_user) -> str:
    return reverse("api-user-quota", args=[api_user.account.name, api_user.pk])


def left(account) -> Decimal:
    return Wallet.objects.get(pk=account.wallet_id).credits


def stored(api_user) -> Decimal | None:
    found = ApiUser.objects.select_related("wallet").get(pk=api_user.pk)
    return found.wallet.credits if found.has_quota else None


def test_the_example_of_the_guide(browser, account):
    api_user = make_api_user(account=account, login="shop")

    answer = browser.post(url(api_user), {"enabled": "on", "quota": "150"}, follow=True)

    text = text_of(answer.content.decode())
    assert "shop has a quota of 150.00 credits now." in text
    assert "Credits left 50.00 Held by quotas 150.00" in text
    assert stored(api_user) == 150


def test_says_how_much_can_be_given(browser, account):
    api_user = make_api_user(account=account, quota=150)

    html = browser.get(url(api_user)).content.decode()

    assert (
        "At most 200.00: 50.00 left in the account plus 150.00 this user already holds."
        in text_of(html)
    )
    assert 'max="200.00"' in html
    assert 'value="150.00"' in html


def test_without_a_quota_only_the_account_counts(browser, account):
    api_user = make_api_user(account=account)

    text = text_of(browser.get(url(api_user)).content.decode())

    assert "At most 200.00, which is what is left in the account." in text


@pytest.mark.parametrize("quota", ["0", "0.01", "150.01", "199.99", "200", "1e2"])
def test_every_amount_up_to_the_most_is_accepted(browser, account, quota):
    api_user = make_api_user(account=account, quota=150)

    browser.post(url(api_user), {"enabled": "on", "quota": quota})

    assert stored(api_user) == Decimal(quota)
    assert left(account) == 200 - Decimal(quota)


def test_switching_it_off_gives_the_credits_back(browser, account):
    api_user = make_api_user(account=account, login="shop", quota=150)

    answer = browser.post(url(api_user), {"quota": "150.00"}, follow=True)

    assert "shop has no quota now and spends the account" in text_of(answer.content.decode())
    assert stored(api_user) is None
    assert left(account) == 200


@pytest.mark.parametrize(
    ("quota", "says"),
    [
        ("", "Enter the new quota, or switch the quota off."),
        ("200.01", "At most 200.00 credits can be given to this user."),
        ("999999999.99", "At most 200.00 credits can be given to this user."),
        ("-1", "Enter credits from 0"),
        ("1.001", "Enter credits from 0"),
        ("x", "Enter credits from 0"),
        ("NaN", "Enter credits from 0"),
        ("Infinity", "Enter credits from 0"),
        ("1e40", "Enter credits from 0"),
    ],
)
def test_says_what_is_accepted_and_keeps_the_input(browser, account, quota, says):
    api_user = make_api_user(account=account, quota=150)

    html = browser.post(url(api_user), {"enabled": "on", "quota": quota}).content.decode()

    assert says in html
    assert f'value="{quota}"' in html or not quota
    assert stored(api_user) == 150


def test_a_quota_that_is_spent_meanwhile_counts_as_it_is_now(browser, account):
    api_user = make_api_user(account=account)
    ledger.take_back(account, Decimal(190), by=None, reason="test")

    html = browser.post(url(api_user), {"enabled": "on", "quota": "50"}).content.decode()

    assert "At most 10.00 credits can be given to this user." in html


def test_notices_that_nothing_changed(browser, account):
    api_user = make_api_user(account=account, quota=150)

    answer = browser.post(url(api_user), {"enabled": "on", "quota": "150.0"}, follow=True)

    assert "Nothing was changed" in text_of(answer.content.decode())


def test_the_dialog_is_the_same_form(browser, account):
    api_user = make_api_user(account=account, login="shop")

    opened = browser.in_dialog(url(api_user))
    wrong = browser.post_in_dialog(url(api_user), {"enabled": "on", "quota": "x"})
    right = browser.post_in_dialog(url(api_user), {"enabled": "on", "quota": "1"})

    assert b"<html" not in opened.content
    assert b"<html" not in wrong.content
    assert "Enter credits from 0" in wrong.content.decode()
    assert right.status_code == 204
    assert right["HX-Redirect"] == reverse("api-users", args=[account.name])


class TestRenewal:
    def renewal(self) -> tuple[str, Any]:
        found = QuotaRenewal.objects.get()
        return found.period, found.credits

    def test_is_chosen_beside_the_quota(self, browser, account):
        api_user = make_api_user(account=account, login="shop")
        typed = {"enabled": "on", "quota": "10", "renews": "month", "figure": "50"}

        browser.post(url(api_user), typed)

        assert stored(api_user) == 10
        assert self.renewal() == ("month", 50)

    def test_goes_to_the_new_quota_where_no_figure_is_given(self, browser, account):
        api_user = make_api_user(account=account)

        browser.post(url(api_user), {"enabled": "on", "quota": "30", "renews": "day"})

        assert self.renewal() == ("day", 30)

    def test_stands_in_the_list_on_the_users_page_and_in_the_dialog(self, browser, account):
        api_user = make_api_user(account=account, login="shop")
        typed = {"enabled": "on", "quota": "10", "renews": "week", "figure": "50"}
        browser.post(url(api_user), typed)
        QuotaRenewal.objects.update(missing=Decimal("2.5"))

        listed = text_of(browser.get(reverse("api-users", args=[account.name])).content.decode())
        page = browser.get(reverse("api-user", args=[account.name, api_user.pk]))
        dialog = browser.get(url(api_user)).content.decode()

        assert "renews weekly" in listed
        assert "Not whole" in listed
        assert "It is filled up to 50.00 again on" in text_of(page.content.decode())
        assert "2.50 were missing in the account and follow" in text_of(page.content.decode())
        assert '<option value="week" selected>' in dialog
        assert 'value="50.00"' in dialog

    def test_ends_by_choosing_never_or_no_quota(self, browser, account):
        api_user = make_api_user(account=account)
        for ending in ({"enabled": "on", "quota": "10", "renews": ""}, {"renews": "day"}):
            browser.post(url(api_user), {"enabled": "on", "quota": "10", "renews": "day"})
            assert QuotaRenewal.objects.exists()

            browser.post(url(api_user), ending)

            assert not QuotaRenewal.objects.exists()

    def test_goes_on_for_whoever_posts_the_quota_alone(self, browser, account):
        api_user = make_api_user(account=account)
        browser.post(url(api_user), {"enabled": "on", "quota": "10", "renews": "day"})

        browser.post(url(api_user), {"enabled": "on", "quota": "20"})

        assert self.renewal() == ("day", 10)

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ({"renews": "day", "quota": "0"}, "Enter to which figure the quota is filled up."),
            ({"renews": "day", "figure": "0.5"}, "Enter credits from 1"),
            ({"renews": "year"}, "Select a valid choice"),
        ],
    )
    def test_says_what_is_accepted_and_stores_nothing(self, browser, account, typed, says):
        api_user = make_api_user(account=account)

        answer = browser.post(url(api_user), {"enabled": "on", "quota": "10", **typed})

        assert says in text_of(answer.content.decode())
        assert stored(api_user) is None

    def test_is_undone_with_a_quota_that_cannot_be_given(self, browser, account):
        api_user = make_api_user(account=account)

        browser.post(url(api_user), {"enabled": "on", "quota": "201", "renews": "day"})

        assert not QuotaRenewal.objects.exists()
