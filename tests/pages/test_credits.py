"""The tab of credits: the statement, its totals and filters, CSV, the check, and transfers."""

import csv
import io
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import (
    accounts,
    api_users,
    counting,
    ledger,
    statement,
    submission,
)
from sms_accounts.models import (
    Account,
    LedgerEntry,
    Wallet,
)
from tests.factories import (
    make_account,
    make_api_user,
    make_message,
    make_order,
    make_user,
)
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.plans import analyze, plan_of

NUMBER, OTHER = "33639980004", "33639980017"
Kind = LedgerEntry.Kind


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


@pytest.fixture
def second(alice) -> Account:
    """Another account of Alice's."""
    return make_account(owner=alice, name="sms-ab12345-2", credits=5)


def tab(account, **query) -> str:
    return reverse("credits", args=[account.name], query=query)


def said(answer) -> str:
    return text_of(answer.content.decode())


def kinds(browser, account, **query) -> list[str]:
    return [row.entry.kind for row in browser.get(tab(account, **query)).context["rows"]]


def totals(browser, account, **query) -> dict[str, Decimal]:
    return dict(browser.get(tab(account, **query)).context["totals"])


class TestStatement:
    def test_says_of_each_movement_who_for_what_and_what_was_left(self, browser, account, shop):
        message = make_message(user=shop)
        ledger.refund({message: "Refused by the carrier: 023"})

        answer = browser.get(tab(account))

        refund, debit, top_up = answer.context["rows"]
        assert [row.entry.kind for row in (refund, debit, top_up)] == ["refund", "debit", "top_up"]
        assert [line.balance for row in (refund, debit) for line in row.lines] == [200, 199]
        page = said(answer)
        for words in (
            f"Refund shop Message {message.pk} Refused by the carrier: 023 Account +1.00 200.00",
            f"Messages shop Message {message.pk} Account −1.00 199.00",
            "Top-up - Opening credits Account +200.00 200.00",
        ):
            assert words in page
        assert reverse("message", args=[account.name, message.pk]) in answer.content.decode()

    def test_shows_both_purses_of_a_quota_in_one_line(self, browser, account, shop, alice):
        api_users.set_quota(shop, Decimal(150), by=alice)
        make_message(user=shop)
        api_users.set_quota(shop, Decimal(100), by=alice)

        answer = browser.get(tab(account, kind="quota"))

        lowered, given = answer.context["rows"]
        assert [(line.credits, line.balance) for line in given.lines] == [(-150, 50), (150, 150)]
        assert [(line.credits, line.balance) for line in lowered.lines] == [(49, 99), (-49, 100)]
        assert (
            "Quota shop alice@example.com Quota given Account Quota of shop"
            " −150.00 +150.00 50.00 150.00" in said(answer)
        )

    def test_names_an_order_to_several_and_an_alert(self, browser, account, shop):
        submission.submit(make_order(shop, receivers=[NUMBER, OTHER]))

        assert "Messages shop 2 messages Account −2.00" in said(browser.get(tab(account)))

    def test_names_staff_by_what_they_are(self, browser, account):
        ledger.top_up(account, Decimal(5), by=make_user(staff=True), reason="Invoice 17")

        page = said(browser.get(tab(account)))

        assert "Top-up Staff Invoice 17 Account +5.00 205.00" in page

    def test_says_what_it_is_while_nothing_has_moved(self, browser, alice):
        empty = make_account(owner=alice, name="sms-ab12345-3", credits=0)

        assert "No credits have moved yet." in said(browser.get(tab(empty)))

    def test_leads_to_older_ones(self, browser, account, shop, monkeypatch):
        monkeypatch.setattr("sms_accounts.views.credits.PAGE", 2)
        for _ in range(4):
            make_message(user=shop)

        pages, older = [], ""
        while True:
            answer = browser.get(tab(account) + older)
            pages.append([row.entry.kind for row in answer.context["rows"]])
            if not (older := answer.context["older"]):
                break

        assert pages == [["debit", "debit"], ["debit", "debit"], ["top_up"]]

    def test_takes_as_many_queries_for_many_as_for_one(self, browser, account, shop):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(tab(account, since="2020-01-01"))
            return len(captured)

        make_message(user=shop)
        queries()
        few = queries()
        for _ in range(5):
            api_users.set_quota(shop, Decimal(10), by=None)
            submission.submit(make_order(shop, receivers=[NUMBER, OTHER]))
            api_users.set_quota(shop, None, by=None)
            make_message(user=make_api_user(account=account))
        counting.count()

        assert queries() == few <= 12

    def test_of_others_does_not_exist(self, bobs_browser, account, shop):
        for page in ("credits", "credits-csv", "credits-check", "credits-transfer"):
            assert bobs_browser.get(reverse(page, args=[account.name])).status_code == 404


