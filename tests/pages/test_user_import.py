"""Importing API users from CSV."""

import csv
import io
import re
from decimal import Decimal
from html import unescape
from urllib.parse import unquote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms_accounts import ledger, user_imports
from sms_accounts.limits import limit_of
from sms_accounts.models import Activity, ApiUser, Membership, Wallet
from tests.factories import make_api_user, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.sign_ins import sign_in

IMPORT = "/sms/sms-ab12345-1/api-users/import/"
FILE = """login;password;quota;threshold;email;number;restrictions;callback
shop;;150;20;ops@example.com;;192.0.2.0/24 2001:db8::7;https://example.com/dlr?key=1

Monitoring;;25,5;5;;+33 6 39 98 00 04;;
intranet;Secret1234;;;;;;
"""


def said(answer) -> str:
    return text_of(answer.content.decode())


def problems(browser, text: str) -> list[tuple[int, str, str]]:
    answer = browser.post(IMPORT, {"text": text})
    found = answer.context["problems"]
    assert "Nothing was added" in said(answer)
    return [(problem.line, problem.column, problem.text) for problem in found]


def logins() -> set[str]:
    return set(ApiUser.objects.values_list("login", flat=True))


def confirmed(browser, text: str):
    asked = browser.post(IMPORT, {"text": text})
    assert "Nothing is added yet." in said(asked)
    kept = re.search(r'name="text" value="([^"]*)"', asked.content.decode())
    assert kept
    return browser.post(IMPORT, {"text": unescape(kept[1]), "confirmed": "yes"})


class TestDryRun:
    def test_says_who_would_come_and_adds_nobody(self, browser, account):
        file = SimpleUploadedFile("users.csv", FILE.replace("25,5", "25.5").encode())

        page = said(browser.post(IMPORT, {"file": file}))

        assert "Add 3 API users?" in page
        assert "All quotas together are 175.50 credits of the 200.00" in page
        assert (
            "shop is generated 150.00 20.00, ops@example.com 192.0.2.0/24, 2001:db8::7/128"
            " https://example.com/dlr" in page
        )
        assert "intranet as given - - - -" in page
        assert "Secret1234" not in page
        assert logins() == set()
        assert not Activity.objects.filter(action="API user added").exists()

    def test_tells_every_fault_with_its_line(self, browser, account):
        make_api_user(account=account, login="Taken")
        lines = [
            "login,password,quota,threshold,email,number,restrictions,callback",
            "no spaces,short,-1,0,nobody,12,x,ftp://example.com",
            "taken,,,,,,,",
            "twice,,,,,,,",
            "TWICE,,,,,,,",
            ",Secret1234,,,,,,",
            "more,,,,,,,,,",
            "silent,,,5,,,,",
            "loud,,,,ops@example.com,,,",
            "many,,,,,,192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6,",
            "within,,,,,,192.0.2.0/24 192.0.2.7,",
        ]

        found = problems(browser, "\r\n".join(lines))

        assert [(line, column) for line, column, _text in found] == [
            (2, "login"),
            (2, "password"),
            (2, "quota"),
            (2, "threshold"),
            (2, "email"),
            (2, "number"),
            (2, "restrictions"),
            (2, "callback"),
            (3, "login"),
            (5, "login"),
            (6, "login"),
            (7, ""),
            (8, "threshold"),
            (9, "threshold"),
            (10, "restrictions"),
            (11, "restrictions"),
        ]
        assert found[9][2] == "Line 4 has it already."
        assert logins() == {"Taken"}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("name,quota\nshop,5", "The first line must name the columns, and this one."),
            ("login,colour\nshop,red", "There is no such column."),
            ("login,login\nshop,shop", "It stands there twice."),
            ("login,quota", "There is nobody in it."),
            ("login,quota\na,100\nb,100.01", "credits; the account has 200.00 left."),
        ],
    )
    def test_tells_what_is_wrong_with_the_file(self, browser, account, text, says):
        assert says in " ".join(text for _line, _column, text in problems(browser, text))
        assert logins() == set()

    def test_tells_that_there_are_too_many(self, browser, account, monkeypatch):
        monkeypatch.setattr(user_imports, "MOST", 2)

        [problem] = problems(browser, "login\na\nb\nc")

        assert problem[2].startswith("At most 2 users")

    def test_shows_the_text_of_a_wrong_file_to_be_mended(self, browser, account):
        file = SimpleUploadedFile("users.csv", b"login,quota\nshop,many")

        page = browser.post(IMPORT, {"file": file}).content.decode()

        assert "login,quota\nshop,many</textarea>" in page

    def test_asks_for_a_file(self, browser, account):
        assert "Choose a file, or paste its text." in said(browser.post(IMPORT, {"text": " "}))

    def test_asks_the_database_as_often_for_many_lines_as_for_few(self, browser, account):
        counts = []
        for count in (1, 100):
            text = "\n".join(["login", *(f"user{number}" for number in range(count))])
            with CaptureQueriesContext(connection) as asked:
                browser.post(IMPORT, {"text": text})
            counts.append(len(asked))

        assert counts[0] == counts[1] <= 10


class TestImport:
    def test_adds_all_with_their_settings(self, browser, alice, account):
        page = said(confirmed(browser, FILE.replace("25,5", "25.5")))

        assert "3 API users added" in page
        users = {user.login: user for user in ApiUser.objects.select_related("wallet")}
        shop = users["shop"]
        assert shop.has_quota
        assert shop.wallet.credits == 150
        assert shop.restrictions == ["192.0.2.0/24", "2001:db8::7/128"]
        assert shop.callback_url == "https://example.com/dlr?key=1"
        limit = limit_of(users["Monitoring"])
        assert limit.threshold == 5
        assert (limit.support, limit.msisdn) == ("sms", "33639980004")
        assert not users["intranet"].has_quota
        assert Wallet.objects.get(pk=account.wallet_id).credits == Decimal("24.5")
        assert Activity.objects.filter(action="API user added", by=alice).count() == 3

    def test_gives_the_passwords_once_as_csv(self, browser, account):
        answer = confirmed(browser, "login,password\nshop,\nintranet,Secret1234\n")

        link = re.search(r'href="data:text/csv;charset=utf-8,([^"]*)"', answer.content.decode())
        assert link
        [head, shop, intranet] = csv.reader(io.StringIO(unquote(link[1])))
        assert head == ["login", "password"]
        assert intranet == ["intranet", "Secret1234"]
        assert sign_in(account.name, *shop)
        assert sign_in(account.name, *intranet)
        assert f"shop Added {shop[1]}" in said(answer)
        assert "Secret1234" not in said(answer)

    def test_adds_the_others_where_one_cannot_be_added_any_more(self, browser, alice, account):
        newcomers = [
            user_imports.Newcomer(login=login, password="Secret1234", quota=Decimal(quota))
            for login, quota in (("first", 10), ("second", 150), ("third", 20), ("FIRST", 0))
        ]
        ledger.take_back(account, Decimal(100), by=None, reason="test")

        outcomes = user_imports.add_each(account, newcomers, by=alice)

        assert [ending.name for _newcomer, ending in outcomes] == [
            "ADDED",
            "NOT_COVERED",
            "ADDED",
            "LOGIN_TAKEN",
        ]
        assert logins() == {"first", "third"}
        assert Wallet.objects.get(pk=account.wallet_id).credits == 70

    def test_is_for_those_who_may_change_the_account(self, bobs_browser, account):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        for person in (viewer, bobs_browser):
            assert person.get(IMPORT).status_code == 404
            assert person.post(IMPORT, {"text": FILE, "confirmed": "yes"}).status_code == 404
        assert logins() == set()
