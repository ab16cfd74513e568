"""Staff put numbers on an account's list of opt-outs, and take them off."""

import pytest

from sms_accounts.models import Account, Activity, OptOut
from tests.admin.rows import text_of, url
from tests.factories import make_account

NUMBER = "33639980004"


@pytest.fixture
def account(db) -> Account:
    return make_account(name="sms-ab12345-1")


def test_is_done_through_the_use_case(browser, staff, account):
    typed = {"account": account.name, "msisdn": "+33 6 39 98 00 04", "note": "By letter"}

    answer = browser.post(url(OptOut, "add"), typed)

    assert answer.status_code == 302
    kept = OptOut.objects.get()
    assert (kept.account, kept.msisdn, kept.source) == (account, NUMBER, "staff")
    assert (kept.by, kept.note) == (staff, "By letter")
    account.refresh_from_db()
    assert account.opt_outs_at == kept.created_at
    assert Activity.objects.filter(action="opt-outs added", by=staff).exists()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"msisdn": "12"}, "Enter the number in international format"),
        ({"account": "sms-xx-1"}, "There is no account of this name."),
    ],
)
def test_says_what_is_wrong(browser, account, typed, says):
    given = {"account": account.name, "msisdn": NUMBER, "note": "", **typed}

    assert says in text_of(browser.post(url(OptOut, "add"), given))
    assert not OptOut.objects.exists()


def test_the_same_number_twice_is_refused(browser, account):
    given = {"account": account.name, "msisdn": NUMBER, "note": ""}
    browser.post(url(OptOut, "add"), given)

    assert "already exists" in text_of(browser.post(url(OptOut, "add"), given))


def test_the_last_one_removed_leaves_an_empty_list(browser, staff, account):
    browser.post(url(OptOut, "add"), {"account": account.name, "msisdn": NUMBER, "note": ""})

    browser.post(url(OptOut, "delete", OptOut.objects.get().pk), {"post": "yes"})

    assert not OptOut.objects.exists()
    account.refresh_from_db()
    assert account.opt_outs_at is None
    assert Activity.objects.filter(action="opt-outs removed", by=staff).exists()
