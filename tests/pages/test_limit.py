"""When an API user's alert goes out, and to whom."""

from datetime import time, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from sms_accounts import alerts_by_hand
from sms_accounts.models import Alert, ApiUser, DaySpent, Level
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


class TestMore:
    MORE = {
        "levels": "50 %, 20%; 5 7.5",
        "reminder_days": "3",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "all_clear": "on",
    }

    def test_is_closed_and_off_at_first(self, browser, shop):
        html = browser.get(url(shop)).content.decode()

        assert "<details" in html
        assert '<details class="explanation" open' not in html
        shop.refresh_from_db()
        assert (shop.alert_levels, shop.alert_reminder_days) == ([], None)
        assert not shop.alert_all_clear

    def test_is_stored_and_then_stands_open(self, browser, shop):
        browser.post(url(shop), {**FULL, **self.MORE})

        shop.refresh_from_db()
        assert shop.alert_levels == ["50%", "20%", "5.00", "7.50"]
        assert shop.alert_reminder_days == 3
        assert (shop.alert_quiet_from, shop.alert_quiet_until) == (time(22), time(7))
        assert shop.alert_all_clear
        levels = Level.objects.of(shop).values_list("credits", flat=True)
        assert sorted(levels) == [5, Decimal("7.50"), 20, 30, 75]
        html = browser.get(url(shop)).content.decode()
        assert '<details class="explanation" open' in html
        assert 'value="22:00"' in html

    @pytest.mark.parametrize(
        ("field", "value", "says"),
        [
            ("levels", "100%", "Enter percent from 1% to 99%"),
            ("levels", "0%", "Enter percent from 1% to 99%"),
            ("levels", "half", "Enter percent from 1% to 99%"),
            ("levels", "-5", "Enter percent from 1% to 99%"),
            ("levels", "1.001", "Enter percent from 1% to 99%"),
            ("levels", "NaN", "Enter percent from 1% to 99%"),
            ("levels", "1, 2, 3, 4, 5, 6", "Enter at most 5 levels."),
            ("reminder_days", "0", "Enter days from 1 to 90"),
            ("reminder_days", "91", "Enter days from 1 to 90"),
            ("reminder_days", "x", "Enter days from 1 to 90"),
            ("quiet_from", "", "Enter both times of the quiet hours"),
            ("quiet_until", "", "Enter both times of the quiet hours"),
            ("quiet_from", "25:00", "Enter a time such as 22:00."),
        ],
    )
    def test_says_what_is_accepted(self, browser, shop, field, value, says):
        html = browser.post(url(shop), {**FULL, **self.MORE, field: value}).content.decode()

        assert says in html
        shop.refresh_from_db()
        assert not shop.alert_enabled


class TestTest:
    def test_goes_where_the_form_says_and_saves_nothing(self, browser, shop):
        answer = browser.post(url(shop), {**FULL, "enabled": "", "test": "1"})

        text = text_of(answer.content.decode())
        assert "A test is on its way to ops@example.com and +33639980004." in text
        alert = Alert.objects.get()
        assert alert.kind == "test"
        assert {each.address for each in alert.notifications.all()} == {
            "ops@example.com",
            "33639980004",
        }
        shop.refresh_from_db()
        assert shop.alert_threshold is None
        assert 'value="ops@example.com"' in answer.content.decode()

    def test_in_the_dialog_says_so_there(self, browser, shop):
        answer = browser.post_in_dialog(url(shop), {**FULL, "support": "email", "test": "1"})

        assert "A test is on its way to ops@example.com." in text_of(answer.content.decode())

    def test_needs_what_an_alert_needs(self, browser, shop):
        html = browser.post(url(shop), {"support": "both", "test": "1"}).content.decode()

        assert "Enter the address that the alert goes to." in html
        assert "Enter the number that the alert goes to." in html
        assert not Alert.objects.exists()

    def test_is_refused_when_there_were_many(self, browser, shop):
        for _ in range(alerts_by_hand.MOST):
            browser.post(url(shop), {**FULL, "test": "1"})

        html = browser.post(url(shop), {**FULL, "test": "1"}).content.decode()

        assert "try again later" in html
        assert Alert.objects.count() == alerts_by_hand.MOST


def test_says_how_long_the_credits_last(browser, shop):
    today = timezone.now().date()
    for ago in range(3):
        DaySpent.objects.create(
            wallet_id=shop.wallet_id, day=today - timedelta(days=ago), credits=Decimal(20)
        )

    text = text_of(browser.get(url(shop)).content.decode())

    assert "At the pace of the last 3 days (60.00 credits), that lasts about" in text
