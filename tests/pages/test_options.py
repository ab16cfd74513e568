"""The options of an account: the alert on its own credits, and the reserve."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_network

import pytest
from django.urls import reverse
from django.utils import timezone

from sms_accounts import accounts, submission
from sms_accounts.models import Account, Activity, Alert, Membership, Message, Sender
from tests.factories import make_account, make_api_user, make_member, make_message, make_order
from tests.http2sms_calls import ask
from tests.pages.checks import text_of
from tests.pages.conftest import signed_in
from tests.receiver import Receiver

FULL = {
    "enabled": "on",
    "threshold": "100",
    "support": "both",
    "email": "ops@example.com",
    "number": "+33 6 39 98 00 04",
}
PLACE = {
    "description": "Town hall",
    "time_zone": "Europe/Paris",
    "language": "fr",
    "home_country": "FR",
}


def url(page, account) -> str:
    return reverse(page, args=[account.name])


def said(answer) -> str:
    return text_of(answer.content.decode())


class TestOptions:
    def test_say_how_it_stands(self, browser, account):
        page = said(browser.get(url("options", account)))
        assert "Off. Switched on, somebody hears" in page
        assert "None. With a reserve" in page

        browser.post(url("account-limit", account), FULL)
        browser.post(url("account-reserve", account), {"reserve": "5"})

        page = said(browser.get(url("options", account)))
        assert "At 100.00 credits or below, told by: Email and SMS." in page
        assert "5.00 credits pay alert SMS and nothing else." in page
        assert "Credits left 195.00 For alerts only 5.00" in page

    def test_are_read_only_for_viewers(self, account):
        viewer = signed_in(make_member(account, Membership.Role.VIEWER))

        page = viewer.get(url("options", account))

        assert page.status_code == 200
        assert b"options/limit/" not in page.content
        assert b"options/place/" not in page.content
        assert b"data-dialog" not in page.content

    def test_ask_no_more_of_the_database_for_all_that_is_set(
        self, browser, account, django_assert_max_num_queries
    ):
        accounts.change(account, {"default_sender": account.senders.get()}, by=None)
        accounts.set_callback(account, "https://example.com/?key=1", by=None)

        with django_assert_max_num_queries(12):
            browser.get(url("options", account))


class TestPlace:
    def test_is_saved_recorded_and_shown(self, browser, account, alice, time_machine):
        time_machine.move_to(datetime(2026, 8, 1, 10, 30, tzinfo=UTC))
        answer = browser.post(url("account-place", account), PLACE, follow=True)

        assert "The options of the account are saved." in said(answer)
        assert (
            "Display name Town hall Time zone Europe/Paris, where it is 12:30 "
            "Language of alerts French Home country France"
        ) in said(answer)
        change = Activity.objects.latest("pk")
        assert (change.action, change.by) == ("account changed", alice)
        assert change.after == PLACE
        assert change.before == {
            "description": "",
            "time_zone": "UTC",
            "language": "en",
            "home_country": "",
        }

    def test_reads_national_numbers_and_moments_by_it(self, browser, account, client):
        browser.post(url("account-place", account), PLACE)
        user = make_api_user(account=account)

        assert ask(client, user, to="0639980004", deferred="120001082030")[0] == 100

        message = Message.objects.select_related("submission").get()
        assert message.msisdn == "33639980004"
        assert message.submission.scheduled_at == datetime(2030, 8, 1, 10, 0, tzinfo=UTC)

    def test_notices_that_nothing_changed(self, browser, account):
        browser.post(url("account-place", account), PLACE)
        before = Activity.objects.count()

        answer = browser.post(url("account-place", account), PLACE, follow=True)

        assert "Nothing was changed" in said(answer)
        assert Activity.objects.count() == before

    def test_says_what_is_accepted(self, browser, account):
        wrong = {
            "description": ("x" * 101, "Enter at most 100 characters."),
            "time_zone": ("Paris", "There is no time zone “Paris”"),
            "language": ("de", "Choose a language of the list."),
            "home_country": ("XX", "Choose a country of the list."),
        }

        answer = browser.post(
            url("account-place", account), {field: typed for field, (typed, _says) in wrong.items()}
        )

        for field, (_typed, says) in wrong.items():
            assert says in said(answer)
            assert f'id="id_{field}_error"' in answer.content.decode()
        assert "x" * 101 in answer.content.decode()
        assert not Activity.objects.filter(action="account changed").exists()

    def test_keeps_a_zone_that_is_in_no_list_of_ours(self, browser, account):
        accounts.change(account, {"time_zone": "Etc/GMT+5"}, by=None)

        browser.post(url("account-place", account), {**PLACE, "time_zone": "Etc/GMT+5"})

        account.refresh_from_db()
        assert (account.time_zone, account.description) == ("Etc/GMT+5", "Town hall")

    def test_chooses_the_language_of_our_texts(self, browser, account):
        browser.post(url("account-place", account), PLACE)
        make_api_user(account=account, login="shop", quota=4, threshold=5)

        page = said(browser.get(url("alert-texts", account)))

        assert "Our own words are in French" in page
        assert "|USER| : |REMAINING| crédits SMS restants, alerte à |ALERTTHRESHOLD|" in page
        assert "shop : 4,00 crédits SMS restants, alerte à 5,00" in page
        assert "SMS credits left" not in page


class TestDefaultSender:
    def test_is_chosen_among_enabled_ones_and_can_be_none(self, browser, account):
        Sender.objects.create(account=account, name="Waiting")
        page = said(browser.get(url("account-default-sender", account)))
        assert "None: each call names its sender Example" in page
        assert "Waiting" not in page

        dialog = url("account-default-sender", account)
        chosen = browser.post(dialog, {"default_sender": "Example"}, follow=True)
        assert "Example, for calls of http2sms that name none." in said(chosen)
        assert Activity.objects.latest("pk").after == {"default_sender": "Example"}

        Sender.objects.filter(name="Example").update(status=Sender.Status.REFUSED)
        page = said(browser.get(url("options", account)))
        assert "Example is not enabled any more" in page

        emptied = browser.post(dialog, {"default_sender": ""}, follow=True)
        assert "None: a call of http2sms that names no sender is refused." in said(emptied)

    @pytest.mark.parametrize("typed", ["Waiting", "Bobs", "Nobody"])
    def test_is_nobody_else(self, browser, account, typed):
        Sender.objects.create(account=account, name="Waiting")
        make_account(sender="Bobs")

        answer = browser.post(url("account-default-sender", account), {"default_sender": typed})

        assert "Choose one of the account's enabled senders." in said(answer)
        account.refresh_from_db()
        assert account.default_sender is None


class TestUnknownOutcome:
    @pytest.mark.parametrize(
        ("chosen", "says"),
        [("resend", "Send it again: it arrives"), ("give_back", "Give back: it ends")],
    )
    def test_is_explained_saved_and_recorded(self, browser, account, chosen, says):
        dialog = url("account-unknown-outcome", account)
        assert "within 72 hours, it ends as unknown and stays paid" in said(browser.get(dialog))

        answer = browser.post(dialog, {"unknown_outcome": chosen}, follow=True)

        assert says in said(answer)
        change = Activity.objects.latest("pk")
        assert change.before == {"unknown_outcome": "hold"}
        assert change.after == {"unknown_outcome": chosen}

    @pytest.mark.parametrize("typed", ["", "guess"])
    def test_is_one_of_three(self, browser, account, typed):
        answer = browser.post(url("account-unknown-outcome", account), {"unknown_outcome": typed})

        assert "Choose one of the three." in said(answer)


class TestRetention:
    def sent(self, account, *, days_ago: int) -> None:
        message = make_message(user=make_api_user(account=account))
        at = timezone.now() - timedelta(days=days_ago)
        type(message.submission).objects.filter(pk=message.submission_id).update(created_at=at)

    def days(self) -> int | None:
        return Account.objects.get().retention_days

    def test_is_saved_at_once_where_it_removes_nothing(self, browser, account):
        self.sent(account, days_ago=29)

        dialog = url("account-retention", account)
        answer = browser.post(dialog, {"retention_days": "30"}, follow=True)

        assert "For 30 days after the end of a message" in said(answer)
        answer = browser.post(dialog, {"retention_days": ""}, follow=True)
        assert "How long texts and numbers are kept For ever." in said(answer)

    def test_asks_before_it_removes_anything(self, browser, account):
        for days_ago in (31, 40):
            self.sent(account, days_ago=days_ago)
        dialog = url("account-retention", account)
        assert "Remove for good" not in said(browser.get(dialog))

        asked = browser.post(dialog, {"retention_days": "30"})

        assert "Remove for good what is older than that" in said(asked)
        assert "Texts and numbers of 2 orders are older and go within minutes." in said(asked)
        assert self.days() is None

        browser.post(dialog, {"retention_days": "30", "confirmed": "on"})

        assert self.days() == 30
        assert Activity.objects.latest("pk").after == {"retention_days": 30}

    def test_of_longer_is_not_asked_about(self, browser, account):
        self.sent(account, days_ago=50)
        accounts.change(account, {"retention_days": 30}, by=None)

        browser.post(url("account-retention", account), {"retention_days": "40"})

        assert self.days() == 40

    @pytest.mark.parametrize("typed", ["0", "-1", "3651", "2.5", "many"])
    def test_says_what_is_accepted(self, browser, account, typed):
        answer = browser.post(url("account-retention", account), {"retention_days": typed})

        assert "Enter days from 1 to 3,650, or nothing." in said(answer)


class TestCallbackOfTheAccount:
    def test_is_saved_tested_signed_and_shown_without_its_query(self, browser, account, settings):
        settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]
        with Receiver() as receiver:
            typed = {"url": f"{receiver.url}?key=s3cret", "method": "post"}
            tried = browser.post(url("account-callback", account), {**typed, "test": "1"})
        assert "The receiver took the example." in said(tried)
        assert [request.method for request in receiver.requests] == ["POST"]
        account.refresh_from_db()
        assert account.callback_url == ""

        saved = browser.post(url("account-callback", account), typed, follow=True)

        assert "The callback of sms-ab12345-1 is saved." in said(saved)
        assert "by POST, values as JSON. Calls are not signed." in said(saved)
        assert "s3cret" not in said(saved)
        account.refresh_from_db()
        assert (account.callback_url, account.callback_method) == (typed["url"], "post")

    def test_calls_nobody_inside(self, browser, account):
        answer = browser.post(url("account-callback", account), {"url": "http://127.0.0.1/"})

        assert "The URL must lead to an address on the public internet." in said(answer)

    def test_has_a_secret_that_is_shown_once_renewed_and_ended(self, browser, account):
        accounts.set_callback(account, "https://example.com/", by=None)
        dialog = url("account-callback-secret", account)

        assert "whsec_" in said(browser.post(dialog))
        assert "whsec_" not in said(browser.get(dialog))
        assert "Calls are signed." in said(browser.get(url("options", account)))
        assert "The former secret goes on signing" in said(browser.post(dialog))

        ended = browser.post(dialog, {"end": "1"}, follow=True)

        assert "The callbacks of sms-ab12345-1 are signed no longer." in said(ended)
        assert "Calls are not signed." in said(ended)


class TestAlertOfTheAccount:
    def test_is_stored_and_goes_out_at_the_crossing(self, browser, account):
        answer = browser.post(url("account-limit", account), FULL, follow=True)
        assert "sms-ab12345-1 alerts at 100.00 credits or below." in said(answer)

        user = make_api_user(account=account)
        receivers = [f"336399800{number:02}" for number in range(20)]
        for _ in range(2):
            submission.submit(make_order(user, text="x" * 450, receivers=receivers))

        alert = Alert.objects.get()
        assert (alert.account, alert.api_user) == (account, None)
        assert {each.channel for each in alert.notifications.all()} == {"email", "sms"}

    def test_takes_figures_but_no_percent(self, browser, account):
        refused = browser.post(url("account-limit", account), {**FULL, "levels": "50%"})
        assert "Enter credits such as 50, 12.50." in said(refused)

        browser.post(url("account-limit", account), {**FULL, "levels": "50; 12.5, 50"})

        assert Account.objects.get().alert_levels == ["50.00", "12.50"]

    def test_says_what_the_account_can_spend(self, browser, account):
        accounts.set_reserve(account, Decimal(50), by=None)

        page = said(browser.get(url("account-limit", account)))

        assert "The account can still spend 150.00 now." in page


class TestReserve:
    def test_is_stored_and_named(self, browser, account):
        answer = browser.post(url("account-reserve", account), {"reserve": "5.50"}, follow=True)
        assert "5.50 credits are held for alerts now." in said(answer)

        answer = browser.post(url("account-reserve", account), {"reserve": "0"}, follow=True)
        assert "No credits are held for alerts now." in said(answer)

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ("", "Enter the credits to hold back, or 0."),
            ("-1", "Enter credits from 0"),
            ("1.001", "Enter credits from 0"),
            ("many", "Enter credits from 0"),
        ],
    )
    def test_says_what_is_accepted(self, browser, account, typed, says):
        assert says in said(browser.post(url("account-reserve", account), {"reserve": typed}))

    def test_lowers_what_a_quota_can_be(self, browser, account):
        user = make_api_user(account=account)
        browser.post(url("account-reserve", account), {"reserve": "20"})

        page = said(browser.get(reverse("api-user-quota", args=[account.name, user.pk])))

        assert "At most 180.00" in page

    def test_lowers_what_the_list_of_accounts_says(self, browser, account, alice):
        make_account(owner=alice, name="sms-ab12345-2", credits=7)
        browser.post(url("account-reserve", account), {"reserve": "500"})

        page = said(browser.get(reverse("accounts")))

        assert "7.00" in page
        assert "200.00" not in page
