"""Messages without an answer that are handed over again at once, where that is safe."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import (
    carriers,
    delivery,
    handover,
    recording,
    unresolved,
)
from sms_accounts.models import Attempt, Message, State
from tests.factories import (
    make_long_message,
    make_message,
)
from tests.scripted_carrier import installed, reported
from tests.traces import notes, outcomes, purse, refunds, states_told
from tests.undecided import (
    BARRED,
    GIVE_BACK,
    HOLD,
    RESEND,
    SILENT,
    abandoned,
    make_sender,
    run,
)

pytestmark = pytest.mark.django_db

START = timezone.now()


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


class TestRepeats:
    @pytest.fixture(autouse=True)
    def safe(self, carrier):
        carrier.repeats_are_safe = True

    @pytest.mark.parametrize("policy", [HOLD, RESEND, GIVE_BACK])
    def test_need_no_policy_where_they_are_safe(self, carrier, clock, policy):
        user = make_sender(policy)
        carrier.steps.extend([SILENT] * 3)
        message = make_message(user=user)

        delivery.deliver_due()
        for wait in unresolved.REPEATS[:3]:
            run(clock, wait - timedelta(seconds=1))
            message.refresh_from_db()
            assert message.state == State.QUEUED
            run(clock, timedelta(seconds=1))

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert len(carrier.submits) == 4
        assert len({submit.reference for submit in carrier.submits}) == 1
        assert outcomes(message) == [(1, "taken")]
        assert states_told(message) == ["enroute"]
        assert [refunds(message), purse(user)] == [0, 9]

    def test_end_a_message_whose_worker_was_killed(self, carrier, clock):
        message = abandoned(make_sender(HOLD), clock, parts=3)
        references = list(message.attempts.order_by("part").values_list("reference", flat=True))

        delivery.deliver_due()
        run(clock, unresolved.REPEATS[0])

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert [submit.reference for submit in carrier.submits] == references
        queued = message.events.get(state=State.QUEUED)
        assert queued.cause == (
            "The program stopped while the carrier was spoken to; handed over again"
        )

    @pytest.mark.parametrize("outcome", [Attempt.Outcome.TRY_LATER, Attempt.Outcome.NOT_SENT])
    def test_keep_the_reference_although_a_slow_worker_sent_nothing(self, carrier, clock, outcome):
        """It says so when another one, which took it for gone, has handed the part over."""
        message = make_message(user=make_sender(HOLD))
        [(slow, attempts)] = delivery._claim(carrier.name, 1)
        clock.shift(delivery.CLAIM + timedelta(seconds=1))
        unresolved.note_abandoned()
        clock.shift(unresolved.REPEATS[0])
        [(other, again)] = delivery._claim(carrier.name, 1)
        for claim, part, became in (
            (slow, attempts[0], outcome),
            (other, again[0], Attempt.Outcome.UNANSWERED),
        ):
            answered = handover.Answer(attempt=part, outcome=became, at=timezone.now())
            recording.record_answers(message.pk, [answered], claimed_until=claim.claimed_until)

        run(clock, unresolved.REPEATS[1])

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert [submit.reference for submit in carrier.submits] == [attempts[0].reference]
        assert outcomes(message) == [(1, "taken")]

    def test_end_a_message_that_another_part_has_failed(self, carrier, clock):
        """The rest of it is not put on air for that."""
        carrier.steps.extend([SILENT, BARRED])
        message = make_long_message(parts=3, user=make_sender(HOLD))
        delivery.deliver_due()

        run(clock, unresolved.REPEATS[0])
        reported(message, "delivered", part=1)

        message.refresh_from_db()
        assert carrier.parts == [1, 2, 1]
        assert (message.state, message.ptt) == (State.UNDELIVERABLE, 23)

    def test_end_with_the_policy_after_the_last_of_them(self, carrier, clock):
        user = make_sender(HOLD)
        carrier.steps.extend([SILENT] * (len(unresolved.REPEATS) + 1))
        message = make_message(user=user)

        delivery.deliver_due()
        for wait in unresolved.REPEATS:
            run(clock, wait)
        run(clock, timedelta(days=1))

        assert len(carrier.submits) == len(unresolved.REPEATS) + 1
        assert Message.objects.held().get() == message
        assert notes(message) == ["The carrier did not answer; its report will tell"]

    def test_are_refused_and_paid_back_where_the_carrier_refuses_them(self, carrier, clock):
        user = make_sender(HOLD)
        carrier.steps.extend([SILENT, BARRED])
        message = make_message(user=user)

        delivery.deliver_due()
        run(clock, unresolved.REPEATS[0])

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert [refunds(message), purse(user)] == [1, 10]

    def test_are_parked_when_the_program_stumbles_over_them_again_and_again(self, carrier, clock):
        carrier.steps.extend([ValueError("a fault of ours")] * 9)
        message = make_message(user=make_sender(HOLD))

        delivery.deliver_due()
        for _ in range(6):
            run(clock)

        message.refresh_from_db()
        assert len(carrier.submits) == unresolved.MOST_FAULTS
        assert message.parked_at

    def test_are_not_made_at_a_carrier_that_is_gone(self, carrier, clock, monkeypatch):
        message = abandoned(make_sender(HOLD), clock)
        Message.objects.update(carrier="gone")

        def get(name):
            if name == "gone":
                raise carriers.UnknownCarrier(name)
            return carrier

        monkeypatch.setattr(carriers, "get", get)
        delivery.deliver_due()

        assert Message.objects.held().get() == message


@pytest.mark.parametrize("waits", [recording.WAITS, unresolved.REPEATS])
def test_a_carrier_away_for_two_minutes_keeps_nobody_waiting_for_longer_than_one_more(waits):
    away = timedelta()
    for wait in waits:
        if away > timedelta(minutes=2):
            break
        assert wait <= timedelta(minutes=1)
        away += wait
