"""Giving an API user a new password, and what becomes of the old one."""

import html
import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from sms_accounts import api_users
from sms_accounts.models import Activity, AddressUse, ApiUser
from tests.factories import make_api_user
from tests.pages.checks import text_of
from tests.sign_ins import note_call, sign_in

NOW = "2026-03-01 12:00:00+00:00"


def url(api_user, page: str = "api-user-password") -> str:
    return reverse(page, args=[api_user.account.name, api_user.pk])


def stop_url(api_user) -> str:
    return url(api_user, "api-user-former-password")


def said(answer) -> str:
    return text_of(answer.content.decode())


@pytest.fixture
def shop(account) -> ApiUser:
    return make_api_user(account=account, login="shop", password="OldSecret1")


def keep_former(api_user, span: timedelta | None = None) -> None:
    keep = api_users.KeepFormer(span)
    api_users.set_password(api_user, "NewSecret1", keep_former=keep, by=None)


def works(api_user, password: str) -> bool:
    return sign_in(api_user.account.name, api_user.login, password) is not None


class TestPassword:
    def test_replaces_the_old_one_and_shows_the_new_one_once(self, browser, shop):
        answer = browser.post(url(shop), {"password": "NewSecret1"})

        assert "shop has a new password" in said(answer)
        assert "NewSecret1" in said(answer)
        assert "The old password has stopped working." in said(answer)
        assert works(shop, "NewSecret1")
        assert not works(shop, "OldSecret1")

    def test_shows_the_login_and_never_changes_it(self, browser, shop):
        page = browser.get(url(shop)).content.decode()
        browser.post(url(shop), {"login": "other", "password": "NewSecret1"})

        assert re.search(r'<input[^>]*value="shop"[^>]*readonly|readonly[^>]*value="shop"', page)
        assert ApiUser.objects.get().login == "shop"

    def test_refuses_an_unfit_one_and_keeps_what_was_chosen(self, browser, shop):
        answer = browser.post(url(shop), {"password": "new", "keep_former": "week"})

        assert "Use 8 to 64 letters and digits" in said(answer)
        assert 'value="new"' in answer.content.decode()
        assert '<option value="week" selected' in answer.content.decode()
        assert works(shop, "OldSecret1")


class TestOldPassword:
    def test_stops_at_once_unless_another_choice_is_made(self, browser, shop):
        page = browser.get(url(shop)).content.decode()

        assert '<option value="no" selected>Stops at once' in page

    @pytest.mark.parametrize(
        ("choice", "span", "until"),
        [
            ("hour", timedelta(hours=1), "2026-03-01 13:00 UTC"),
            ("day", timedelta(days=1), "2026-03-02 12:00 UTC"),
            ("week", timedelta(days=7), "2026-03-08 12:00 UTC"),
            ("month", timedelta(days=30), "2026-03-31 12:00 UTC"),
        ],
    )
    def test_works_for_as_long_as_was_chosen(self, browser, shop, choice, span, until):
        with time_machine.travel(NOW, tick=False) as clock:
            answer = browser.post(url(shop), {"password": "NewSecret1", "keep_former": choice})

            assert f"The old password works until {until}." in said(answer)
            clock.shift(span - timedelta(seconds=1))
            assert works(shop, "OldSecret1")
            clock.shift(timedelta(seconds=1))
            assert not works(shop, "OldSecret1")
            assert works(shop, "NewSecret1")

    def test_works_until_it_is_stopped(self, browser, shop):
        answer = browser.post(url(shop), {"password": "NewSecret1", "keep_former": "open"})

        assert "The old password works until you stop it" in said(answer)
        with time_machine.travel(timezone.now() + timedelta(days=400)):
            assert works(shop, "OldSecret1")

    @pytest.mark.parametrize("choice", ["no", "hour", "open"])
    def test_is_the_only_one_beside_the_new_one(self, browser, shop, choice):
        keep_former(shop)

        browser.post(url(shop), {"password": "Newest1234", "keep_former": choice})

        assert not works(shop, "OldSecret1")
        assert works(shop, "NewSecret1") == (choice != "no")
        assert works(shop, "Newest1234")

    def test_is_kept_by_no_choice_that_the_form_has_not(self, browser, shop):
        answer = browser.post(url(shop), {"password": "NewSecret1", "keep_former": "ever"})

        assert 'id="id_keep_former_error"' in answer.content.decode()
        assert not works(shop, "NewSecret1")


class TestTwoPasswords:
    def test_are_no_matter_where_there_is_one(self, browser, shop):
        keep_former(shop, timedelta(0))

        assert "Two passwords work now" not in said(browser.get(url(shop)))

    def test_are_told_with_their_end(self, browser, shop):
        with time_machine.travel(NOW, tick=False):
            keep_former(shop, timedelta(hours=1))

        ApiUser.objects.update(former_password_until="2100-01-01 00:00:00+00:00")

        assert "The old one works until 2100-01-01 00:00 UTC." in said(browser.get(url(shop)))

    def test_are_told_where_there_is_no_end(self, browser, shop):
        keep_former(shop)

        assert "The old one works until you stop it." in said(browser.get(url(shop)))

    def test_are_told_with_the_last_use_of_the_old_one(self, browser, shop):
        keep_former(shop)
        note_call(shop, "198.51.100.7", with_former_password=True)
        note_call(shop, "198.51.100.8")

        assert "It was used just now from 198.51.100.7." in said(browser.get(url(shop)))

    def test_are_not_told_with_the_use_of_a_still_older_one(self, browser, shop):
        note_call(shop, "198.51.100.7", with_former_password=True)
        AddressUse.objects.update(accepted_at=timezone.now() - timedelta(hours=1))
        keep_former(shop)

        assert "No address has used it for its latest call." in said(browser.get(url(shop)))

    def test_lead_to_the_end_of_the_old_one_and_back_to_the_list(self, browser, shop):
        keep_former(shop)
        listing = f"{reverse('api-users', args=[shop.account.name])}?q=sh"

        page = browser.get(url(shop), {"next": listing}).content.decode()
        [link] = re.findall(rf'href="({stop_url(shop)}[^"]*)"', page)
        answer = browser.post(html.unescape(link))

        assert answer.url == listing


class TestStopping:
    def test_ends_the_old_password_alone(self, browser, shop, alice):
        keep_former(shop)

        answer = browser.post(stop_url(shop), follow=True)

        assert "The old password of shop works no longer." in said(answer)
        assert not works(shop, "OldSecret1")
        assert works(shop, "NewSecret1")
        assert Activity.objects.filter(action="former password ended", by=alice).count() == 1

    def test_asks_first(self, browser, shop):
        keep_former(shop)

        answer = browser.in_dialog(stop_url(shop))

        assert "Stop the old password of shop?" in said(answer)
        assert works(shop, "OldSecret1")

    def test_says_where_nothing_is_left_to_stop(self, browser, shop):
        assert "It works no longer already" in said(browser.get(stop_url(shop)))
        assert "Nothing was changed" in said(browser.post(stop_url(shop), follow=True))
