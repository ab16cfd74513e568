"""Deleting an API user, and stopping it for a while."""

import pytest
from django.urls import reverse

from sms_accounts.models import Activity, ApiUser, Wallet
from tests.factories import API_PASSWORD, make_api_user
from tests.pages.checks import text_of
from tests.sign_ins import sign_in


def url(page: str, api_user) -> str:
    return reverse(page, args=[api_user.account.name, api_user.pk])


class TestDelete:
    def test_asks_first_and_says_what_goes_back(self, browser, account):
        api_user = make_api_user(account=account, login="shop", quota=150)

        text = text_of(browser.get(url("api-user-delete", api_user)).content.decode())

        assert "Delete shop?" in text
        assert "150.00 credits left of its quota go back to the account." in text
        assert ApiUser.objects.present().count() == 1

    def test_gives_the_credits_back_and_keeps_the_history(self, browser, account):
        api_user = make_api_user(account=account, login="shop", quota=150)

        answer = browser.post(url("api-user-delete", api_user), follow=True)

        text = text_of(answer.content.decode())
        assert "shop deleted; 150.00 credits went back to the account." in text
        assert not ApiUser.objects.present().exists()
        assert Wallet.objects.get(pk=account.wallet_id).credits == 200
        assert Activity.objects.filter(api_user=api_user).exists()

    def test_a_second_time_is_404(self, browser, account):
        api_user = make_api_user(account=account)
        browser.post(url("api-user-delete", api_user))

        assert browser.post(url("api-user-delete", api_user)).status_code == 404

    def test_leads_back_to_where_the_list_was(self, browser, account):
        api_user = make_api_user(account=account)
        back = reverse("api-users", args=[account.name]) + "?q=a&page=2"

        answer = browser.post(url("api-user-delete", api_user), query_params={"next": back})

        assert answer.url == back

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "https://evil.example/?q=a",
            "//evil.example/?q=a",
            "\\\\evil.example?q=a",
            "javascript:alert(1)",
            "http://[x",
            "/admin/?q=a",
            "/sms/sms-ab12345-1/api-users/../../x?q=a",
        ],
    )
    def test_never_leads_elsewhere(self, browser, account, given):
        api_user = make_api_user(account=account)

        answer = browser.get(url("api-user-delete", api_user), {"next": given})
        done = browser.post(url("api-user-delete", api_user), query_params={"next": given})

        assert "evil" not in answer.content.decode()
        assert done.url == reverse("api-users", args=[account.name])


class TestEnabled:
    def test_disabling_stops_a_user_at_once(self, browser, account):
        api_user = make_api_user(account=account, login="shop")

        asked = browser.get(url("api-user-enabled", api_user)).content.decode()
        answer = browser.post(url("api-user-enabled", api_user), {"enabled": "0"}, follow=True)

        assert "Disable shop?" in text_of(asked)
        assert "shop can no longer send." in text_of(answer.content.decode())
        assert sign_in(account.name, "shop", API_PASSWORD) is None

    def test_enabling_lets_it_send_again(self, browser, account):
        api_user = make_api_user(account=account, login="shop")
        browser.post(url("api-user-enabled", api_user), {"enabled": "0"})

        asked = browser.get(url("api-user-enabled", api_user)).content.decode()
        answer = browser.post(url("api-user-enabled", api_user), {"enabled": "1"}, follow=True)

        assert "Enable shop?" in text_of(asked)
        assert "shop may send again." in text_of(answer.content.decode())
        assert sign_in(account.name, "shop", API_PASSWORD)

    def test_what_somebody_else_did_meanwhile_is_not_turned_round(self, browser, account):
        api_user = make_api_user(account=account)
        browser.post(url("api-user-enabled", api_user), {"enabled": "0"})

        answer = browser.post(url("api-user-enabled", api_user), {"enabled": "0"}, follow=True)

        assert "Nothing was changed" in text_of(answer.content.decode())
        assert not ApiUser.objects.get().is_enabled
