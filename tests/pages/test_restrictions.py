"""From which addresses http2sms takes an API user."""

import html
import ipaddress
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sms_accounts.models import AddressUse, ApiUser
from tests.factories import make_api_user
from tests.pages.checks import text_of
from tests.sign_ins import note_call


def url(api_user) -> str:
    return reverse("api-user-restrictions", args=[api_user.account.name, api_user.pk])


def places(*typed: str) -> dict[str, str]:
    return {f"restriction_{number}": text for number, text in enumerate(typed, start=1)}


def said(answer) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def shop(account) -> ApiUser:
    return make_api_user(account=account, login="shop")


def stored(api_user):
    return ApiUser.objects.get(pk=api_user.pk).restrictions


@pytest.mark.parametrize(
    ("typed", "network", "shown"),
    [
        ("192.0.2.7", "192.0.2.7/32", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8:0::7", "2001:db8::7/128", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7/128", "2001:db8::7"),
        ("2001:db8::7/32", "2001:db8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.7"),
        ("::ffff:192.0.2.7/120", "192.0.2.0/24", "192.0.2.0/24"),
    ],
)
def test_is_stored_in_one_form_and_shown_as_people_write_it(browser, shop, typed, network, shown):
    browser.post(url(shop), places(typed))

    assert stored(shop) == [network]
    assert f'value="{shown}"' in browser.get(url(shop)).content.decode()


def test_empty_places_are_left_out(browser, shop):
    answer = browser.post(url(shop), places("", "192.0.2.7", "", "", "2001:db8::/32"), follow=True)

    assert stored(shop) == ["192.0.2.7/32", "2001:db8::/32"]
    assert "http2sms accepts shop from 2 addresses or networks only now." in said(answer)


def test_can_all_be_taken_away(browser, shop):
    browser.post(url(shop), places("192.0.2.7"))

    answer = browser.post(url(shop), places(), follow=True)

    assert stored(shop) == []
    assert "http2sms accepts shop from any address now." in said(answer)


@pytest.mark.parametrize(
    "typed",
    [
        "x",
        "7",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.0/33",
        "192.0.2.1-9",
        "010.1.1.1",
        "2001:db8::/129",
        "fe80::1%eth0",
        "example.com",
    ],
)
def test_says_what_is_accepted_beside_the_field(browser, shop, typed):
    answer = browser.post(url(shop), places("192.0.2.7", typed))

    assert "Enter an IPv4 or IPv6 address or a network, such as 192.0.2.7" in said(answer)
    assert 'id="id_restriction_2_error"' in said(answer)
    assert 'id="id_restriction_1_error"' not in said(answer)
    assert f'value="{typed}"' in said(answer)
    assert stored(shop) == []


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("192.0.2.7", "192.0.2.7/32", "192.0.2.7 is already restriction no. 1."),
        ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7 is already restriction no. 1."),
        ("192.0.2.0/24", "192.0.2.7", "192.0.2.7 is already within 192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.0/24", "192.0.2.0/24 holds 192.0.2.7, restriction no. 1, already"),
    ],
)
def test_refuses_the_same_twice(browser, shop, first, second, says):
    answer = browser.post(url(shop), places(first, second))

    assert says in said(answer)
    assert stored(shop) == []


def test_notices_that_nothing_changed(browser, shop):
    browser.post(url(shop), places("192.0.2.7"))

    answer = browser.post(url(shop), places("", "192.0.2.7"), follow=True)

    assert "Nothing was changed" in said(answer)


