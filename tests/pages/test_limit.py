"""When an API user's alert goes out, and to whom."""

from decimal import Decimal

import pytest
from django.urls import reverse

from sms_accounts.models import Alert, ApiUser
from tests.factories import make_api_user
from tests.pages.checks import text_of

FULL = {
    "enabled": "on",
    "threshold": "20",
    "support": "both",
    "email": "ops@example.com",
    "number": "+33 6 39 98 00 04",
}


def url(api_user) -> str:
    return reverse("api-user-limit", args=[api_user.account.name, api_user.pk])


@pytest.fixture
def shop(account) -> ApiUser:
    return make_api_user(account=account, login="shop", quota=150)


def test_begins_with_the_holders_own_address(browser, shop):
    html = browser.get(url(shop)).content.decode()

    assert 'value="alice@example.com"' in html


def test_says_the_rule_and_what_can_still_be_spent(browser, shop):
    text = text_of(browser.get(url(shop)).content.decode())

    assert "At or below the threshold, one alert for each time the level falls to it" in text
    assert "This user can still spend 150.00 now." in text
    assert "paid by the account's credits" in text


def test_is_stored(browser, shop):
    answer = browser.post(url(shop), FULL, follow=True)

    assert "shop alerts at 20.00 credits or below." in text_of(answer.content.decode())
    shop.refresh_from_db()
    assert (shop.alert_enabled, shop.alert_threshold) == (True, Decimal(20))
    assert (shop.alert_support, shop.alert_email) == ("both", "ops@example.com")
    assert shop.alert_msisdn == "33639980004"


def test_switched_off_keeps_the_rest_and_requires_nothing(browser, shop):
    browser.post(url(shop), FULL)

    browser.post(url(shop), {**FULL, "enabled": ""})

    shop.refresh_from_db()
    assert (shop.alert_enabled, shop.alert_threshold) == (False, Decimal(20))
    assert shop.alert_email == "ops@example.com"

    answer = browser.post(
        url(shop), {"threshold": "", "support": "sms", "email": "", "number": ""}, follow=True
    )

    assert "The alert of shop is off." in text_of(answer.content.decode())


@pytest.mark.parametrize(
    ("support", "email", "number", "missing"),
    [
        ("email", "", "", {"email"}),
        ("email", "a@example.com", "", set()),
        ("sms", "", "", {"number"}),
        ("sms", "", "+33639980004", set()),
        ("both", "", "", {"email", "number"}),
        ("both", "a@example.com", "", {"number"}),
    ],
)
def test_switched_on_requires_what_the_notification_needs(
    browser, shop, support, email, number, missing
):
    sent = {**FULL, "support": support, "email": email, "number": number}

    html = browser.post(url(shop), sent).content.decode()

    assert ("Enter the address that the alert goes to." in html) == ("email" in missing)
    assert ("Enter the number that the alert goes to." in html) == ("number" in missing)
    shop.refresh_from_db()
    assert shop.alert_enabled == (not missing)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("threshold", "", "Enter the threshold, or switch the alert off."),
        ("threshold", "0", "Enter credits from 1"),
        ("threshold", "0.99", "Enter credits from 1"),
        ("threshold", "1.005", "Enter credits from 1"),
        ("threshold", "many", "Enter credits from 1"),
        ("support", "pigeon", "Select a valid choice."),
        ("email", "nobody", "Enter one e-mail address"),
        ("email", "a@example.com\nBcc: b@example.com", "Enter one e-mail address"),
        ("number", "5", "Enter the number in international format"),
        ("number", "0639980004", "Enter the number in international format"),
        ("number", "call me", "Enter the number in international format"),
    ],
)
def test_says_what_is_accepted(browser, shop, field, value, says):
    html = browser.post(url(shop), {**FULL, field: value}).content.decode()

    assert says in html
    shop.refresh_from_db()
    assert not shop.alert_enabled


def test_a_threshold_already_reached_alerts_once(browser, shop):
    browser.post(url(shop), {**FULL, "threshold": "150"})
    browser.post(url(shop), {**FULL, "threshold": "150"})

    assert Alert.objects.count() == 1


def test_notices_that_nothing_changed(browser, shop):
    browser.post(url(shop), FULL)

    answer = browser.post(url(shop), {**FULL, "number": "0033639980004"}, follow=True)

    assert "Nothing was changed" in text_of(answer.content.decode())
