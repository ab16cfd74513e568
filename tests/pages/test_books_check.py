"""The check of an account's books: made when it is asked for, and shown with its age."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sms_accounts import accounts, api_users, book_checks, books, ledger
from sms_accounts.models import Account, Membership, Submission, Wallet
from tests.factories import make_account, make_api_user, make_member, make_message
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


@pytest.fixture
def second(alice) -> Account:
    """Another account of Alice's."""
    return make_account(owner=alice, name="sms-ab12345-2", credits=5)


def said(answer) -> str:
    return text_of(answer.content.decode())


def check_of(account) -> str:
    return reverse("credits-check", args=[account.name])


class TestCheck:
    def test_adds_all_up_before_ones_eyes(self, browser, account, shop, second, alice):
        api_users.set_quota(shop, Decimal(50), by=None)
        ledger.refund({make_message(user=shop): "Refused"})
        make_message(user=shop)
        accounts.transfer(account, second, Decimal(3), by=alice)
        ledger.take_back(account, Decimal(7), by=None, reason="Mistake")

        page = said(browser.post(check_of(account), follow=True))

        assert "All 8 movements were added up anew in" in page
        assert "Right to the hundredth." in page
        assert (
            "Bought +200.00 Taken back by staff −7.00"
            " From and to other accounts −3.00 Together 190.00" in page
        )
        assert "In the account's purse 140.00 Held by quotas 49.00 Spent" in page
        assert "2.00 paid for messages, 1.00 refunded 1.00 Together 190.00" in page
        assert "Each of the 2 purses holds what its movements say." in page

    def test_adds_nothing_up_before_it_is_asked(self, browser, account, shop):
        make_message(user=shop)

        with CaptureQueriesContext(connection) as captured:
            page = said(browser.get(check_of(account)))

        assert "Nobody has checked the books of this account yet." in page
        assert "Check now" in page
        assert not [each for each in captured if "ledgerentry" in each["sql"]]

    def test_shows_the_latest_result_with_its_age(self, browser, account):
        with time_machine.travel(timezone.now() - timedelta(hours=3), tick=False):
            book_checks.ask(account)

        page = said(browser.get(check_of(account)))

        assert re.search(r"1 movement was added up anew in \d+ ms, 3\shours ago\.", page)
        assert "Right to the hundredth." in page

    def test_of_a_long_ledger_is_made_in_the_background(self, browser, account, monkeypatch):
        monkeypatch.setattr(book_checks, "MOST_AT_ONCE", 0)

        answer = browser.post(check_of(account), follow=True)

        html = answer.content.decode()
        assert "So many movements are added up in the background" in said(answer)
        assert re.search(r'id="progress"[^>]*hx-trigger="every 2s"', html)
        # Without script a link does.
        assert "Look again" in html
        assert "Check now" not in html
        book_checks.check_due()
        region = browser.get(
            check_of(account), headers={"HX-Request": "true", "HX-Target": "progress"}
        )
        html = region.content.decode()
        assert "Right to the hundredth." in html
        assert "hx-trigger" not in html
        assert "<h1" not in html

    def test_of_an_account_without_movements_is_right(self, browser, alice):
        empty = make_account(owner=alice, name="sms-ab12345-3", credits=0)

        assert "Right to the hundredth." in said(browser.post(check_of(empty), follow=True))

    def test_is_open_to_members_alone(self, account, bobs_browser):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        assert viewer.post(check_of(account)).status_code == 302
        assert bobs_browser.post(check_of(account)).status_code == 404
        assert bobs_browser.get(check_of(account)).status_code == 404

    def test_names_what_is_off(self, browser, account, shop):
        api_users.set_quota(shop, Decimal(50), by=None)
        make_message(user=shop)
        self.spoil()

        page = said(browser.post(check_of(account), follow=True))

        assert "Something does not add up." in page
        assert "shop holds 40.00, its movements say 49.00" in page
        assert "orders in the log of messages cost 3.00, and 1.00 were paid" in page
        assert not books.check(account).is_right
        self.mend()

    def spoil(self) -> None:
        Wallet.objects.filter(credits=49).update(credits=40)
        Submission.objects.update(credits=3)

    def mend(self) -> None:
        Wallet.objects.filter(credits=40).update(credits=49)
