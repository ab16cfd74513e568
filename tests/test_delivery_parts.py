"""Delivery: messages of several parts, workers that vanish, and several workers at once."""

import threading
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from sms_accounts import delivery, unresolved
from sms_accounts.carriers import OutcomeUnknown, Rejected, TryLater
from sms_accounts.models import Attempt, Message, State
from tests.factories import make_account, make_api_user, make_long_message, make_message
from tests.races import at_once
from tests.scripted_carrier import installed, reported
from tests.traces import notes, outcomes, purse, refunds, told

pytestmark = pytest.mark.django_db

BARRED = Rejected(code="REJECTD err:023", ptt=23)
BUSY = TryLater("busy")
SILENT = OutcomeUnknown("no answer")
CALLBACK = "https://www.example.com/dlr"


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def user():
    return make_api_user(account=make_account(credits=20), quota=10, callback=CALLBACK)


class TestAbandoned:
    def test_is_noted_after_the_claim_and_neither_sent_again_nor_paid_back(self, carrier, user):
        message = make_message(user=user)
        delivery._claim(carrier.name, 1)

        assert unresolved.note_abandoned() == 0
        with time_machine.travel(timezone.now() + delivery.CLAIM + timedelta(seconds=1)):
            assert delivery.deliver_due() == 0
            assert unresolved.note_abandoned() == 0

        message.refresh_from_db()
        assert message.state == State.SUBMITTING
        assert message.claimed_until is None
        assert not carrier.submits
        assert len(notes(message)) == 1
        assert "stopped" in notes(message)[0]
        assert purse(user) == 9

    def test_is_resolved_by_a_report(self, carrier, user):
        message = make_message(user=user)
        delivery._claim(carrier.name, 1)

        reported(message, "delivered")

        message.refresh_from_db()
        assert message.state == State.DELIVERED

    def test_hands_over_the_parts_that_were_never_begun_once_the_first_is_known(
        self, carrier, user
    ):
        message = make_long_message(parts=3, user=user)
        delivery._claim(carrier.name, 1)
        assert outcomes(message) == [(1, "unanswered"), (2, "not_sent"), (3, "not_sent")]
        reported(message, "delivered", part=1)

        with time_machine.travel(timezone.now() + delivery.CLAIM + timedelta(seconds=1)):
            assert delivery.deliver_due() == 1

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert carrier.parts == [2, 3]
        assert outcomes(message) == [(1, "taken"), (2, "taken"), (3, "taken")]

    def test_is_due_again_when_a_report_ends_the_doubt_about_its_first_part(self, carrier, user):
        message = make_long_message(parts=2, user=user)
        delivery._claim(carrier.name, 1)
        with time_machine.travel(timezone.now() + delivery.CLAIM + timedelta(seconds=1)):
            assert delivery.deliver_due() == 0
        assert len(notes(message)) == 1

        reported(message, "enroute", part=1)

        message.refresh_from_db()
        assert message.state == State.QUEUED
        assert delivery.deliver_due() == 1
        assert carrier.parts == [2]


class TestParts:
    def test_go_out_in_their_order_with_one_concatenation(self, carrier, user):
        message = make_long_message(parts=4, user=user)

        delivery.deliver_due()

        assert carrier.parts == [1, 2, 3, 4]
        assert {submit.concat_reference for submit in carrier.submits} == {message.pk % 256}
        assert "".join(submit.text for submit in carrier.submits) == message.submission.text
        assert len({submit.reference for submit in carrier.submits}) == 4

    def test_refused_after_one_was_taken_fail_without_credits_back(self, carrier, user):
        carrier.steps.extend(["A1", BARRED])
        message = make_long_message(parts=3, user=user)

        delivery.deliver_due()
        message.refresh_from_db()
        assert outcomes(message) == [(1, "taken"), (2, "rejected"), (3, "not_sent")]
        assert message.state == State.ENROUTE
        reported(message, "delivered", part=1)

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.UNDELIVERABLE, 23)
        assert refunds(message) == 0
        assert purse(user) == 7
        assert told(message) == [("enroute", 3), ("undeliverable", 23)]

    def test_all_refused_give_the_credits_of_all_back(self, carrier, user):
        carrier.steps.append(BARRED)
        message = make_long_message(parts=3, user=user)
        assert purse(user) == 7

        delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert carrier.parts == [1]
        assert purse(user) == 10

    def test_all_rejected_by_report_give_the_credits_of_all_back(self, carrier, user):
        message = make_long_message(parts=2, user=user)
        delivery.deliver_due()

        reported(message, "rejected", part=2)
        message.refresh_from_db()
        assert message.state == State.ENROUTE
        reported(message, "rejected", part=1)

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert purse(user) == 10

    def test_are_on_their_way_until_the_last_is_final(self, carrier, user):
        message = make_long_message(parts=3, user=user)
        delivery.deliver_due()

        for part, state in ((3, "delivered"), (1, "expired")):
            reported(message, state, part=part)
            message.refresh_from_db()
            assert message.state == State.ENROUTE
        reported(message, "delivered", part=2)

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.EXPIRED, 8)


