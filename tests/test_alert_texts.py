"""The words of alerts: variables, default texts, what a mail and an SMS say."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from sms_accounts import accounts, alert_texts, gsm
from sms_accounts.models import Alert, AlertTexts, DaySpent, Notification
from tests.alerted import make_alerted
from tests.factories import make_account, make_api_user

AT = datetime(2026, 3, 1, 23, 30, tzinfo=ZoneInfo("UTC"))
VALUES = alert_texts.Values(
    user="script1",
    remaining="4.00",
    threshold="5.00",
    credits_left="190.00",
    account="sms-ab12345-1",
    date="2026-03-02 00:30",
)
OWN = AlertTexts(
    email_customised=True,
    email_from="watch@example.com",
    email_subject="|USER| low",
    email_body="|REMAINING| of |CREDITSLEFT|",
    sms_customised=True,
    sms_text="|USER| at |ALERTTHRESHOLD|",
)


def an_alert(subject=None, **given) -> Alert:
    subject = subject or make_api_user(
        account=make_account(credits=194, name="sms-ab12345-1", time_zone="Europe/Paris"),
        login="script1",
        quota=4,
    )
    figures = {"threshold": Decimal(5), "balance": Decimal(4), "at": AT}
    return Alert.about(subject, **{**figures, **given})


class TestVariables:
    @pytest.mark.parametrize(
        "text", [alert_texts.DEFAULT_SUBJECT, alert_texts.DEFAULT_BODY, alert_texts.DEFAULT_SMS]
    )
    def test_of_our_texts_are_all_known(self, text):
        assert alert_texts.unknown_variables(str(text)) == []
        rendered = alert_texts.render(str(text), VALUES)
        assert "|" not in rendered
        assert "script1" in rendered
        assert "4.00" in rendered

    def test_are_six(self):
        text = "|USER|/|REMAINING|/|ALERTTHRESHOLD|/|CREDITSLEFT|/|ACCOUNT|/|DATE|"

        rendered = alert_texts.render(text, VALUES)

        assert rendered == "script1/4.00/5.00/190.00/sms-ab12345-1/2026-03-02 00:30"
        assert set(alert_texts.VARIABLES) == set(text.split("/"))

    def test_that_are_none_are_named_and_left_as_they_are(self):
        text = "|USER| |Remaining| |FOO_BAR| a|b|c d|"

        assert alert_texts.unknown_variables(text) == ["|Remaining|", "|FOO_BAR|", "|b|"]
        assert alert_texts.render(text, VALUES) == "script1 |Remaining| |FOO_BAR| a|b|c d|"

    @pytest.mark.parametrize("tricky", ["|REMAINING|", r"\1\g<0>", "{{ 7|add:7 }}", "%(user)s"])
    def test_are_filled_in_once_and_as_they_are(self, tricky):
        values = alert_texts.Values(user=tricky, remaining="|USER|", threshold="", credits_left="")

        assert alert_texts.render("|USER| |REMAINING|", values) == f"{tricky} |USER|"


@pytest.mark.django_db
class TestValues:
    def test_are_those_of_the_crossing_and_of_the_account_today(self):
        assert alert_texts.values_of(an_alert()) == VALUES

    def test_of_what_is_left_in_the_account_leave_the_reserve_out(self):
        alert = an_alert()
        accounts.set_reserve(alert.account, Decimal(7), by=None)
        alert.account.wallet.refresh_from_db()

        assert alert_texts.values_of(alert).credits_left == "183.00"


@pytest.mark.django_db
class TestMail:
    def test_has_our_words_where_the_holders_are_switched_off(self, settings):
        texts = AlertTexts(email_subject="mine", email_body="mine", sms_text="mine")
        alert = an_alert()

        mail = alert_texts.email_of(texts, alert)

        assert mail.sender == settings.DEFAULT_FROM_EMAIL
        assert mail.subject == "script1: 4.00 SMS credits left"
        assert "You asked to be told at 5.00 or below." in mail.body
        assert "The account sms-ab12345-1 itself has 190.00 credits left." in mail.body
        assert "mine" not in mail.subject + mail.body + alert_texts.sms_of(texts, alert)

    def test_has_the_holders_words_where_they_are_switched_on(self):
        alert = an_alert()

        mail = alert_texts.email_of(OWN, alert)

        assert (mail.sender, mail.subject) == ("watch@example.com", "script1 low")
        assert mail.body.startswith("4.00 of 190.00\n\n")
        assert alert_texts.sms_of(OWN, alert) == "script1 at 5.00"

    def test_leads_to_the_log_of_alerts_in_both_parts(self, settings):
        mail = alert_texts.email_of(AlertTexts(), an_alert())

        url = f"{settings.PANEL_URL}/sms/sms-ab12345-1/alerts/log/"
        assert mail.body.endswith(f"All alerts: {url}\n")
        assert f'href="{url}"' in mail.html

    def test_has_the_same_words_in_both_parts(self):
        mail = alert_texts.email_of(OWN, an_alert())

        assert "<p>4.00 of 190.00</p>" in mail.html
        assert "script1 low" in mail.html

    def test_takes_no_word_for_html_and_no_value_for_a_template(self):
        texts = AlertTexts(
            email_customised=True,
            email_from="a@example.com",
            email_subject="<b>|USER|",
            email_body="<script>x</script> {{ mail }} {% now 'Y' %} |USER|",
        )
        subject = make_api_user()
        subject.login = '"><img src=x>'
        alert = an_alert(subject)

        mail = alert_texts.email_of(texts, alert)

        assert "<script" not in mail.html
        assert "<img" not in mail.html
        assert "<b>" not in mail.html
        assert "{{ mail }} {% now 'Y' %}" in mail.body

    def test_of_an_account_speaks_of_the_account(self):
        account = make_account(credits=4, name="sms-ab12345-1")
        alert = an_alert(account)

        mail = alert_texts.email_of(AlertTexts(), alert)

        assert mail.subject == "sms-ab12345-1: 4.00 SMS credits left"
        assert "the account sms-ab12345-1 has 4.00 SMS credits left" in mail.body
        assert "API user" not in mail.body

    def test_says_how_long_the_credits_last_and_what_that_is_told_from(self, time_machine):
        alert = an_alert()
        time_machine.move_to(datetime(2026, 3, 3, 0, 0, tzinfo=ZoneInfo("UTC")))
        for ago in (1, 2):
            DaySpent.objects.create(
                wallet_id=alert.subject.wallet_id,
                day=AT.date() - timedelta(days=ago - 2),
                credits=Decimal(2),
            )

        body = alert_texts.email_of(AlertTexts(), alert).body

        assert "At the pace of the last 2 days (4.00 credits), they last about 2 days." in body

    def test_says_nothing_of_a_pace_that_nobody_knows(self):
        assert "pace" not in alert_texts.email_of(AlertTexts(), an_alert()).body

    def test_instead_of_an_sms_says_why(self):
        mail = alert_texts.email_of(
            AlertTexts(), an_alert(), instead_of_sms=Notification.Hindrance.REFUSED
        )

        why = "This comes by email: This SMS could not be sent."
        assert f"\n\n{why}\n\n" in mail.body
        assert f"<p>{why}</p>" in mail.html


@pytest.mark.django_db
class TestKinds:
    def test_test_is_marked_in_all_that_it_says(self):
        alert = an_alert(kind=Alert.Kind.TEST)

        mail = alert_texts.email_of(OWN, alert)

        assert mail.subject == "Test: script1 low"
        assert "This is a test" in mail.body
        assert "This is a test" in mail.html
        assert alert_texts.sms_of(OWN, alert) == "Test: script1 at 5.00"

    def test_reminder_says_that_it_is_one(self):
        alert = an_alert(kind=Alert.Kind.REMINDER)

        assert alert_texts.email_of(OWN, alert).subject == "Reminder: script1 low"
        assert alert_texts.sms_of(OWN, alert) == "Reminder: script1 at 5.00"

    def test_all_clear_never_says_that_credits_run_out(self):
        alert = an_alert(kind=Alert.Kind.ALL_CLEAR, balance=Decimal(50))

        mail = alert_texts.email_of(OWN, alert)

        assert mail.sender == "watch@example.com"
        assert mail.subject == "script1: 50.00 SMS credits again"
        assert "above 5.00" in mail.body
        assert alert_texts.sms_of(OWN, alert) == "script1: 50.00 SMS credits again, above 5.00"


@pytest.mark.django_db
def test_default_sms_is_one_part_for_a_login_of_forty_characters_and_millions_of_credits():
    alert = make_alerted(login="x" * 40)
    alert.balance = alert.threshold = Decimal("1000000.00")

    assert gsm.measure(alert_texts.sms_of(AlertTexts(), alert)).parts == 1