class TestFilters:
    def test_find_by_user_kind_and_days_and_by_all_of_them(self, browser, account, shop):
        message = make_message(user=shop)
        ledger.refund({message: "Refused"})
        make_message(user=make_api_user(account=account, login="other"))
        today = f"{timezone.now():%Y-%m-%d}"
        tomorrow = f"{timezone.now() + timedelta(days=1):%Y-%m-%d}"

        assert kinds(browser, account) == ["debit", "refund", "debit", "top_up"]
        assert kinds(browser, account, user="Shop") == ["refund", "debit"]
        assert kinds(browser, account, kind="debit") == ["debit", "debit"]
        assert kinds(browser, account, kind="refund") == ["refund"]
        assert kinds(browser, account, since=today, until=today, user="shop") == ["refund", "debit"]
        assert kinds(browser, account, since=tomorrow) == []
        assert kinds(browser, account, since=today, user="shop", kind="debit") == ["debit"]

    def test_find_the_users_that_were_deleted_too(self, browser, account, shop):
        make_message(user=shop)
        api_users.delete(shop, by=None)
        make_message(user=make_api_user(account=account, login="shop"))

        assert kinds(browser, account, user="shop") == ["debit", "debit"]

    @pytest.mark.parametrize("is_counted", [False, True])
    def test_find_days_in_the_zone_of_the_account(
        self, browser, account, shop, time_machine, is_counted
    ):
        Account.objects.update(time_zone="Asia/Kathmandu")
        # Two minutes before midnight there, and two minutes after it.
        for minute in (13, 17):
            time_machine.move_to(datetime.fromisoformat(f"2026-07-01T18:{minute}:00+00:00"))
            make_message(user=shop)
        if is_counted:
            counting.count()
        browser = signed_in(account.memberships.get().user)

        for day in ("2026-07-01", "2026-07-02"):
            assert kinds(browser, account, since=day, until=day) == ["debit"]
            found = totals(browser, account, since=day, until=day)
            assert found == {"Paid for messages": Decimal(-1)}
        assert kinds(browser, account, until="2026-06-30") == []

    @pytest.mark.parametrize(
        ("name", "typed"),
        [("user", "nobody"), ("kind", "gift"), ("since", "soon"), ("until", "9999-12-31")],
    )
    def test_that_cannot_be_read_are_told_and_leave_nothing_out(
        self, browser, account, shop, name, typed
    ):
        make_message(user=shop)

        answer = browser.get(tab(account, **{name: typed}))

        assert len(answer.context["rows"]) == 2
        assert "invalid-feedback" in answer.content.decode()

    def test_find_nothing_and_offer_all(self, browser, account):
        page = said(browser.get(tab(account, kind="refund")))

        assert "No movement is like that." in page
        assert "Show all" in page


class TestTotals:
    @pytest.mark.parametrize("is_counted", [False, True])
    def test_are_of_all_that_the_search_finds(
        self, browser, account, shop, second, alice, is_counted
    ):
        api_users.set_quota(shop, Decimal(50), by=None)
        message = make_message(user=shop)
        make_message(user=shop)
        ledger.refund({message: "Refused"})
        if is_counted:
            counting.count()
        api_users.set_quota(shop, Decimal(20), by=None)
        accounts.transfer(account, second, Decimal(3), by=alice)

        assert totals(browser, account) == {
            "Bought": 200,
            "To other accounts": -3,
            "Paid for messages": -2,
            "Refunded": 1,
            "Given to quotas": -50,
            "Taken back from quotas": 29,
        }
        assert totals(browser, account, user="shop", kind="debit") == {"Paid for messages": -2}
        assert totals(browser, account, kind="quota") == {
            "Given to quotas": -50,
            "Taken back from quotas": 29,
        }
        assert totals(browser, account, since="2099-01-01") == {}


