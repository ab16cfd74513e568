"""The search in the log of messages."""

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sms_accounts.models import (
    Message,
    State,
    Submission,
)
from tests.factories import (
    make_api_user,
    make_message,
)
from tests.pages.checks import text_of

NUMBER = "33639980004"
OTHER = "33639980017"


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


def tab(account, **query) -> str:
    return reverse("messages", args=[account.name], query=query)


def said(answer) -> str:
    return text_of(answer.content.decode())


def listed(browser, account, **query) -> list[int]:
    return [each.pk for each in browser.get(tab(account, **query)).context["found"]]


def accepted_at(message, at) -> None:
    Submission.objects.filter(pk=message.submission_id).update(created_at=at)


class TestSearch:
    @pytest.mark.parametrize("typed", [NUMBER, f"+{NUMBER}", f"00{NUMBER}", "+33 6 39 98 00 04"])
    def test_finds_a_number_however_it_is_written(self, browser, account, shop, typed):
        wanted = make_message(user=shop)
        make_message(user=shop, msisdn=OTHER)

        assert listed(browser, account, q=typed) == [wanted.pk]

    def test_finds_an_id(self, browser, account, shop):
        wanted, _other = make_message(user=shop), make_message(user=shop)

        assert listed(browser, account, q=wanted.pk) == [wanted.pk]

    def test_finds_a_country_by_its_calling_code(self, browser, account, shop):
        wanted = make_message(user=shop)
        make_message(user=shop, msisdn="447400123456")

        assert listed(browser, account, country="33") == [wanted.pk]
        assert "France (+33)" in said(browser.get(tab(account)))

    def test_finds_by_each_field_and_by_all_of_them(self, browser, account, shop):
        make_message(user=make_api_user(account=account), tag="else", msisdn=OTHER)
        wanted = make_message(user=shop, tag="parcels")
        Message.objects.filter(pk=wanted.pk).update(state=State.EXPIRED, ptt=24)
        Submission.objects.exclude(pk=wanted.submission_id).update(
            sender="OTHER", channel="panel", created_at=timezone.now() - timedelta(days=3)
        )
        today = f"{timezone.localtime():%Y-%m-%d}"
        each = {
            "user": shop.pk,
            "state": "expired",
            "ptt": 24,
            "tag": "parcels",
            "sender": wanted.submission.sender,
            "channel": "http2sms",
            "since": f"{timezone.now() - timedelta(days=1):%Y-%m-%d}",
        }

        for name, value in each.items():
            assert listed(browser, account, **{name: value}) == [wanted.pk], name
        assert listed(browser, account, state="failed") == [wanted.pk]
        assert listed(browser, account, **each) == [wanted.pk]
        assert listed(browser, account, **each, until=today) == [wanted.pk]
        assert listed(browser, account, **{**each, "state": "delivered"}) == []

    def test_counts_days_in_the_zone_of_the_account(self, browser, account, shop):
        account.time_zone = "Pacific/Auckland"
        account.save(update_fields=["time_zone"])
        message = make_message(user=shop)
        # Half past midnight of the second in Auckland, and still the first in London.
        accepted_at(message, datetime.fromisoformat("2026-07-01T12:30:00+00:00"))

        assert listed(browser, account, since="2026-07-02", until="2026-07-02") == [message.pk]
        assert listed(browser, account, until="2026-07-01") == []

    @pytest.mark.parametrize(
        ("name", "typed"),
        [
            ("q", "hello"),
            ("q", "\u0663\u0663"),
            ("since", "soon"),
            ("until", "9999-12-31"),
            ("since", "0001-01-01"),
            ("state", "lost"),
            ("user", "1 OR 1"),
            ("ptt", "999"),
        ],
    )
    def test_that_cannot_be_read_is_told_and_leaves_nothing_out(
        self, browser, account, shop, name, typed
    ):
        message = make_message(user=shop)

        answer = browser.get(tab(account, **{name: typed}))

        assert [each.pk for each in answer.context["found"]] == [message.pk]
        assert "invalid-feedback" in answer.content.decode()

    def test_takes_no_notice_of_what_no_text_can_hold(self, browser, account, shop):
        wanted = make_message(user=shop, tag="parcels")

        assert listed(browser, account, tag="parc\0els", q="\0") == [wanted.pk]

    @pytest.mark.parametrize("before", ["x", "-1", "9" * 40, ""])
    def test_takes_any_place_to_go_on(self, browser, account, shop, before):
        make_message(user=shop)

        assert browser.get(tab(account, before=before)).status_code == 200

    def test_that_finds_nothing_offers_all(self, browser, account, shop):
        make_message(user=shop)

        page = said(browser.get(tab(account, tag="nobody")))

        assert "No message is like that." in page
        assert "Show all" in page
