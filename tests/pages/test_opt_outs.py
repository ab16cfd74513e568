"""The tab of numbers that opted out."""

import csv
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms_accounts import opt_outs
from sms_accounts.models import Membership, OptOut
from tests.factories import make_account, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in

LIST = "/sms/sms-ab12345-1/opt-outs/"
ADD, REMOVE, CSV = f"{LIST}add/", f"{LIST}remove/", f"{LIST}csv/"
ONE, TWO = "33639980004", "32470123456"


def said(answer) -> str:
    return text_of(answer.content.decode())


def listed() -> dict[str, str]:
    return dict(OptOut.objects.order_by("pk").values_list("msisdn", "note"))


def put(account, *numbers: str, by=None, note: str = "asked") -> None:
    opt_outs.add(account, dict.fromkeys(numbers, note), source=OptOut.Source.HAND, by=by)


class TestList:
    def test_teaches_while_it_is_empty(self, browser, account):
        assert "Nobody has opted out yet." in said(browser.get(LIST))

    def test_says_since_when_by_whom_and_why(self, browser, alice, account):
        put(account, ONE, by=alice, note="Rang on Monday")

        page = said(browser.get(LIST))

        assert f"+{ONE} just now By hand alice@example.com Rang on Monday" in page

    def test_finds_numbers_by_their_first_digits(self, browser, account):
        put(account, ONE, TWO)

        assert [each.msisdn for each in browser.get(LIST).context["opt_outs"]] == [TWO, ONE]
        for typed in ("+33 6", "0033 6", "336"):
            found = browser.get(LIST, {"q": typed}).context["opt_outs"]
            assert [each.msisdn for each in found] == [ONE]
        assert "No such number" in said(browser.get(LIST, {"q": "49"}))

    def test_pages_by_the_last_row_in_as_many_queries(self, browser, account):
        put(account, *(f"336000{number:05}" for number in range(120)))

        with CaptureQueriesContext(connection) as first:
            newest = browser.get(LIST)
        with CaptureQueriesContext(connection) as second:
            older = browser.get(LIST + newest.context["older"])

        assert older.context["opt_outs"][0].msisdn == "33600000069"
        assert len(first) == len(second) <= 12

    def test_goes_into_a_csv_file(self, browser, alice, account):
        put(account, ONE, by=alice, note="=1+1")
        put(account, TWO)

        written = b"".join(browser.get(CSV, {"q": "33"}).streaming_content).decode()

        head, row = csv.reader(io.StringIO(written), delimiter=";")
        assert head == ["number", "since", "source", "by", "note"]
        assert [row[0], *row[2:]] == [ONE, "hand", "alice@example.com", "'=1+1"]

    def test_viewers_see_it_and_others_do_not(self, bobs_browser, account):
        put(account, ONE)
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        page = viewer.get(LIST)

        assert ONE in said(page)
        assert ADD not in page.content.decode()
        assert bobs_browser.get(LIST).status_code == 404
        assert bobs_browser.get(CSV).status_code == 404
        for person in (viewer, bobs_browser):
            assert person.get(ADD).status_code == 404
            assert person.post(ADD, {"numbers": TWO}).status_code == 404
            key = OptOut.objects.get().pk
            answer = person.post(REMOVE, {"opt_out": key, "confirmed": "yes"})
            assert answer.status_code == 404
        assert set(listed()) == {ONE}


class TestAdd:
    def test_takes_numbers_in_every_form(self, browser, account):
        typed = f"+33 6 39 98 00 04\n00{TWO}; {ONE},\n\n"

        answer = browser.post(ADD, {"numbers": typed, "note": "By mail"}, follow=True)

        assert "2 numbers added." in said(answer)
        assert listed() == {ONE: "By mail", TWO: "By mail"}

    def test_takes_national_numbers_where_the_home_is_known(self, browser, account):
        type(account).objects.filter(pk=account.pk).update(home_country="FR")

        browser.post(ADD, {"numbers": "06 39 98 00 04"})

        assert set(listed()) == {ONE}

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (f"number;name;note\n+{ONE};Ann;By mail\n{TWO};Bob;\n", {ONE: "By mail", TWO: "all"}),
            (f"Note,Number\r\nBy mail,{ONE}\r\n", {ONE: "By mail"}),
            (f"{ONE}\n\n{TWO}\n", {ONE: "all", TWO: "all"}),
            (f"\ufeffnumber\n{ONE}", {ONE: "all"}),
        ],
    )
    def test_takes_files(self, browser, account, content, expected):
        file = SimpleUploadedFile("list.csv", content.encode())

        browser.post(ADD, {"file": file, "note": "all"})

        assert listed() == expected
        assert set(OptOut.objects.values_list("source", flat=True)) == {"import"}

    def test_tells_what_is_no_number_and_adds_nothing(self, browser, account):
        file = SimpleUploadedFile("list.csv", f"number\n{ONE}\nBob\n12\n".encode())

        of_file = browser.post(ADD, {"file": file})
        typed = browser.post(ADD, {"numbers": f"{ONE}\n06 39 98 00 04", "note": "kept"})

        assert "These are no numbers in international format: line 3, line 4." in said(of_file)
        assert "This is no number in international format: 06 39 98 00 04." in said(typed)
        assert 'value="kept"' in typed.content.decode()
        assert listed() == {}

    def test_asks_for_numbers(self, browser, account):
        assert "Enter a number, or choose a file." in said(browser.post(ADD, {"numbers": " , "}))

    def test_says_which_were_there_before(self, browser, account):
        put(account, ONE)

        page = said(browser.post(ADD, {"numbers": f"{ONE},{TWO}", "note": "new"}, follow=True))

        assert "1 number added." in page
        assert "1 was on the list already." in page
        assert listed() == {ONE: "asked", TWO: "new"}


class TestRemove:
    def test_asks_first(self, browser, account):
        put(account, ONE, TWO)
        key = OptOut.objects.get(msisdn=ONE).pk

        asked = browser.post(REMOVE, {"opt_out": key})

        assert "Remove 1 opt-out?" in said(asked)
        assert f"+{ONE}" in said(asked)
        assert len(listed()) == 2

        fields = re.findall(r'name="(\w+)"\s+value="([^"]*)"', asked.content.decode())
        page = browser.post(REMOVE, dict(fields), follow=True)

        assert "1 number may be sent to again." in said(page)
        assert set(listed()) == {TWO}

    def test_reaches_no_other_list(self, browser, account):
        other = make_account()
        put(other, ONE)
        key = OptOut.objects.get().pk

        page = browser.post(REMOVE, {"opt_out": key, "confirmed": "yes"}, follow=True)

        assert "Choose numbers in the list first." in said(page)
        assert set(listed()) == {ONE}
