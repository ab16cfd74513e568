"""Messages that are given back or released, and what is so under every policy."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import delivery, recording, unresolved
from sms_accounts.models import Account, Activity, Message, State
from tests.factories import (
    make_account,
    make_long_message,
    make_message,
    make_user,
)
from tests.plans import plan_of
from tests.races import at_once
from tests.scripted_carrier import answer, id_of, installed, refused, reported
from tests.traces import notes, purse, refunds, states_told, told
from tests.undecided import (
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


class TestGiveBack:
    def test_ends_the_message_and_returns_its_credits(self, carrier, clock):
        user = make_sender(GIVE_BACK)
        carrier.steps.append(SILENT)
        message = make_message(user=user)

        delivery.deliver_due()
        assert "its credits go back at" in notes(message)[0]
        assert purse(user) == 9
        run(clock)

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.REJECTED, 6)
        assert told(message) == [("rejected", 6)]
        assert [refunds(message), purse(user)] == [1, 10]
        ended = message.events.get(state=State.REJECTED)
        assert ended.cause == "No answer: given back by the account's policy"

    @pytest.mark.parametrize("state", ["enroute", "delivered", "expired", "rejected"])
    def test_is_final_whatever_is_reported_later(self, carrier, clock, state):
        user = make_sender(GIVE_BACK)
        message = abandoned(user, clock, parts=2)
        delivery.deliver_due()
        run(clock)

        for part in (1, 2):
            reported(message, state, part=part)

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert states_told(message) == ["rejected"]
        assert [refunds(message), purse(user)] == [1, 10]
        assert notes(message)[1:] == [f"Report came too late: {state} err:000"] * 2

    @pytest.mark.parametrize("late", [answer, refused])
    def test_is_final_whatever_is_answered_later(self, carrier, clock, late):
        user = make_sender(GIVE_BACK)
        message = make_message(user=user)
        [(_message, attempts)] = delivery._claim(carrier.name, 1)
        run(clock, delivery.CLAIM + timedelta(seconds=1))
        run(clock)

        if late is answer:
            answer(message, attempts)
        else:
            recording.record_answers(message.pk, [refused(attempts[0])])

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.REJECTED, 6)
        assert notes(message)[-1] == "The carrier's answer came too late"
        assert message.attempts.get().state == State.UNKNOWN
        assert [refunds(message), purse(user)] == [1, 10]

    def test_returns_nothing_where_the_carrier_has_another_part(self, carrier, clock):
        user = make_sender(GIVE_BACK)
        carrier.steps.extend([id_of, SILENT])
        message = make_long_message(parts=2, user=user)
        delivery.deliver_due()

        run(clock)

        message.refresh_from_db()
        assert message.state == State.SUBMITTING
        assert notes(message)[-1] == "No credits back: the carrier has another part of it"
        assert refunds(message) == 0


class TestPolicy:
    def test_is_the_one_that_the_account_has_when_it_is_applied(self, carrier, clock):
        carrier.steps.append(SILENT)
        message = make_message(user=make_sender(RESEND))
        delivery.deliver_due()

        Account.objects.update(unknown_outcome=HOLD)
        run(clock)

        assert len(carrier.submits) == 1
        assert notes(message)[-1] == "The account's policy is to hold now; its report will tell"
        assert Message.objects.held().get() == message

    def test_of_a_new_account_is_to_hold(self):
        assert make_account().unknown_outcome == HOLD

    def test_is_applied_to_messages_found_by_their_index(self):
        assert "messages_to_decide" in plan_of(Message.objects.to_decide(timezone.now())[:500])


class TestClaim:
    def test_of_a_long_message_lasts_as_long_as_its_parts_may_take(self, carrier, settings):
        settings.MAX_PARTS = 20
        make_long_message(parts=20)

        [(message, _attempts)] = delivery._claim(carrier.name, 1)

        assert message.claimed_until
        assert message.claimed_until - timezone.now() > delivery.CLAIM * 4

    def test_that_is_about_to_end_is_made_anew_before_the_next_part_is_sent(self, carrier, clock):
        message = make_long_message(parts=2)

        def slow(submit):
            clock.shift(delivery.CLAIM - timedelta(seconds=10))
            return id_of(submit)

        carrier.steps.append(slow)
        assert delivery.deliver_due() == 2

        assert carrier.parts == [1, 2]
        queued = message.events.get(state=State.QUEUED)
        assert queued.cause == "Its other parts are still here"


class TestRelease:
    def test_hands_a_held_message_over_again_and_is_recorded(self, carrier, clock):
        alice = make_user("alice@example.com")
        carrier.steps.append(SILENT)
        message = make_message(user=make_sender(HOLD))
        delivery.deliver_due()

        assert unresolved.release([message.pk], by=alice) == 1
        delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert len({submit.reference for submit in carrier.submits}) == 1
        assert message.events.get(state="queued").cause == "Handed over again by alice@example.com"
        change = Activity.objects.latest("id")
        assert (change.action, change.by) == ("message released", alice)
        assert change.after == {"message": message.pk}

    def test_leaves_those_alone_that_are_neither_parked_nor_held(self, carrier, clock):
        user = make_sender(HOLD)
        due, claimed = make_message(user=user), make_message(user=user)
        delivery._claim(carrier.name, 1)
        Message.objects.filter(pk=claimed.pk).update(state="delivered")

        assert unresolved.release([due.pk, claimed.pk], by=make_user()) == 0

        assert not Activity.objects.filter(action="message released").exists()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_workers_give_back_once(self, carrier):
        user = make_sender(GIVE_BACK)
        carrier.steps.extend([SILENT] * 6)
        messages = [make_message(user=user) for _ in range(6)]
        delivery.deliver_due()
        Message.objects.update(decide_at=timezone.now())

        decided = at_once(*[unresolved.decide_due] * 3)

        assert sum(decided) == len(messages)
        assert purse(user) == 10
        assert all(states_told(message) == ["rejected"] for message in messages)

    def test_a_report_and_the_policy_agree(self, carrier):
        """Whichever comes first counts: delivered and paid, or given back with a note."""
        user = make_sender(GIVE_BACK)
        carrier.steps.extend([SILENT] * 8)
        messages = [make_message(user=user) for _ in range(8)]
        delivery.deliver_due()
        Message.objects.update(decide_at=timezone.now())

        def report_all():
            for message in reversed(messages):
                reported(message, "delivered")

        at_once(report_all, unresolved.decide_due)

        for message in messages:
            message.refresh_from_db()
            is_given_back = message.state == State.REJECTED
            assert message.state in (State.REJECTED, State.DELIVERED)
            assert refunds(message) == int(is_given_back)
            assert states_told(message) == [message.state]
            assert any("too late" in note for note in notes(message)) == is_given_back
