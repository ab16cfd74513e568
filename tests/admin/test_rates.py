"""The staff's pages of rates as whole price lists: what one would change, changing it, and back."""

import re
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile

from sms_accounts.models import Rate
from tests.admin.rows import make_clerk, text_of, url
from tests.pages.checks import check_page

pytestmark = pytest.mark.django_db

IMPORT = url(Rate, "import")


@pytest.fixture(autouse=True)
def rates():
    Rate.objects.all().delete()
    for prefix, credits, description in (
        ("", "1.00", "Rest"),
        ("33", "0.50", "France"),
        ("32", "0.60", "Belgium"),
    ):
        Rate.objects.create(prefix=prefix, credits=Decimal(credits), description=description)


def all_rates():
    return {
        rate.prefix: (str(rate.credits), rate.description)
        for rate in Rate.objects.order_by("prefix")
    }


def check(browser, text, **more):
    page = browser.post(IMPORT, {"text": text, "check": "1", **more})
    check_page(page.content.decode())
    return page


def agree(browser, page):
    """Press the button below what is shown."""
    form = page.context["form"]
    sent = {name: form[name].value() or "" for name in ("text", "shown")}
    if form["removes_others"].value():
        sent["removes_others"] = "on"
    return browser.post(IMPORT, {**sent, "apply": "1"}, follow=True)


def words_of(page):
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())