class TestPlans:
    """Rows are found by an index whatever is searched for, however many there are."""

    def entries(self, account, **searched):
        return statement.of(account, **searched).entries.order_by("-pk")[:51]

    @pytest.mark.parametrize(
        ("kind", "is_of_user", "index"),
        [
            (None, False, "ledger_of_account"),
            (Kind.DEBIT, False, "ledger_of_account"),
            (Kind.TOP_UP, False, "ledger_but_debits"),
            (Kind.REFUND, False, "ledger_but_debits"),
            (None, True, "ledger_of_api_user"),
        ],
    )
    def test_of_a_page(self, account, shop, kind, is_of_user, index):
        for owner in (account, *(make_account() for _each in range(9))):
            for _each in range(3):
                other = make_api_user(account=owner, quota=9)
                make_message(user=other)
                make_message(user=other)
        analyze(LedgerEntry)

        plan = plan_of(self.entries(account, kind=kind, users=[shop.pk] if is_of_user else None))

        assert index in plan
        assert "TEMP B-TREE" not in plan
        # The other half of a quota is found by its purse.
        assert "ledger_of_wallet" in plan

    def test_of_a_span_goes_by_keys(self, account, shop):
        make_message(user=shop)
        counting.count()
        now = timezone.now()
        since = counting.quarter(now)

        found = self.entries(account, since=since, until=since + timedelta(hours=1))

        first, last = LedgerEntry.objects.order_by("pk").values_list("pk", flat=True)
        asked = str(found.query)
        assert f'"id" >= {first}' in asked
        assert f'"id" <= {last}' in asked


class TestCsv:
    def lines(self, browser, account, **query) -> list[dict[str, str]]:
        url = reverse("credits-csv", args=[account.name], query=query)
        text = b"".join(browser.get(url).streaming_content).decode()
        return list(csv.DictReader(io.StringIO(text), delimiter=";"))

    def test_has_what_the_search_finds_with_a_column_for_each_purse(
        self, browser, account, shop, alice
    ):
        api_users.set_quota(shop, Decimal(50), by=alice)
        message = make_message(user=shop)
        ledger.top_up(account, Decimal(5), by=None, reason='=HYPERLINK("x")')

        top_up, debit, quota, _opening = self.lines(browser, account)

        assert top_up["reason"] == """'=HYPERLINK("x")"""
        assert (top_up["credits"], top_up["balance"], top_up["purse"]) == (
            "5.00",
            "155.00",
            "account",
        )
        assert (debit["quotaCredits"], debit["quotaBalance"]) == ("-1.00", "49.00")
        assert (debit["purse"], debit["credits"], debit["user"]) == ("quota", "", "shop")
        assert (debit["message"], debit["messages"]) == (str(message.pk), "1")
        assert (quota["credits"], quota["balance"]) == ("-50.00", "150.00")
        assert (quota["quotaCredits"], quota["quotaBalance"]) == ("50.00", "50.00")
        assert quota["by"] == "alice@example.com"
        assert [line["kind"] for line in self.lines(browser, account, kind="debit")] == ["debit"]

    def test_adds_up_to_what_the_purses_hold(self, browser, account, shop):
        for quota in (Decimal(50), Decimal(20), None, Decimal("0.50")):
            make_message(user=shop)
            api_users.set_quota(shop, quota, by=None)

        lines = self.lines(browser, account)

        def added(column):
            return sum(Decimal(line[column] or 0) for line in lines)

        account.wallet.refresh_from_db()
        assert added("credits") == account.wallet.credits
        assert added("quotaCredits") == Wallet.objects.get(quota_of=shop).credits == Decimal("0.5")
