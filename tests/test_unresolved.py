"""Messages whose hand-over went wrong: held, or handed over again."""

from contextlib import closing
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from sms_accounts import (
    carriers,
    delivery,
    handover,
    recording,
    settling,
    unresolved,
    validity,
)
from sms_accounts.models import Attempt, Message, State
from tests.factories import (
    make_long_message,
    make_message,
)
from tests.scripted_carrier import answer, installed, reported
from tests.simulator_rig import SimulatorRig
from tests.traces import notes, outcomes, purse, refunds, states_told, told
from tests.undecided import (
    BARRED,
    BUSY,
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


class TestHold:
    def test_keeps_a_message_without_answer_until_its_report(self, carrier, clock):
        carrier.steps.append(SILENT)
        message = make_message(user=make_sender(HOLD))

        delivery.deliver_due()
        run(clock, timedelta(days=2))

        message.refresh_from_db()
        assert message.state == State.SUBMITTING
        assert notes(message) == ["The carrier did not answer; its report will tell"]
        assert Message.objects.held().get() == message
        reported(message, "delivered")
        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert len(carrier.submits) == 1

    def test_is_resolved_by_an_answer_that_comes_late(self, carrier, clock):
        user = make_sender(HOLD)
        message = make_message(user=user)
        [(_message, attempts)] = delivery._claim(carrier.name, 1)
        run(clock, delivery.CLAIM + timedelta(seconds=1))
        assert len(notes(message)) == 1

        answer(message, attempts)

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert states_told(message) == ["enroute"]

    def test_ends_with_the_sweep(self, carrier, clock, settings):
        user = make_sender(HOLD)
        message = abandoned(user, clock)
        delivery.deliver_due()

        clock.shift(settings.VALIDITY)
        assert validity.end_overdue() == 1

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.UNKNOWN, 6)
        assert told(message) == [("unknown", 6)]
        assert message.submitted_at is None
        assert [refunds(message), purse(user)] == [0, 9]


