"""How an API user may sign in, how fast it may send, and where to."""

import html
import re
from dataclasses import replace

import pytest
from django.urls import reverse
from django.utils import translation

from sms_accounts import api_users
from sms_accounts.forms.protection import ProtectionForm
from sms_accounts.models import Activity, AddressUse, ApiUser
from tests.factories import make_api_user
from tests.pages.checks import text_of
from tests.sign_ins import note_call

NONE = api_users.Protection(refuses_url_passwords=False, messages_a_minute=None, countries=())


def url(api_user) -> str:
    return reverse("api-user-protection", args=[api_user.account.name, api_user.pk])


def said(answer) -> str:
    return text_of(answer.content.decode())


@pytest.fixture
def shop(account) -> ApiUser:
    return make_api_user(account=account, login="shop")


def stored(api_user) -> api_users.Protection:
    return api_users.protection_of(ApiUser.objects.get(pk=api_user.pk))


class TestProtection:
    TYPED = {
        "refuses_url_passwords": "on",
        "messages_a_minute": "120",
        "countries": "France, be",
    }

    def test_is_stored_and_shown_again(self, browser, shop):
        answer = browser.post(url(shop), self.TYPED, follow=True)

        page = browser.get(url(shop)).content.decode()
        assert "The protection of shop is saved." in said(answer)
        assert stored(shop) == api_users.Protection(
            refuses_url_passwords=True, messages_a_minute=120, countries=("BE", "FR")
        )
        assert re.search(r'name="refuses_url_passwords"[^>]* checked', page)
        assert 'value="120"' in page
        assert "Belgium, France</textarea>" in page

    def test_is_taken_off_by_emptying_the_fields(self, browser, shop):
        browser.post(url(shop), self.TYPED)

        browser.post(url(shop), {"messages_a_minute": "", "countries": " \r\n, "})

        assert stored(shop) == NONE

    def test_notices_that_nothing_changed(self, browser, shop):
        browser.post(url(shop), self.TYPED)

        answer = browser.post(url(shop), {**self.TYPED, "countries": "FR;Belgium;FR"}, follow=True)

        assert "Nothing was changed" in said(answer)
        assert Activity.objects.filter(action="protection changed").count() == 1

    def test_the_dialog_is_the_same_form(self, browser, shop):
        opened = browser.in_dialog(url(shop))
        wrong = browser.post_in_dialog(url(shop), {"messages_a_minute": "0"})
        right = browser.post_in_dialog(url(shop), self.TYPED)

        assert b"<html" not in opened.content
        assert b"<html" not in wrong.content
        assert right["HX-Redirect"] == reverse("api-users", args=[shop.account.name])


class TestMessagesAMinute:
    @pytest.mark.parametrize("typed", ["1", "1000000", " 60 "])
    def test_is_a_whole_number(self, browser, shop, typed):
        browser.post(url(shop), {"messages_a_minute": typed})

        assert stored(shop).messages_a_minute == int(typed)

    @pytest.mark.parametrize("typed", ["0", "-1", "1000001", "1.5", "x", "1,000", "9" * 5000])
    def test_says_what_is_accepted_and_keeps_the_input(self, browser, shop, typed):
        page = browser.post(url(shop), {"messages_a_minute": typed}).content.decode()

        assert "Enter a whole number from 1 to 1,000,000, or nothing for no limit." in page
        assert 'id="id_messages_a_minute_error"' in page
        assert f'value="{typed}"' in page
        assert stored(shop) == NONE


class TestCountries:
    def test_are_shown_in_the_language_of_the_page(self):
        stored = replace(NONE, countries=("DE", "GB"))

        with translation.override("fr"):
            form = ProtectionForm(None, stored=stored)

        assert form["countries"].value() == "Allemagne, Royaume-Uni"

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ("France, Frence", "“Frence” is no country. Is it France?"),
            ("Korea", "“Korea” is no country. Is it North Korea or South Korea?"),
            ("XX", "“XX” is no country. Write its name or its two letters, such as FR."),
            ("<b>", "“<b>” is no country."),
        ],
    )
    def test_says_what_is_no_country_and_keeps_the_input(self, browser, shop, typed, says):
        page = html.unescape(browser.post(url(shop), {"countries": typed}).content.decode())

        assert says in page
        assert 'id="id_countries_error"' in page
        assert f"{typed}</textarea>" in page
        assert stored(shop) == NONE

    def test_names_a_few_of_many_that_are_none(self, browser, shop):
        page = browser.post(url(shop), {"countries": "xx," * 3000})

        assert said(page).count("is no country") == 5


class TestPasswordsInUrls:
    def test_warns_of_calls_that_would_be_refused(self, browser, shop):
        note_call(shop, "198.51.100.7")
        note_call(shop, "198.51.100.8", method=AddressUse.Method.BASIC)

        text = said(browser.get(url(shop)))

        assert "Such calls would be refused. 198.51.100.7, just now Messages" in text

    def test_says_that_such_calls_are_refused(self, browser, shop):
        note_call(shop, "198.51.100.7")
        browser.post(url(shop), {"refuses_url_passwords": "on"})

        assert "Such calls are refused. 198.51.100.7, just now" in said(browser.get(url(shop)))

    def test_warns_of_nothing_else(self, browser, shop):
        note_call(shop, "198.51.100.8", method=AddressUse.Method.FORM)
        note_call(shop, "198.51.100.9", accepted=False)

        assert "alert-warning" not in browser.get(url(shop)).content.decode()
