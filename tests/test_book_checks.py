"""Checks of an account's books: one at a time, by whoever is there, and kept when they fail."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from sms_accounts import api_users, book_checks, books
from sms_accounts.book_checks import LEASE, MOST_FAULTS, TRY_AGAIN
from sms_accounts.models import BooksCheck, Wallet
from tests.factories import make_account, make_api_user, make_message

State = BooksCheck.State

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    account = make_account(name="sms-ab12345-1")
    shop = make_api_user(account=account, login="shop")
    api_users.set_quota(shop, Decimal(50), by=None)
    make_message(user=shop)
    return account


@pytest.fixture
def long_ledger(monkeypatch):
    """Every ledger is too long to be added up while somebody waits."""
    monkeypatch.setattr(book_checks, "MOST_AT_ONCE", 0)


@pytest.fixture
def at_work(account, long_ledger):
    book_checks.ask(account)
    return account


def latest(account) -> BooksCheck:
    check = book_checks.latest(account)
    assert check is not None
    return check


class TestCheck:
    def test_of_a_short_ledger_is_made_at_once(self, account):
        book_checks.ask(account)

        check = latest(account)
        assert check.state == State.DONE
        assert book_checks.found_by(check) == books.check(account)
        assert book_checks.check_due() == 0

    def test_keeps_what_is_off(self, account):
        Wallet.objects.filter(credits=49).update(credits=40)
        book_checks.ask(account)
        Wallet.objects.filter(credits=40).update(credits=49)

        found = book_checks.found_by(latest(account))

        assert found is not None
        assert found.wrong == (books.WrongPurse("shop", Decimal(40), Decimal(49)),)
        assert not found.is_right

    def test_of_a_long_ledger_waits_for_a_worker(self, at_work):
        assert latest(at_work).is_at_work
        assert book_checks.found_by(latest(at_work)) is None

        assert book_checks.check_due() == 1

        found = book_checks.found_by(latest(at_work))
        assert found is not None
        assert found.is_right
        assert book_checks.check_due() == 0

    def test_that_is_asked_for_twice_is_made_once(self, at_work):
        first = latest(at_work)

        book_checks.ask(at_work)

        assert latest(at_work).asked_at == first.asked_at
        assert book_checks.check_due() == 1
        assert book_checks.check_due() == 0

    def test_is_not_taken_from_who_makes_it(self, at_work, monkeypatch):
        asked_meanwhile: list[int] = []

        def check(account):
            monkeypatch.setattr(books, "check", checked)
            monkeypatch.setattr(book_checks, "MOST_AT_ONCE", 1000)
            book_checks.ask(account)
            asked_meanwhile.append(book_checks.check_due())
            return checked(account)

        checked = books.check
        monkeypatch.setattr(books, "check", check)

        assert book_checks.check_due() == 1
        assert asked_meanwhile == [0]
        assert latest(at_work).state == State.DONE

    def test_keeps_the_result_before_until_there_is_a_new_one(self, account, monkeypatch):
        book_checks.ask(account)
        monkeypatch.setattr(book_checks, "MOST_AT_ONCE", 0)

        book_checks.ask(account)

        assert latest(account).is_at_work
        assert book_checks.found_by(latest(account)) == books.check(account)

    def test_is_begun_anew_once_its_worker_is_gone(self, at_work, monkeypatch):
        def vanish(account):
            raise OperationalError

        with monkeypatch.context() as patched:
            patched.setattr(books, "check", vanish)
            with pytest.raises(OperationalError):
                book_checks.check_due()
        assert book_checks.check_due() == 0

        with time_machine.travel(timezone.now() + LEASE + timedelta(seconds=1)):
            assert book_checks.check_due() == 1

    def test_over_which_the_program_stumbles_fails_after_some_tries(self, at_work, monkeypatch):
        def stumble(account):
            raise ValueError

        monkeypatch.setattr(books, "check", stumble)
        for tried in range(MOST_FAULTS):
            assert latest(at_work).is_at_work, tried
            with time_machine.travel(timezone.now() + tried * (TRY_AGAIN + timedelta(seconds=1))):
                assert book_checks.check_due() == 0

        assert latest(at_work).state == State.FAILED
        monkeypatch.undo()
        book_checks.ask(at_work)
        assert latest(at_work).state == State.DONE
