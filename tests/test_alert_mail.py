"""Alerts against a mail server that refuses or is away, and several workers at once."""

import contextlib
from datetime import timedelta

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.utils import timezone

from sms_accounts import alerts
from sms_accounts.models import Notification, Submission
from tests.alerted import BOTH, EMAIL, SMS, credits_of, make_alerted, notifications, smtp_at
from tests.factories import make_alert
from tests.races import at_once
from tests.simulator_rig import unused_port

pytestmark = pytest.mark.django_db


class Recorder:
    """What the mail server says to each mail, and those it took."""

    def __init__(self):
        self.answer = "250 OK"
        self.answer_to_receiver = "250 OK"
        self.taken: list[str] = []
        self.seen: list[str] = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.answer_to_receiver.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_receiver

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.seen.append(envelope.content.decode())
        if self.answer.startswith("250"):
            self.taken.append(envelope.content.decode())
        return self.answer


@pytest.fixture
def smtp(settings):
    recorder = Recorder()
    port = unused_port()
    server = Controller(recorder, hostname="127.0.0.1", port=port)
    server.start()
    smtp_at(settings, port)
    yield recorder
    with contextlib.suppress(AssertionError):
        server.stop()


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
        [("250 OK", "451 Try again"), ("450 Busy", "250 OK"), ("550 Nobody", "250 OK")],
    )
    def test_that_refuses_is_asked_again_until_it_takes_the_same_mail(
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
        held = alerts._claim()
        assert held

        at_once(lambda: alerts._send_sms(held), lambda: alerts._send_sms(held))

        assert Submission.objects.count() == 1
        assert credits_of(alert.account.wallet_id) == 189
