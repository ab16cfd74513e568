"""Alerts: texts, and each notification by email and SMS, once."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from sms_accounts import accounts, alert_texts, alerts, delivery, submission
from sms_accounts.models import (
    ApiUser,
    LedgerEntry,
    Membership,
    Notification,
    Submission,
)
from tests.alerted import BOTH, EMAIL, SMS, credits_of, make_alerted, notifications, smtp_at
from tests.factories import (
    make_account,
    make_alert,
    make_api_user,
    make_order,
    make_user,
)
from tests.plans import plan_of
from tests.scripted_carrier import installed
from tests.simulator_rig import unused_port

pytestmark = pytest.mark.django_db


class TestEmail:
    def test_goes_to_the_users_address_with_the_values_of_the_crossing(self, settings):
        alert = make_alerted(EMAIL, email="bob@example.com")

        assert alerts.alert_due() == 1

        [sent] = mail.outbox
        assert sent.to == ["bob@example.com"]
        assert sent.from_email == settings.DEFAULT_FROM_EMAIL
        assert sent.subject == "script1: 4.00 SMS credits left"
        assert "You asked to be told at 5.00 or below" in sent.body
        assert "190.00 credits left" in sent.body
        assert sent.extra_headers["Auto-Submitted"] == "auto-generated"
        assert notifications(alert) == [("email", "done", "bob@example.com")]
        assert alert.notifications.get().note == "Taken as a mail"

    def test_goes_out_once(self):
        make_alerted(EMAIL)

        assert (alerts.alert_due(), alerts.alert_due()) == (1, 0)

        assert len(mail.outbox) == 1

    def test_has_one_line_of_subject_whatever_the_values_hold(self):
        alert = make_alerted(EMAIL)
        accounts.set_alert_texts(
            alert.account,
            {
                "email_customised": True,
                "email_from": "a@example.com",
                "email_subject": "|USER|",
                "email_body": "x",
            },
            by=None,
        )
        ApiUser.objects.update(login="bob\r\nBcc: eve@example.com\r\n\r\nHello")

        alerts.alert_due()

        [sent] = mail.outbox
        assert sent.subject == "bob Bcc: eve@example.com Hello"
        assert "Bcc" not in sent.message()
        assert sent.recipients() == ["alerts@example.com"]

    def test_with_an_address_that_is_no_header_is_never_sent(self):
        alert = make_alerted(EMAIL)
        Notification.objects.update(address="bob@example.com\nBcc: eve@example.com")

        alerts.alert_due()

        assert mail.outbox == []
        assert alert.notifications.get().state == "given_up"

    def test_that_stumbles_is_a_try_and_does_not_hold_up_the_next(self, monkeypatch):
        first = make_alerted(EMAIL, owner="alice@example.com")
        second = make_alerted(EMAIL, owner="carol@example.com")
        render = alert_texts.email_of

        def stumble(texts, alert, **named):
            if texts.account == first.account:
                raise RuntimeError
            return render(texts, alert, **named)

        monkeypatch.setattr(alert_texts, "email_of", stumble)
        assert alerts.alert_due() == 2

        assert second.notifications.get().state == "done"
        held = first.notifications.get()
        assert (held.state, held.tries) == ("waiting", 1)
        assert held.note == "The panel could not send this (RuntimeError)."


class TestSms:
    def test_is_an_ordinary_submission_paid_by_the_account_and_not_by_the_quota(
        self, monkeypatch, settings
    ):
        alert = make_alerted(SMS, msisdn="33639980004")
        user, account = alert.api_user, alert.account
        assert credits_of(account.wallet_id) == 190

        assert alerts.alert_due() == 1

        sent = Submission.objects.get()
        assert (sent.channel, sent.api_user, sent.account) == ("alert", None, account)
        assert sent.sender == settings.ALERT_SENDER
        assert sent.text == "script1: 4.00 SMS credits left, alert at 5.00"
        assert credits_of(account.wallet_id) == 189
        assert credits_of(user.quota_wallet_id) == 10
        assert LedgerEntry.objects.get(submission=sent).wallet_id == account.wallet_id
        message = sent.messages.get()
        note = alert.notifications.get()
        assert (note.state, note.submission, note.note) == ("done", sent, f"Message {message.pk}")
        assert mail.outbox == []
        carrier = installed(monkeypatch)
        delivery.deliver_due()
        assert [submit.msisdn for submit in carrier.submits] == ["33639980004"]

    def test_goes_out_once(self):
        make_alerted(SMS)

        assert (alerts.alert_due(), alerts.alert_due()) == (1, 0)

        assert Submission.objects.count() == 1

    def test_has_the_words_of_the_holder(self):
        alert = make_alerted(SMS)
        accounts.set_alert_texts(
            alert.account, {"sms_customised": True, "sms_text": "|USER| |CREDITSLEFT|"}, by=None
        )

        alerts.alert_due()

        assert Submission.objects.get().text == "script1 190.00"

    def test_never_alerts_the_user_it_speaks_of(self):
        """The user spends the account's credits, and paying the SMS crosses its threshold."""
        user = make_api_user(account=make_account(credits=10), threshold=9, support=SMS)
        other = make_api_user(account=user.account, threshold=9)
        make_alert(user, balance=9)

        alerts.alert_due()

        assert credits_of(user.account.wallet_id) == 9
        assert user.alerts.count() == 1
        assert other.alerts.count() == 1

    def test_that_the_account_cannot_pay_becomes_an_email(self):
        alert = make_alerted(SMS, credits=10, email="bob@example.com")
        assert credits_of(alert.account.wallet_id) == 0

        assert alerts.alert_due() == 2

        assert [sent.to for sent in mail.outbox] == [["bob@example.com"]]
        assert notifications(alert) == [
            ("sms", "given_up", "33639980004"),
            ("email", "done", "bob@example.com"),
        ]
        assert alert.notifications.get(channel="sms").note == (
            "The account's credits could not pay this SMS. The email goes to bob@example.com."
        )
        assert not Submission.objects.exists()

    def test_that_nobody_can_pay_goes_to_the_owner_where_no_address_was_given(self):
        alert = make_alerted(SMS, credits=10, email="", owner="alice@example.com")
        Membership.objects.create(
            account=alert.account, user=make_user("carol@example.com"), role=Membership.Role.MANAGER
        )

        alerts.alert_due()

        assert [sent.to for sent in mail.outbox] == [["alice@example.com"]]

    def test_that_cannot_be_sent_at_all_becomes_an_email(self):
        alert = make_alerted(SMS)
        Notification.objects.update(address="0000")

        alerts.alert_due()

        assert len(mail.outbox) == 1
        assert "could not be sent" in alert.notifications.get(channel="sms").note

    def test_killed_between_the_message_and_the_end_leaves_nothing(self, monkeypatch):
        alert = make_alerted(SMS)

        def killed(*args, **given):
            raise KeyboardInterrupt

        with monkeypatch.context() as killing:
            killing.setattr(alerts, "_end", killed)
            with pytest.raises(KeyboardInterrupt):
                alerts.alert_due()
        assert not Submission.objects.exists()
        assert credits_of(alert.account.wallet_id) == 190

        with time_machine.travel(timezone.now() + alerts.CLAIM + timedelta(seconds=1)):
            assert alerts.alert_due() == 1
        assert Submission.objects.count() == 1

    def test_of_a_late_worker_is_not_sent_again(self):
        make_alerted(SMS)
        late = alerts._claim(Notification.Channel.SMS)
        assert late
        with time_machine.travel(timezone.now() + alerts.CLAIM + timedelta(seconds=1)):
            alerts.alert_due()

        alerts._send_sms(late)

        assert Submission.objects.count() == 1


