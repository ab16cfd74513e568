"""The staff's pages of accounts: opening, holders, credits in and out."""

import threading
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client

from sms_accounts import accounts
from sms_accounts.models import (
    Account,
    Activity,
    LedgerEntry,
    Membership,
    Wallet,
)
from tests.admin.rows import make_clerk, text_of, url
from tests.factories import make_account, make_api_user, make_user

pytestmark = pytest.mark.django_db


def credits_of(account: Account) -> Decimal:
    return Wallet.objects.get(pk=account.wallet_id).credits


class TestAccounts:
    NEW = {
        "name": "sms-ab12345-7",
        "description": "Town hall",
        "owner": " Alice@Example.com ",
        "credits": "120.50",
        "senders": "Example, 33612345678",
        "time_zone": "Europe/Paris",
        "language": "fr",
    }

    def test_are_opened_whole(self, browser, staff):
        alice = make_user("alice@example.com")

        response = browser.post(url(Account, "add"), self.NEW)

        account = Account.objects.get()
        assert response.status_code == 302
        assert (account.name, account.description) == ("sms-ab12345-7", "Town hall")
        assert (account.time_zone, account.language) == ("Europe/Paris", "fr")
        assert credits_of(account) == Decimal("120.50")
        assert Membership.objects.get(account=account, role="owner").user == alice
        assert set(account.senders.values_list("name", flat=True)) == {"Example", "33612345678"}
        assert set(Activity.objects.values_list("by", flat=True)) == {staff.pk}

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("name", "town-hall", "An account is named like"),
            ("owner", "bob@example.com", "Nobody has this e-mail address"),
            ("credits", "-1", "greater than or equal to 0"),
            ("credits", "1.005", "no more than 2 decimal places"),
            ("senders", "Ex!", "3 to 11 letters and digits"),
            ("time_zone", "Paris", "Select a valid choice"),
        ],
    )
    def test_are_not_opened_with_something_wrong(self, browser, field, value, sentence):
        make_user("alice@example.com")

        page = text_of(browser.post(url(Account, "add"), {**self.NEW, field: value}))

        assert sentence in page
        assert not Account.objects.exists()
        assert not Wallet.objects.exists()

    def changed(self, account: Account, **fields: str) -> dict[str, str]:
        owner = account.memberships.get()
        return {
            "description": account.description,
            "is_enabled": "on",
            "time_zone": account.time_zone,
            "language": account.language,
            "home_country": "",
            "unknown_outcome": "hold",
            "memberships-TOTAL_FORMS": "2",
            "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": str(owner.pk),
            "memberships-0-account": str(account.pk),
            "memberships-0-user": owner.user.email,
            "memberships-0-role": "owner",
            "memberships-1-account": str(account.pk),
            "memberships-1-user": "",
            "memberships-1-role": "owner",
            **fields,
        }

    def test_are_changed_and_the_change_is_recorded(self, browser, staff):
        account = make_account()

        fields = self.changed(
            account, description="Library", home_country="FR", unknown_outcome="resend"
        )
        del fields["is_enabled"]
        response = browser.post(url(Account, "change", account.pk), fields)

        assert response.status_code == 302
        account.refresh_from_db()
        assert (account.description, account.home_country) == ("Library", "FR")
        assert not account.is_enabled
        change = Activity.objects.order_by("pk").last()
        assert change is not None
        assert (change.action, change.by) == ("account changed", staff)
        assert change.before == {
            "description": "",
            "is_enabled": True,
            "home_country": "",
            "unknown_outcome": "hold",
        }
        assert change.after == {
            "description": "Library",
            "is_enabled": False,
            "home_country": "FR",
            "unknown_outcome": "resend",
        }

    def test_get_a_default_among_their_enabled_senders(self, browser):
        account, other = make_account(sender="Mine"), make_account(sender="Other")
        mine, others = account.senders.get(), other.senders.get()
        page = url(Account, "change", account.pk)

        refused = text_of(browser.post(page, self.changed(account, default_sender=str(others.pk))))
        browser.post(page, self.changed(account, default_sender=str(mine.pk)))

        assert "Select a valid choice" in refused
        account.refresh_from_db()
        assert account.default_sender == mine
        change = Activity.objects.filter(account=account).latest("pk")
        assert (change.before, change.after) == (
            {"default_sender": None},
            {"default_sender": "Mine"},
        )

    def test_show_their_callback(self, browser):
        account = make_account()
        accounts.set_callback(account, "https://example.com/dlr", method="post", by=None)

        page = text_of(browser.get(url(Account, "change", account.pk)))

        assert "https://example.com/dlr" in page
        assert "POST, values as JSON" in page

    def test_record_nothing_that_did_not_change(self, browser):
        account = make_account()
        before = Activity.objects.count()

        response = browser.post(url(Account, "change", account.pk), self.changed(account))

        assert response.status_code == 302
        assert Activity.objects.count() == before

    def test_get_further_holders_by_their_address(self, browser, staff):
        account = make_account()
        bob = make_user("bob@example.com")
        fields = self.changed(
            account, **{"memberships-1-user": "Bob@example.com", "memberships-1-role": "viewer"}
        )

        browser.post(url(Account, "change", account.pk), fields)

        assert Membership.objects.get(account=account, user=bob).role == "viewer"
        change = Activity.objects.order_by("pk").last()
        assert change is not None
        assert (change.action, change.by) == ("member added", staff)
        assert change.after == {"person": "bob@example.com", "role": "viewer"}

    @pytest.mark.parametrize(
        "fields", [{"memberships-0-DELETE": "on"}, {"memberships-0-role": "viewer"}]
    )
    def test_keep_an_owner(self, browser, fields):
        account = make_account()

        page = browser.post(url(Account, "change", account.pk), self.changed(account, **fields))

        assert "An account needs an owner." in text_of(page)
        assert Membership.objects.get(account=account).role == "owner"

    def test_show_credits_and_take_none_from_a_form(self, browser):
        account = make_account(name="sms-ab12345-7")
        make_api_user(account=account, quota=150)
        fields = self.changed(account, wallet="1", credits="999", name="sms-ab12345-8")

        browser.post(url(Account, "change", account.pk), fields)

        page = text_of(browser.get(url(Account)))
        assert '<td class="field-credits_left">50.00</td>' in page
        assert '<td class="field-credits_held">150.00</td>' in page
        assert Account.objects.get().name == "sms-ab12345-7"

    def test_are_never_deleted(self, browser):
        account = make_account()

        assert browser.post(url(Account, "delete", account.pk), {"post": "yes"}).status_code == 403