@pytest.mark.django_db(transaction=True)
class TestTwoWorkers:
    def test_at_once_hand_over_each_message_once(self, carrier):
        user = make_api_user()
        messages = [make_message(user=user) for _ in range(40)]

        claimed = at_once(*[partial(delivery.deliver_all, carrier)] * 3)

        assert sum(claimed) == 40
        assert len(carrier.submits) == 40
        assert Attempt.objects.count() == 40
        assert Message.objects.filter(state=State.ENROUTE).count() == len(messages)

    def test_tell_of_answers_while_the_carrier_keeps_another_message_waiting(self, carrier):
        """Where much is under way there always is another one: news would wait for a lull."""
        is_told = threading.Event()
        carrier.steps.extend([lambda _submit: "A1" if is_told.wait(10) else SILENT, "A2"])
        messages = [make_message() for _ in range(2)]

        assert delivery.deliver_due(on_recorded=is_told.set) == 2

        for message in messages:
            message.refresh_from_db()
            assert message.state == State.ENROUTE

    def test_take_what_comes_while_the_carrier_keeps_another_message_waiting(self, carrier):
        first, second = threading.Event(), threading.Event()

        def keep_waiting(submit):
            first.set()
            return "A1" if second.wait(10) else SILENT

        def told(submit):
            second.set()
            return "A2"

        carrier.steps.extend([keep_waiting, told])
        make_message()

        def send_another():
            assert first.wait(10)
            make_message()
            return delivery.deliver_due()

        # The one at work takes it, also where both are threads of one process.
        assert sum(at_once(delivery.deliver_due, send_another)) == 2

        assert Message.objects.filter(state=State.ENROUTE).count() == 2

    def test_note_an_abandoned_message_once(self, carrier):
        message = make_message()
        delivery._claim(carrier.name, 1)

        with time_machine.travel(timezone.now() + delivery.CLAIM + timedelta(seconds=1)):
            noted = at_once(unresolved.note_abandoned, unresolved.note_abandoned)

        assert sum(noted) == 1
        assert len(notes(message)) == 1

    def test_store_the_attempt_of_a_part_right_before_it_is_written(self, carrier):
        message = make_long_message(parts=3)
        seen = []

        def look(submit):
            seen.append([outcome for _part, outcome in outcomes(message)])
            connection.close()
            return f"A{submit.part}"

        carrier.steps.extend([look] * 3)
        delivery.deliver_due()

        assert seen == [
            ["unanswered", "not_sent", "not_sent"],
            ["unanswered", "unanswered", "not_sent"],
            ["unanswered", "unanswered", "unanswered"],
        ]

    def test_speak_to_the_carrier_outside_of_any_transaction(self, carrier):
        """A carrier that reports before it answers finds the attempt stored."""
        message = make_message(user=make_api_user(account=make_account(credits=5)))
        seen = []

        def look(submit):
            seen.append(Attempt.objects.filter(reference=submit.reference).exists())
            connection.close()
            return "A1"

        carrier.steps.append(look)
        delivery.deliver_due()

        assert seen == [True]
        assert outcomes(message) == [(1, "taken")]
