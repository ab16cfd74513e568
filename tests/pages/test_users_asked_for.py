"""The field that asks for an API user, on each page that has one."""

import re

import pytest
from django.http import QueryDict
from django.urls import reverse

from sms_accounts import api_users
from sms_accounts.forms import users as field
from sms_accounts.forms.messages import MessageFilterForm
from sms_accounts.models import Alert, Message, Submission
from tests.factories import (
    make_account,
    make_alert,
    make_api_user,
    make_callback,
    make_message,
)
from tests.pages.checks import text_of
from tests.plans import plan_of, to_others

PAGES = ("messages", "callbacks", "credits", "alert-log", "activity", "connect")
UNKNOWN = re.compile(r"This account (has no|never had an) API user of that ID\.")


@pytest.fixture
def shop(account):
    shop = make_api_user(account=account, login="Shop", threshold=5)
    make_callback("https://example.com/", message=make_message(user=shop), api_user=shop)
    make_alert(shop)
    return shop


@pytest.fixture
def other(account):
    other = make_api_user(account=account, login="other", threshold=5)
    make_callback("https://example.com/", message=make_message(user=other), api_user=other)
    make_alert(other)
    return other


@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(field, "MOST_CHOICES", 1)


def asked(browser, account, page: str, user: object):
    return browser.get(reverse(page, args=[account.name]), {"user": user})


def cell(html: str) -> str:
    """The field as it is drawn."""
    found = re.search(r'<(?:select|input)[^>]*name="user".*?(?:</select>|>)', html, re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("page", PAGES)
class TestUserAskedFor:
    def test_is_chosen_from_a_few(self, browser, account, shop, other, page):
        html = asked(browser, account, page, "other").content.decode()

        assert '<option value="other" selected>other</option>' in html
        assert '<option value="Shop">Shop</option>' in html

    def test_is_typed_where_there_are_many(self, browser, account, shop, other, many, page):
        html = asked(browser, account, page, "OTHER").content.decode()

        assert 'value="other"' in cell(html)
        assert "<option" not in cell(html)
        assert "Shop" not in text_of(html).partition("Sections")[2]

    @pytest.mark.parametrize("typed", ["nobody", "99999999", "9" * 40, "%", "\0"])
    def test_that_is_unknown_is_told(self, browser, account, shop, many, page, typed):
        html = asked(browser, account, page, typed).content.decode()

        assert bool(UNKNOWN.search(html)) == (typed != "\0")

    def test_of_another_account_is_unknown(self, browser, account, shop, page):
        others = make_api_user(account=make_account(), login="others")

        for user in ("others", others.pk):
            html = asked(browser, account, page, user).content.decode()
            assert UNKNOWN.search(html)

    def test_is_found_by_links_of_earlier_days(self, browser, account, shop, other, many, page):
        html = asked(browser, account, page, shop.pk).content.decode()

        assert 'value="Shop"' in cell(html)
        assert not UNKNOWN.search(html)


def test_a_key_is_nobody_where_it_is_somebodys_id(browser, account, shop, other):
    namesake = make_api_user(account=account, login=str(shop.pk))
    wanted = make_message(user=namesake)

    found = asked(browser, account, "messages", shop.pk).context["found"]

    assert [each.pk for each in found] == [wanted.pk]


def test_the_deleted_are_found_with_whoever_has_their_id_now(browser, account, shop):
    old = Message.objects.get()
    api_users.delete(shop, by=None)
    new = make_message(user=make_api_user(account=account, login="shop"))

    found = asked(browser, account, "messages", "shop").context["found"]

    assert [each.pk for each in found] == [new.pk, old.pk]


def test_old_links_to_alerts_work(browser, account, shop, other):
    answer = browser.get(reverse("alert-log", args=[account.name]), {"about": shop.pk})

    assert {each.api_user for each in answer.context["alerts"]} == {shop}
    assert Alert.objects.count() == 2


class TestMessagesOfAUser:
    def test_come_by_their_orders_page_by_page(self, browser, account, shop, other, monkeypatch):
        monkeypatch.setattr("sms_accounts.views.messages.PAGE", 3)
        for _ in range(4):
            make_message(user=shop)
            make_message(user=other)
        # As where two processes store orders at the same time: the earlier order ends last.
        first, last = Message.objects.filter(submission__api_user=shop).order_by("pk")[1:3]
        first_order, last_order = first.submission_id, last.submission_id
        Message.objects.filter(pk=first.pk).update(submission=last_order)
        Message.objects.filter(pk=last.pk).update(submission=first_order)
        expected = Message.objects.filter(submission__api_user=shop)
        expected = expected.order_by("-submission", "-pk")

        seen, query = [], "?user=shop"
        while query:
            answer = browser.get(reverse("messages", args=[account.name]) + query)
            seen += [each.pk for each in answer.context["found"]]
            query = answer.context["older"]

        assert seen == [each.pk for each in expected]
        assert len(seen) == 5

    def test_are_found_by_indexes(self, account, shop):
        orders = Submission.objects.filter(api_user__in=[shop])
        messages = Message.objects.filter(submission__in=orders.values("pk"))

        plan = plan_of(messages.order_by("-submission", "-pk")[:51], may_sort=True)

        assert "submissions_of_api_user" in plan
        assert "messages_of_account" not in plan


def test_messages_to_a_number_are_found_by_their_index(account, shop):
    to_others(Message.objects.get())
    form = MessageFilterForm(QueryDict("q=33639980004"), account=account)

    plan = plan_of(form.found().order_by("-pk")[:51], may_sort=True)

    assert "messages_to_msisdn_of_account" in plan