class TestMovements:
    def form(self, browser: Client, page: str) -> dict[str, str]:
        token = browser.get(page).context["form"]["token"].value()
        return {"credits": "50", "reason": "Invoice 12", "token": str(token)}

    def test_are_linked_from_the_account(self, browser):
        account = make_account()

        page = text_of(browser.get(url(Account, "change", account.pk)))

        assert url(Account, "grant", account.pk) in page
        assert url(Account, "take-back", account.pk) in page

    @pytest.mark.parametrize(
        ("slug", "left", "kind", "credits", "told"),
        [
            ("grant", 250, "top_up", 50, "50 credits granted. sms-ab12345-7 has 250.00 now."),
            (
                "take-back",
                150,
                "correction",
                -50,
                "50 credits taken back. sms-ab12345-7 has 150.00 now.",
            ),
        ],
    )
    def test_go_through_the_ledger(self, browser, staff, slug, left, kind, credits, told):
        account = make_account(name="sms-ab12345-7")
        page = url(Account, slug, account.pk)

        response = browser.post(page, self.form(browser, page), follow=True)

        assert told in text_of(response)
        assert credits_of(account) == left
        entry = LedgerEntry.objects.order_by("pk").last()
        assert entry is not None
        assert (entry.kind, entry.credits, entry.reason) == (kind, credits, "Invoice 12")
        assert entry.by == staff
        change = Activity.objects.order_by("pk").last()
        assert change is not None
        assert change.after == {"credits": "50", "reason": "Invoice 12"}
        history = text_of(browser.get(url(Account, "history", account.pk)))
        assert f"Changed credits by {credits:+} (Invoice 12)." in history

    @pytest.mark.parametrize("slug", ["grant", "take-back"])
    def test_happen_once_for_a_form_sent_twice(self, browser, slug):
        account = make_account()
        page = url(Account, slug, account.pk)
        form = self.form(browser, page)
        browser.post(page, form)
        after_one = credits_of(account)

        response = browser.post(page, form, follow=True)

        assert "This form was sent before. No credits moved again." in text_of(response)
        assert credits_of(account) == after_one

    def test_happen_again_for_a_new_form(self, browser):
        account = make_account()
        page = url(Account, "grant", account.pk)

        for _ in range(2):
            browser.post(page, self.form(browser, page))

        assert credits_of(account) == 300

    def test_take_back_no_more_than_is_left(self, browser):
        account = make_account()
        make_api_user(account=account, quota=170)
        page = url(Account, "take-back", account.pk)

        response = browser.post(page, self.form(browser, page))

        assert "At most 30.00 credits can be taken back" in text_of(response)
        assert credits_of(account) == 30

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"credits": "0"}, "greater than or equal to 0.01"),
            ({"credits": "1.005"}, "no more than 2 decimal places"),
            ({"credits": "many"}, "Enter a number."),
            ({"reason": " "}, "This field is required."),
        ],
    )
    def test_need_credits_and_a_reason(self, browser, fields, sentence):
        account = make_account()
        page = url(Account, "grant", account.pk)

        response = browser.post(page, {**self.form(browser, page), **fields})

        assert sentence in text_of(response)
        assert credits_of(account) == 200

    def test_are_for_those_who_may_change_accounts(self, client):
        account = make_account()
        reader = make_clerk("view_account")
        client.force_login(reader)

        assert client.get(url(Account, "change", account.pk)).status_code == 200
        assert client.get(url(Account, "grant", account.pk)).status_code == 403
        assert client.get(url(Account, "grant", 0)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_the_same_time_moves_credits_once():
    account = make_account()
    staff = make_user(staff=True)
    page = url(Account, "grant", account.pk)
    form = {"credits": "50", "reason": "Invoice 12", "token": str(uuid.uuid4())}
    statuses: list[int] = []

    def click() -> None:
        browser = Client()
        try:
            browser.force_login(staff)
            statuses.append(browser.post(page, form).status_code)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()

    assert statuses == [302] * 4
    assert credits_of(account) == 250
