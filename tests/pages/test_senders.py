"""The tab of senders: the list, asking for one, who may use which, taking one away."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sms_accounts import senders
from sms_accounts.forms import senders as forms
from sms_accounts.models import Membership, Sender
from tests.factories import make_account, make_api_user, make_member
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in

ASKED = {"name": "Shop", "description": "Parcels", "reason": "Our brand"}


def page(name, account, *keys, **query) -> str:
    return reverse(name, args=[account.name, *keys], query=query)


def said(answer) -> str:
    return text_of(answer.content.decode())


@pytest.fixture
def example(account) -> Sender:
    return Sender.objects.get(account=account)


class TestList:
    def test_says_what_to_do_where_there_is_none(self, browser, account, example):
        example.delete()

        told = said(browser.get(page("senders", account)))

        assert "There is no sender here." in told
        assert "Ask for a sender" in told

    def test_shows_states_with_the_reason_of_a_refusal(self, browser, account):
        shop = senders.ask(account, "Shop", description="Parcels", reason="x", by=None)
        senders.ask(account, "Later", description="", reason="x", by=None)
        senders.refuse(shop, "Whose brand is it?", by=None)

        told = said(browser.get(page("senders", account)))

        for word in ("Example", "Enabled", "Later", "Waiting", "Parcels", "Whose brand is it?"):
            assert word in told
        assert "Ask again" in told

    def test_names_some_of_those_who_may_use_it(self, browser, account, example):
        users = [make_api_user(account=account, login=f"u{number}") for number in range(5)]
        assert "All API users" in said(browser.get(page("senders", account)))
        senders.set_users(example, users, by=None)

        told = said(browser.get(page("senders", account)))

        assert "u0 , u1 , u2 5 in all" in told
        assert "u3" not in told

    def test_takes_as_many_queries_for_many_as_for_one(self, browser, account):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                browser.get(page("senders", account))
            return len(captured)

        queries()
        few = queries()
        for number in range(5):
            sender = senders.ask(account, f"Shop{number}", description="", reason="x", by=None)
            senders.set_users(sender, [make_api_user(account=account)], by=None)

        assert queries() == few <= 12

    def test_lets_viewers_look_only(self, account, example):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        told = said(viewer.get(page("senders", account)))

        assert "Example" in told
        assert "Ask for" not in told.replace("Asked for", "")
        assert "Remove" not in told

    def test_of_another_account_does_not_exist(self, bobs_browser, account):
        assert bobs_browser.get(page("senders", account)).status_code == 404


class TestAsk:
    def test_lets_it_wait_for_staff(self, browser, account, alice):
        answer = browser.post(page("sender-ask", account), ASKED, follow=True)

        assert "Staff were asked for Shop." in said(answer)
        sender = Sender.objects.get(name="Shop")
        assert (sender.status, sender.description, sender.reason, sender.asked_by) == (
            "waiting",
            "Parcels",
            "Our brand",
            alice,
        )

    @pytest.mark.parametrize(
        ("typed", "stored"), [("+33 6 39 98 00 09", "33639980009"), ("36 184", "36184")]
    )
    def test_takes_a_number_as_people_write_it(self, browser, account, typed, stored):
        browser.post(page("sender-ask", account), {**ASKED, "name": typed})

        assert Sender.objects.filter(name=stored).exists()

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"name": ""}, "Enter the sender that handsets shall show."),
            ({"name": "Sh"}, "3 to 11 letters and digits"),
            ({"name": "Shop for shoes"}, "3 to 11 letters and digits"),
            ({"name": "Shöp"}, "3 to 11 letters and digits"),
            ({"name": "Example"}, "This account has this sender already"),
            ({"reason": ""}, "Say why you may use it"),
        ],
    )
    def test_says_beside_the_field_what_is_wrong(self, browser, account, changes, told):
        answer = browser.post(page("sender-ask", account), {**ASKED, **changes})

        assert told in said(answer)
        assert 'value="Parcels"' in answer.content.decode()
        assert not Sender.objects.filter(status="waiting").exists()

    def test_begins_with_what_was_refused(self, browser, account):
        sender = senders.ask(account, "Shop", description="Parcels", reason="Old words", by=None)
        senders.refuse(sender, "No", by=None)

        form = browser.in_dialog(page("sender-ask", account, again="Shop"))

        assert "Old words" in form.content.decode()
        assert 'value="Shop"' in form.content.decode()


class TestUsers:
    def test_are_all_or_those_that_are_ticked(self, browser, account, example):
        shop = make_api_user(account=account, login="shop")
        make_api_user(account=account, login="other")
        url = page("sender-users", account, example.pk)

        browser.post(url, {"whose": "some", "users": [shop.pk]})
        assert list(example.api_users.all()) == [shop]
        assert "checked" in browser.get(url).content.decode()

        browser.post(url, {"whose": "all", "users": [shop.pk]})
        example.refresh_from_db()
        assert example.is_for_all
        assert not example.api_users.exists()

    def test_are_typed_where_there_are_many(self, browser, account, example, monkeypatch):
        monkeypatch.setattr(forms, "MOST_TICKED", 1)
        users = [make_api_user(account=account, login=login) for login in ("shop", "till", "x")]
        url = page("sender-users", account, example.pk)

        wrong = browser.post(url, {"whose": "some", "users": "shop, nobody"})
        browser.post(url, {"whose": "some", "users": "Shop, till\n\nshop"})

        assert "This account has no API user nobody." in said(wrong)
        assert set(example.api_users.all()) == set(users[:2])
        assert "shop\ntill" in browser.get(url).content.decode()

    @pytest.mark.parametrize("users", [0, 1])
    def test_are_at_least_one(self, browser, account, example, users):
        for _ in range(users):
            make_api_user(account=account)
        answer = browser.post(page("sender-users", account, example.pk), {"whose": "some"})

        assert "Choose at least one API user" in said(answer)

    def test_are_of_this_account(self, browser, account, example):
        stranger = make_api_user(account=make_account())
        typed = {"whose": "some", "users": [stranger.pk]}

        answer = browser.post(page("sender-users", account, example.pk), typed)

        assert answer.status_code == 200
        assert not example.api_users.exists()


class TestRemove:
    def test_asks_first(self, browser, account, example):
        url = page("sender-remove", account, example.pk)

        assert "Remove Example?" in said(browser.get(url))
        assert Sender.objects.filter(pk=example.pk).exists()

        answer = browser.post(url, follow=True)
        assert "Example was removed." in said(answer)
        assert not Sender.objects.filter(pk=example.pk).exists()

    def test_withdraws_one_that_waits(self, browser, account):
        sender = senders.ask(account, "Shop", description="", reason="x", by=None)
        url = page("sender-remove", account, sender.pk)

        assert "Withdraw Shop?" in said(browser.in_dialog(url))
        assert "Shop was withdrawn." in said(browser.post(url, follow=True))


def test_viewers_and_others_change_nothing(account, example, bobs_browser):
    viewer = signed_in(make_member(account, Membership.Role.VIEWER))

    for url in (
        page("sender-ask", account),
        page("sender-users", account, example.pk),
        page("sender-remove", account, example.pk),
    ):
        for person in (viewer, bobs_browser):
            assert person.get(url).status_code == 404
            assert person.post(url, {**ASKED, "whose": "all"}).status_code == 404
    assert Sender.objects.get(account=account) == example