class TestAddressesInUse:
    def call(self, api_user, address: str, *, accepted: bool = True, days_ago: int = 0) -> None:
        note_call(api_user, address, accepted=accepted)
        at = timezone.now() - timedelta(days=days_ago)
        field = "accepted_at" if accepted else "refused_at"
        AddressUse.objects.filter(address=address).update(**{field: at})

    def test_are_shown_for_thirty_days(self, browser, shop):
        self.call(shop, "198.51.100.7")
        self.call(shop, "2001:db8::7", days_ago=29)
        self.call(shop, "198.51.100.8", days_ago=31)
        self.call(shop, "203.0.113.9", accepted=False)
        self.call(shop, "203.0.113.9", accepted=False)

        text = text_of(browser.get(url(shop)).content.decode())

        assert "198.51.100.7 just now -" in text
        assert "2001:db8::7 4 weeks ago -" in text
        assert "198.51.100.8" not in text
        assert "203.0.113.9 - just now (2 times) -" in text

    def test_are_shown_beside_what_would_have_been_refused(self, browser, shop):
        for _ in range(3):
            note_call(shop, "198.51.100.7", is_inside=False)

        text = text_of(browser.get(url(shop)).content.decode())

        assert "198.51.100.7 just now - just now (3 times)" in text

    def test_are_not_shut_out_without_a_word(self, browser, shop):
        self.call(shop, "198.51.100.7", days_ago=6)

        answer = browser.post(url(shop), places("192.0.2.7"))

        assert "http2sms accepted 198.51.100.7 in the last 7 days" in said(answer)
        assert "Shut out 198.51.100.7 all the same" in said(answer)
        assert stored(shop) == []

    def test_are_shut_out_when_that_is_confirmed(self, browser, shop):
        self.call(shop, "198.51.100.7")

        browser.post(url(shop), {**places("192.0.2.7"), "shut_out": "198.51.100.7"})

        assert stored(shop) == ["192.0.2.7/32"]

    def test_a_tick_for_others_is_no_answer(self, browser, shop):
        self.call(shop, "198.51.100.7")
        self.call(shop, "198.51.100.8")

        answer = browser.post(url(shop), {**places("192.0.2.7"), "shut_out": "198.51.100.7"})

        assert "Shut out 198.51.100.7 and 198.51.100.8 all the same" in said(answer)
        assert stored(shop) == []

    @pytest.mark.parametrize("listed", ["198.51.100.7", "198.51.100.0/24", ""])
    def test_are_no_matter_where_they_stay_allowed(self, browser, shop, listed):
        self.call(shop, "198.51.100.7")

        browser.post(url(shop), places(listed))

        assert stored(shop) == ([str(ipaddress.ip_network(listed))] if listed else [])

    def test_are_no_matter_after_a_week_or_when_they_were_refused(self, browser, shop):
        self.call(shop, "198.51.100.7", days_ago=8)
        self.call(shop, "198.51.100.8", accepted=False)

        browser.post(url(shop), places("192.0.2.7"))

        assert stored(shop) == ["192.0.2.7/32"]


class TestObserveOnly:
    def observes(self, api_user) -> bool:
        return ApiUser.objects.get(pk=api_user.pk).restrictions_observed

    def test_is_switched_on_and_off(self, browser, shop):
        answer = browser.post(url(shop), {**places("192.0.2.7"), "observed": "on"}, follow=True)

        assert self.observes(shop)
        assert "lists the calls of shop that it would refuse, and refuses none" in said(answer)
        assert re.search(r'name="observed"[^>]* checked', said(browser.get(url(shop))))

        answer = browser.post(url(shop), places("192.0.2.7"), follow=True)

        assert not self.observes(shop)
        assert "http2sms accepts shop from 1 address or network only now." in said(answer)

    def test_shuts_nobody_out_and_so_asks_nothing(self, browser, shop):
        note_call(shop, "198.51.100.7")

        browser.post(url(shop), {**places("192.0.2.7"), "observed": "on"})

        assert stored(shop) == ["192.0.2.7/32"]

    def test_ends_only_after_asking_about_addresses_that_were_observed(self, browser, shop):
        browser.post(url(shop), {**places("192.0.2.7"), "observed": "on"})
        note_call(shop, "198.51.100.7", is_inside=False)

        answer = browser.post(url(shop), places("192.0.2.7"))

        assert "Shut out 198.51.100.7 all the same" in said(answer)
        assert self.observes(shop)

    def test_needs_something_to_compare_calls_with(self, browser, shop):
        answer = browser.post(url(shop), {"observed": "on"})

        assert "Enter an address or a network above" in said(answer)
        assert 'id="id_observed_error"' in said(answer)

    def test_goes_with_the_list_that_is_emptied(self, browser, shop):
        browser.post(url(shop), {**places("192.0.2.7"), "observed": "on"})

        answer = browser.post(url(shop), {"observed": "on"}, follow=True)

        assert "http2sms accepts shop from any address now." in said(answer)
        assert not self.observes(shop)

    def test_notices_that_nothing_changed(self, browser, shop):
        typed = {**places("192.0.2.7"), "observed": "on"}
        browser.post(url(shop), typed)

        assert "Nothing was changed" in said(browser.post(url(shop), typed, follow=True))
