"""Alerts against a mail server that refuses or is away, and several workers at once."""

from datetime import timedelta
from email import message_from_string
from email.policy import default

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import alerts
from sms_accounts.models import Notification, Submission
from tests.alerted import BOTH, EMAIL, SMS, credits_of, make_alerted, notifications, smtp_at
from tests.factories import make_alert
from tests.mail_server import mail_server
from tests.races import at_once
from tests.simulator_rig import unused_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def smtp(settings):
    with mail_server() as server:
        smtp_at(settings, server.port)
        yield server


def message_id(content: str) -> str:
    [found] = [line for line in content.splitlines() if line.lower().startswith("message-id:")]
    return found


class TestMailServer:
    def test_gets_a_mail_that_says_who_and_what(self, smtp):
        make_alerted(EMAIL, email="bob@example.com")

        alerts.alert_due()

        [content] = smtp.taken
        assert "To: bob@example.com" in content
        assert "Subject: script1: 4.00 SMS credits left" in content

    @pytest.mark.parametrize(
        ("answer_to_receiver", "answer"),
        [("250 OK", "451 Try again"), ("450 Busy", "250 OK"), ("530 Sign in first", "250 OK")],
    )
    def test_that_puts_off_is_asked_again_until_it_takes_the_same_mail(
        self, smtp, answer_to_receiver, answer
    ):
        smtp.answer, smtp.answer_to_receiver = answer, answer_to_receiver
        alert = make_alerted(EMAIL)
        now = timezone.now()
        with time_machine.travel(now, tick=False):
            assert alerts.alert_due() == 1
            assert alerts.alert_due() == 0
        held = alert.notifications.get()
        assert (held.state, held.tries, held.claimed_until) == ("waiting", 1, None)
        assert held.due_at == now + alerts.WAITS[0]
        assert answer.split()[-1] in held.note or answer_to_receiver.split()[-1] in held.note

        smtp.answer = smtp.answer_to_receiver = "250 OK"
        with time_machine.travel(held.due_at):
            assert alerts.alert_due() == 1

        assert alert.notifications.get().state == "done"
        assert len(smtp.taken) == 1

    @pytest.mark.parametrize(
        ("what", "answer"),
        [
            ("answer_to_receiver", "550 5.1.1 Nobody here"),
            ("answer_to_sender", "553 5.7.1 Not from you"),
            ("answer", "554 5.6.0 Not like that"),
        ],
    )
    def test_that_refuses_for_good_is_not_asked_again_and_its_answer_is_kept(
        self, smtp, what, answer
    ):
        setattr(smtp, what, answer)
        alert = make_alerted(EMAIL)

        assert alerts.alert_due() == 1

        held = alert.notifications.get()
        assert (held.state, held.note) == ("given_up", f"Refused by the mail server: {answer}")
        with time_machine.travel(timezone.now() + timedelta(days=30)):
            assert alerts.alert_due() == 0

    def test_that_takes_a_mail_has_its_answer_kept(self, smtp):
        smtp.answer = "250 2.0.0 Queued as 4F2A"
        alert = make_alerted(EMAIL)

        alerts.alert_due()

        note = alert.notifications.get().note
        assert note == "Taken by the mail server: 250 2.0.0 Queued as 4F2A"

    def test_that_hangs_is_left_and_asked_again_later(self, smtp, settings):
        settings.EMAIL_TIMEOUT = 0.2
        smtp.hangs = True
        alert = make_alerted(EMAIL)

        alerts.alert_due()

        held = alert.notifications.get()
        assert (held.state, held.tries) == ("waiting", 1)
        assert "timed out" in held.note

    def test_that_hangs_lets_each_sms_wait_for_one_mail_at_most(self, smtp, settings):
        settings.EMAIL_TIMEOUT = 0.2
        smtp.hangs = True
        for number in range(3):
            make_alerted(EMAIL, owner=f"mail{number}@example.com")
        order = []
        attempt = alerts._attempt

        def attempted(notification):
            order.append(notification.channel)
            if len(order) == 1:
                make_alerted(SMS, owner="sms@example.com")
            attempt(notification)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(alerts, "_attempt", attempted)
            alerts.alert_due()

        assert order == ["email", "sms", "email", "email"]

    def test_gets_both_parts_and_headers_that_no_machine_answers(self, smtp):
        make_alerted(EMAIL, email="bob@example.com")

        alerts.alert_due()

        sent = message_from_string(smtp.taken[0], policy=default)
        assert sent["Auto-Submitted"] == "auto-generated"
        assert [part.get_content_type() for part in sent.iter_parts()] == [
            "text/plain",
            "text/html",
        ]
        assert all("4.00" in part.get_content() for part in sent.iter_parts())

    def test_sees_one_message_id_at_all_tries_of_one_mail(self, smtp):
        smtp.answer = "451 Try again"
        alert = make_alerted(EMAIL)
        for _ in range(3):
            alerts.alert_due()
            Notification.objects.update(due_at=timezone.now())
        make_alert(alert.api_user)
        alerts.alert_due()

        ids = [message_id(content) for content in smtp.seen]
        assert len(ids) == 5
        assert len(set(ids)) == 2

    def test_that_is_away_is_given_up_after_the_last_wait(self, settings):
        smtp_at(settings, unused_port())
        alert = make_alerted(EMAIL)
        now = timezone.now()

        for tries, pause in enumerate(alerts.WAITS, 1):
            with time_machine.travel(now, tick=False):
                alerts.alert_due()
            held = alert.notifications.get()
            assert (held.state, held.tries, held.due_at) == ("waiting", tries, now + pause)
            now = held.due_at
        with time_machine.travel(now, tick=False):
            alerts.alert_due()

        held = alert.notifications.get()
        assert held.state == "given_up"
        assert "refused" in held.note
        with time_machine.travel(now + timedelta(days=30)):
            assert alerts.alert_due() == 0


@pytest.mark.django_db(transaction=True)
class TestTwoWorkers:
    def test_send_exactly_one_of_each(self, smtp):
        made = [make_alerted(BOTH, owner=f"owner{number}@example.com") for number in range(4)]

        attempted = at_once(alerts.alert_due, alerts.alert_due, alerts.alert_due)

        assert sum(attempted) == 8
        assert len(smtp.taken) == 4
        assert Submission.objects.count() == 4
        for alert in made:
            assert {state for _channel, state, _address in notifications(alert)} == {"done"}
            assert credits_of(alert.account.wallet_id) == 189

    def test_of_whom_both_believe_to_hold_it_send_one_sms(self):
        alert = make_alerted(SMS)
        held = alerts._claim(Notification.Channel.SMS)
        assert held

        at_once(lambda: alerts._send_sms(held), lambda: alerts._send_sms(held))

        assert Submission.objects.count() == 1
        assert credits_of(alert.account.wallet_id) == 189