class TestResend:
    def test_hands_the_part_over_again_under_its_reference_and_says_when(self, carrier, clock):
        carrier.steps.append(SILENT)
        message = make_message(user=make_sender(RESEND))

        delivery.deliver_due()
        at = timezone.now() + unresolved.WAIT
        assert notes(message) == [
            f"The carrier did not answer; handed over again at {at:%H:%M:%S} UTC unless its "
            "report comes before"
        ]
        run(clock, unresolved.WAIT - timedelta(seconds=1))
        assert len(carrier.submits) == 1
        run(clock, timedelta(seconds=1))

        message.refresh_from_db()
        assert (message.state, message.decide_at) == (State.ENROUTE, None)
        assert len(carrier.submits) == 2
        assert len({submit.reference for submit in carrier.submits}) == 1
        assert outcomes(message) == [(1, "taken")]
        assert told(message) == [("enroute", 3)]
        queued = message.events.get(state=State.QUEUED)
        assert queued.cause == "No answer: handed over again by the account's policy"

    def test_takes_a_new_reference_where_the_carrier_does_not_know_them(self, carrier, clock):
        carrier.knows_references = False
        carrier.steps.append(SILENT)
        message = make_message(user=make_sender(RESEND))

        delivery.deliver_due()
        run(clock)

        assert len({submit.reference for submit in carrier.submits}) == 2
        assert outcomes(message) == [(1, "no_answer"), (1, "taken")]

    @pytest.mark.parametrize("of_first", [True, False])
    def test_under_a_new_reference_is_delivered_when_either_attempt_is(
        self, carrier, clock, of_first
    ):
        carrier.knows_references = False
        carrier.steps.append(SILENT)
        message = make_message(user=make_sender(RESEND))
        delivery.deliver_due()
        run(clock)
        first, second = Attempt.objects.filter(message=message).order_by("id")
        which = {"delivered": first, "rejected": second}
        if not of_first:
            which = {"delivered": second, "rejected": first}

        for state in ("rejected", "delivered"):
            Attempt.objects.filter(pk=which[state].pk).update(outcome="taken", state=state)
        with transaction.atomic():
            settling.settle(settling.locked(message.pk), at=timezone.now())

        message.refresh_from_db()
        assert message.state == State.DELIVERED

    def test_of_a_killed_workers_message_hands_over_all_parts_that_nobody_answered(
        self, carrier, clock
    ):
        message = abandoned(make_sender(RESEND), clock, parts=3)
        references = set(Attempt.objects.values_list("reference", flat=True))
        delivery.deliver_due()
        reported(message, "enroute", part=2)

        run(clock)

        assert carrier.parts == [1, 3]
        assert {submit.reference for submit in carrier.submits} < references
        message.refresh_from_db()
        assert message.state == State.ENROUTE

    def test_keeps_the_reference_although_the_carrier_is_busy_in_between(self, carrier, clock):
        message = abandoned(make_sender(RESEND), clock, parts=2)
        delivery.deliver_due()
        carrier.steps.append(BUSY)

        run(clock)
        run(clock, timedelta(hours=1))

        assert carrier.parts == [1, 1, 2]
        assert Attempt.objects.filter(message=message).count() == 2
        message.refresh_from_db()
        assert message.state == State.ENROUTE

    def test_is_not_needed_where_a_report_came_in_time(self, carrier, clock):
        carrier.steps.append(SILENT)
        message = make_message(user=make_sender(RESEND))
        delivery.deliver_due()

        reported(message, "delivered")
        run(clock)

        message.refresh_from_db()
        assert (message.state, message.decide_at) == (State.DELIVERED, None)
        assert len(carrier.submits) == 1

    def test_leaves_out_a_part_whose_answer_came_after_it_was_queued_again(self, carrier, clock):
        """The worker was slow, not dead; its answer comes at the last moment."""
        message = make_message(user=make_sender(RESEND))
        [(_message, attempts)] = delivery._claim(carrier.name, 1)
        clock.shift(delivery.CLAIM + timedelta(seconds=1))
        unresolved.note_abandoned()
        clock.shift(unresolved.WAIT)
        unresolved.decide_due()

        answer(message, attempts)
        delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert carrier.submits == []

    def test_that_goes_on_elsewhere_is_not_disturbed_by_a_late_answer(self, carrier, clock):
        """A slow worker hears that the carrier is busy while another one hands it over again."""
        message = make_message(user=make_sender(RESEND))
        [(slow, attempts)] = delivery._claim(carrier.name, 1)
        clock.shift(delivery.CLAIM + timedelta(seconds=1))
        unresolved.note_abandoned()
        clock.shift(unresolved.WAIT)
        unresolved.decide_due()
        [(other, again)] = delivery._claim(carrier.name, 1)
        busy = handover.Answer(
            attempt=attempts[0], outcome=Attempt.Outcome.TRY_LATER, at=timezone.now()
        )

        recording.record_answers(message.pk, [busy], claimed_until=slow.claimed_until)

        message.refresh_from_db()
        assert (message.state, message.claimed_until) == (State.SUBMITTING, other.claimed_until)
        answer(message, again)
        message.refresh_from_db()
        assert message.state == State.ENROUTE

    def test_is_given_up_after_a_few_times_and_parked(self, carrier, clock):
        user = make_sender(RESEND)
        carrier.steps.extend([SILENT] * (len(unresolved.REPEATS) + 1))
        message = make_message(user=user)

        delivery.deliver_due()
        for _ in range(6):
            run(clock)

        message.refresh_from_db()
        assert len(carrier.submits) == unresolved.MOST_FAULTS
        assert message.state == State.SUBMITTING
        assert message.parked_at
        assert message.parked_because == "The carrier did not answer"
        assert notes(message)[-1].endswith("parked after 3 times, its report will tell")
        assert purse(user) == 9

    def test_is_left_where_another_part_has_failed(self, carrier, clock):
        carrier.steps.extend([SILENT, BARRED])
        message = make_long_message(parts=2, user=make_sender(RESEND))
        delivery.deliver_due()

        run(clock)

        assert carrier.parts == [1, 2]
        assert notes(message)[-1] == "Not handed over again: another part of it has failed"

    def test_counts_on_the_promise_of_the_simulated_carrier(self, monkeypatch, tmp_path):
        """It takes the message and hangs up; asked again, it answers and sends it once."""
        with closing(SimulatorRig(tmp_path)) as rig:
            monkeypatch.setattr(carriers, "get", lambda name: rig.carrier)
            message = make_message(user=make_sender(RESEND), msisdn=rig.numbers.unanswered)
            delivery.deliver_due()
            Message.objects.update(decide_at=timezone.now())

            delivery.deliver_due()

            message.refresh_from_db()
            assert message.state == State.ENROUTE
            [submit] = rig.log()["submits"]
            assert (submit["asked"], submit["repeated"]) == (2, 1)
            assert [dlr.state for dlr in rig.wait_for_dlrs(2)] == ["enroute", "delivered"]