class TestImport:
    def test_shows_what_would_change_and_changes_nothing_yet(self, browser):
        before = all_rates()

        page = check(browser, "prefix;credits\n33;0,55\n34;0.70\n32;0.60\n*;1\n")

        words = words_of(page)
        assert "Added: 1" in words
        assert "34 – 0.70" in words
        assert "Changed: 1" in words
        assert "33 0.50 0.55 France" in words
        assert "2 rates stay as they are." in words
        assert all_rates() == before

    def test_changes_what_was_shown_and_records_each(self, browser, staff):
        page = check(browser, "prefix;credits;description\n33;0,55;France\n34;0.70;Spain\n")

        told = agree(browser, page)

        assert "Rates: 1 added, 1 changed, 0 removed." in text_of(told)
        assert all_rates() == {
            "": ("1.00", "Rest"),
            "32": ("0.60", "Belgium"),
            "33": ("0.55", "France"),
            "34": ("0.70", "Spain"),
        }
        records = LogEntry.objects.filter(user=staff).values_list("object_repr", "change_message")
        assert set(records) == {
            ("33", "Price list: 0.50 → 0.55"),
            ("34", "Price list: none → 0.70"),
        }
        history = browser.get(url(Rate, "history", Rate.objects.get(prefix="33").pk))
        assert "Price list: 0.50 → 0.55" in text_of(history)

    def test_removes_what_is_not_in_the_list_only_where_that_is_ticked(self, browser, staff):
        text = "prefix;credits\n*;1\n33;0.50\n"
        assert "The list changes nothing." in words_of(check(browser, text))

        page = check(browser, text, removes_others="on")
        assert "Removed: 1" in words_of(page)
        agree(browser, page)

        assert set(all_rates()) == {"", "33"}
        assert LogEntry.objects.get().change_message == "Price list: 0.60 → none"

    @pytest.mark.parametrize(
        "content",
        [
            "prefix,credits,description\n+33,0.55,France\n",
            "prefix;credits\r\n0033;0,55\r\n\r\n",
            "\ufeffcountry;price\nFrance;0,55\n",
            "Name\tRate\tCode\nFrance\t0.55\t33\n",
            'prefix,credits\n33,"0,55"\n',
            "prefix;credits;operator;;\nfr; 0,550 ;Orange;;\n",
        ],
    )
    @pytest.mark.parametrize("as_file", [True, False])
    def test_takes_what_people_have(self, browser, content, as_file):
        if as_file:
            file = SimpleUploadedFile("rates.csv", content.encode())
            page = browser.post(IMPORT, {"file": file, "check": "1"})
        else:
            page = check(browser, content)

        agree(browser, page)

        assert all_rates()["33"] == ("0.55", "France")
        assert len(all_rates()) == 3

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("33;", "'' is no price"),
            ("33;free", "'free' is no price: give a number such as 1.25 or 1,25."),
            ("33;-1", "is no price"),
            ("33;1.250,00", "is no price"),
            ("33;0", "A rate is 0.01 at least"),
            ("33;0.055", "0.055 has more than two decimals: round it."),
            (";1", "There is no prefix: give a country or digits, or * for all others."),
            ("Canada;1", "Canada shares the code 1 with others"),
            ("Frankreich;1", "There is no country"),
            ("1234567890123456;1", "At most 15 digits"),
            ("32;1", "Line 2 has 32 already"),
            ("33;1;France;x;y", "It has more cells than the first line."),
            ("33;1;05", "With decimal commas, part the cells by semicolons."),
            (f"33;1;{'x' * 101}", "A description has at most 100 characters"),
        ],
    )
    def test_names_each_bad_line_and_what_to_do_and_keeps_the_text(self, browser, line, told):
        text = f"prefix;credits;description\n32;0.61;\n\n{line}\n34;0.70;\n"

        page = check(browser, text, removes_others="on")

        assert re.search(rf" 4 [^<>]*{re.escape(told)}", words_of(page).replace("&#x27;", "'"))
        assert page.context["form"]["text"].value() == text
        assert page.context["form"]["removes_others"].value()
        assert "apply" not in re.findall(r'name="(\w+)"', text_of(page))
        assert len(all_rates()) == 3
        forced = browser.post(IMPORT, {"text": text, "apply": "1"})
        assert forced.status_code == 200
        assert len(all_rates()) == 3

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "Choose a file, or paste its text."),
            ("33;0.55\n", "The first line must name each column once"),
            ("prefix;price;rate\n33;1;2\n", "The first line must name each column once"),
            ("prefix;credits\n", "There is no rate in this list."),
            ("x" * 500_001, "at most 500000 characters"),
        ],
    )
    def test_says_what_is_wrong_with_a_list(self, browser, text, told):
        assert told in words_of(check(browser, text))

    @pytest.mark.parametrize("change", ["rates", "list", "nothing seen"])
    def test_changes_nothing_but_what_somebody_saw(self, browser, change):
        page = check(browser, "prefix;credits\n33;0.55\n")
        form = page.context["form"]
        sent = {"text": form["text"].value(), "shown": form["shown"].value(), "apply": "1"}
        if change == "rates":
            Rate.objects.filter(prefix="33").update(credits=2)
        elif change == "list":
            sent["text"] = "prefix;credits\n33;0.05\n"
        else:
            sent["shown"] = ""
        before = all_rates()

        again = browser.post(IMPORT, sent)

        assert "Rates or the list have changed since: look again." in words_of(again)
        assert all_rates() == before
        agree(browser, again)
        assert all_rates() != before

    def test_is_for_those_who_may_do_all_of_it(self, client):
        client.force_login(make_clerk("view_rate", "change_rate", "add_rate"))
        assert client.post(IMPORT, {"text": "prefix;credits\n33;1\n"}).status_code == 403
        assert IMPORT not in text_of(client.get(url(Rate)))


class TestExport:
    def test_gives_a_list_that_changes_nothing_when_it_comes_back(self, browser):
        Rate.objects.create(prefix="34", credits=Decimal("12.5"), description="=1+1; no, €")

        answer = browser.get(url(Rate, "export"))
        exported = b"".join(answer.streaming_content).decode()

        assert exported.splitlines()[:2] == ["prefix;credits;description", "*;1.00;Rest"]
        assert url(Rate, "export") in text_of(browser.get(url(Rate)))
        page = check(browser, exported, removes_others="on")
        assert "4 rates stay as they are. The list changes nothing." in words_of(page)

    def test_is_for_those_who_may_see_rates(self, client):
        client.force_login(make_clerk("view_account"))
        assert client.get(url(Rate, "export")).status_code == 403