class TestBoth:
    def test_send_one_of_each(self):
        alert = make_alerted(BOTH, email="bob@example.com")

        assert (alerts.alert_due(), alerts.alert_due()) == (2, 0)

        assert len(mail.outbox) == 1
        assert Submission.objects.count() == 1
        assert notifications(alert) == [
            ("email", "done", "bob@example.com"),
            ("sms", "done", "33639980004"),
        ]

    def test_send_one_email_where_the_account_cannot_pay_the_sms(self):
        alert = make_alerted(BOTH, credits=10, email="bob@example.com")

        alerts.alert_due()

        assert len(mail.outbox) == 1
        assert {state for _channel, state, _address in notifications(alert)} == {"done", "given_up"}

    def test_send_the_sms_while_the_mail_server_is_away(self, settings):
        smtp_at(settings, unused_port())
        alert = make_alerted(BOTH)

        alerts.alert_due()

        assert [state for _channel, state, _address in notifications(alert)] == ["waiting", "done"]


class TestCrossing:
    def test_by_a_message_leads_to_one_alert_over_all(self):
        user = make_api_user(quota=6, threshold=5, support=BOTH)

        for _ in range(3):
            submission.submit(make_order(user))
            alerts.alert_due()

        assert len(mail.outbox) == 1
        assert mail.outbox[0].subject.endswith("5.00 SMS credits left")
        assert Submission.objects.filter(channel="alert").count() == 1


class TestDueNotifications:
    def test_are_found_by_their_index(self):
        due = Notification.objects.due(timezone.now())[:1]

        assert "notifications_due" in plan_of(due)
