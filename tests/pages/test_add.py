"""Adding an API user, and its password that is shown once."""

import re

import pytest

from sms_accounts.models import ApiUser
from tests.factories import make_account, make_api_user
from tests.pages.checks import text_of
from tests.sign_ins import sign_in

URL = "/sms/sms-ab12345-1/api-users/add/"


def offered(answer):
    """The password that the form offers."""
    [field] = re.findall(r'<input[^>]*name="password"[^>]*>', answer.content.decode())
    [value] = re.findall(r'value="([^"]*)"', field)
    return value


class TestAdd:
    def test_offers_a_new_password_each_time(self, browser, account):
        first, second = offered(browser.get(URL)), offered(browser.get(URL))

        assert first != second
        assert re.fullmatch(r"[A-Za-z0-9]{16}", first)

    @pytest.mark.parametrize("login", ["a", "42", "shop@example.com", "x" * 40])
    def test_makes_a_user_who_can_sign_in(self, browser, account, login):
        answer = browser.post(URL, {"login": login, "password": "Secret1234"})

        assert answer.status_code == 200
        assert sign_in(account.name, login, "Secret1234")

    def test_shows_login_password_and_a_line_for_the_shell_once(self, browser, account, settings):
        settings.PANEL_URL = "https://panel.example"

        answer = browser.post(URL, {"login": "shop+a@b.c", "password": "Secret1234"})

        text = text_of(answer.content.decode())
        assert "shop+a@b.c is added" in text
        assert "Secret1234" in text
        assert (
            "curl https://panel.example/cgi-bin/sms/http2sms.cgi"
            " --data-urlencode account=sms-ab12345-1 --data-urlencode login=shop+a@b.c"
            " --data-urlencode password=Secret1234 --data-urlencode from=Example"
            " --data-urlencode to=33639980004 --data-urlencode message=Hello"
        ) in text
        assert "no-store" in answer["Cache-Control"]

    def test_keeps_the_password_nowhere(self, browser, account):
        browser.post(URL, {"login": "shop", "password": "Secret1234"})

        assert "Secret1234" not in str(dict(browser.session))
        assert "Secret1234" not in browser.get("/", follow=True).content.decode()
        assert "Secret1234" not in ApiUser.objects.get().password

    def test_stays_in_the_dialog(self, browser, account):
        opened = browser.in_dialog(URL)
        answer = browser.post_in_dialog(URL, {"login": "shop", "password": "Secret1234"})

        assert b"<html" not in opened.content
        assert b"<html" not in answer.content
        assert b"data-keep" in answer.content

    @pytest.mark.parametrize("taken", ["shop", "SHOP"])
    def test_refuses_a_login_that_is_taken(self, browser, account, taken):
        make_api_user(account=account, login="shop")

        answer = browser.post(URL, {"login": taken, "password": "Secret1234"})

        assert "This account has an API user of that name already." in answer.content.decode()
        assert offered(answer) == "Secret1234"
        assert ApiUser.objects.count() == 1

    def test_takes_a_login_that_another_account_has(self, browser, account):
        make_api_user(account=make_account(), login="shop")

        browser.post(URL, {"login": "shop", "password": "Secret1234"})

        assert ApiUser.objects.filter(account=account, login="shop").exists()

    @pytest.mark.parametrize(
        ("login", "says"),
        [
            ("", "This field is required."),
            ("x" * 41, "1 to 40 letters"),
            ("two words", "1 to 40 letters"),
            ("-x", "1 to 40 letters"),
            ("a\nb", "1 to 40 letters"),
            ("ü", "1 to 40 letters"),
        ],
    )
    def test_says_which_logins_are_accepted(self, browser, account, login, says):
        answer = browser.post(URL, {"login": login, "password": "Secret1234"})

        assert says in answer.content.decode()
        assert not ApiUser.objects.exists()

    @pytest.mark.parametrize(
        "password", ["short12", "x" * 65, "with space1", "Secret-1234", "sécret1234", " Secret1234"]
    )
    def test_says_which_passwords_are_accepted(self, browser, account, password):
        answer = browser.post(URL, {"login": "shop", "password": password})

        assert "Use 8 to 64 letters and digits" in answer.content.decode()
        assert not ApiUser.objects.exists()
