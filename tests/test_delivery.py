"""Delivery: due messages, what the carrier answers, and what follows for each."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import delivery, recording
from sms_accounts.carriers import OutcomeUnknown, Rejected, TryLater
from sms_accounts.handover import Window
from sms_accounts.models import Attempt, Message, State
from tests.factories import make_account, make_api_user, make_long_message, make_message
from tests.plans import plan_of
from tests.scripted_carrier import id_of, installed, reported
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


class TestTaken:
    def test_is_on_its_way_with_ptt_3_and_the_carriers_id(self, carrier, user):
        carrier.steps.append("A1")
        message = make_message(user=user)

        assert delivery.deliver_due() == 1

        message.refresh_from_db()
        assert (message.state, message.ptt, message.carrier) == (State.ENROUTE, 3, "scripted")
        assert message.submitted_at
        assert message.claimed_until is None
        assert message.attempts.get().carrier_message_id == "A1"
        assert told(message) == [("enroute", 3)]
        assert purse(user) == 9

    def test_hands_over_what_was_stored(self, carrier, user):
        message = make_message(user=user, text="ça va ?", msisdn="0033639980008")

        delivery.deliver_due()

        [submit] = carrier.submits
        assert (submit.msisdn, submit.sender, submit.text) == ("33639980008", "Example", "ça va ?")
        assert (submit.coding, submit.part, submit.parts) == ("ucs2", 1, 1)
        assert submit.reference == message.attempts.get().reference

    def test_stands_in_the_database_before_the_carrier_hears_of_it(self, carrier, user):
        message = make_message(user=user)
        [(claimed, attempts)] = delivery._claim(carrier.name, 5)

        assert claimed == message
        assert not carrier.submits
        assert outcomes(message) == [(1, "unanswered")]
        assert attempts == list(message.attempts.all())

    def test_goes_out_with_as_many_as_were_asked_for(self, carrier, user):
        for _ in range(5):
            make_message(user=user)

        assert delivery.deliver_due(most=3) == 3

        assert len(carrier.submits) == 3

    def test_goes_out_with_more_than_one_window_holds(self, carrier):
        user = make_api_user()
        for _ in range(carrier.window * 2 + 1):
            make_message(user=user)

        assert delivery.deliver_due() == carrier.window * 2 + 1

        assert not Message.objects.exclude(state=State.ENROUTE).exists()

    @pytest.mark.parametrize(("repeats_are_safe", "begun"), [(False, delivery.GROUP), (True, 12)])
    def test_is_begun_with_so_many_others_as_the_carrier_may_safely_be_asked_for_again(
        self, carrier, user, monkeypatch, repeats_are_safe, begun
    ):
        """What is begun and not written when a worker dies may be on air, for all we know."""
        carrier.repeats_are_safe = repeats_are_safe
        for _ in range(12):
            make_message(user=make_api_user())
        seen = []

        def send(window, errands):
            seen.append(Attempt.objects.unanswered().count())
            sent(window, errands)

        sent = Window.send
        monkeypatch.setattr(Window, "send", send)

        delivery.deliver_due()

        assert seen[: 12 // begun] == list(range(begun, 13, begun))
        assert len(carrier.submits) == 12

    def test_is_not_due_before_its_time(self, carrier, user):
        message = make_message(user=user)
        Message.objects.update(due_at=timezone.now() + timedelta(hours=1))

        assert delivery.deliver_due() == 0
        with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
            assert delivery.deliver_due() == 1

        assert outcomes(message) == [(1, "taken")]

    def test_is_recorded_although_another_answer_could_not_be(self, carrier, user):
        carrier.steps.extend([lambda submit: ValueError("a fault of ours"), id_of])
        first, second = make_message(user=user), make_message(user=user)

        assert delivery.deliver_due() == 2

        assert sorted(
            Message.objects.filter(pk__in=[first.pk, second.pk]).values_list("state", flat=True)
        ) == ["enroute", "submitting"]


class TestRefused:
    def test_is_rejected_and_gives_the_credits_back_to_the_purse_that_paid(self, carrier, user):
        carrier.steps.append(BARRED)
        message = make_message(user=user)
        assert purse(user) == 9

        delivery.deliver_due()

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.REJECTED, 23)
        assert message.carrier_code == "REJECTD err:023"
        assert message.final_at
        assert message.submitted_at is None
        assert purse(user) == 10
        assert told(message) == [("rejected", 23)]

    def test_gives_back_once_although_a_report_follows(self, carrier, user):
        carrier.steps.append(BARRED)
        message = make_message(user=user)
        delivery.deliver_due()

        reported(message, "rejected", ptt=23)
        reported(message, "delivered")

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert refunds(message) == 1
        assert told(message) == [("rejected", 23)]


class TestTriedLater:
    def test_waits_its_time_and_goes_out_again_under_a_new_reference(self, carrier, user):
        carrier.steps.extend([BUSY, BUSY])
        message = make_message(user=user)
        start = timezone.now()

        with time_machine.travel(start, tick=False):
            delivery.deliver_due()
        message.refresh_from_db()
        assert (message.state, message.tries) == (State.QUEUED, 1)
        assert message.due_at == start + recording.WAITS[0]
        assert message.claimed_until is None
        with time_machine.travel(message.due_at - timedelta(seconds=1), tick=False):
            assert delivery.deliver_due() == 0
        with time_machine.travel(message.due_at, tick=False):
            delivery.deliver_due()
        second = message.due_at
        message.refresh_from_db()
        assert message.due_at == second + recording.WAITS[1]
        with time_machine.travel(message.due_at, tick=False):
            delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert outcomes(message) == [(1, "try_later"), (1, "try_later"), (1, "taken")]
        assert len({submit.reference for submit in carrier.submits}) == 3
        assert told(message) == [("enroute", 3)]
        assert purse(user) == 9

    def test_waits_at_least_as_long_as_the_carrier_asked(self, carrier, user):
        carrier.steps.append(TryLater("busy", wait=timedelta(minutes=7)))
        message = make_message(user=user)
        now = timezone.now()

        with time_machine.travel(now, tick=False):
            delivery.deliver_due()

        message.refresh_from_db()
        assert message.due_at == now + timedelta(minutes=7)

    def test_does_not_hand_over_again_the_parts_that_were_taken(self, carrier, user):
        carrier.steps.extend(["A1", BUSY])
        message = make_long_message(parts=3, user=user)

        delivery.deliver_due()
        assert outcomes(message) == [(1, "taken"), (2, "try_later"), (3, "not_sent")]
        Message.objects.update(due_at=timezone.now())
        delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert carrier.parts == [1, 2, 2, 3]

    def test_does_not_hand_over_again_a_part_whose_answer_never_came(self, carrier, user):
        carrier.steps.extend([SILENT, BUSY])
        message = make_long_message(parts=2, user=user)

        delivery.deliver_due()
        Message.objects.update(due_at=timezone.now())
        delivery.deliver_due()

        message.refresh_from_db()
        assert carrier.parts == [1, 2, 2]
        assert message.state == State.SUBMITTING
        reported(message, part=1)
        reported(message, part=2)
        message.refresh_from_db()
        assert message.state == State.DELIVERED

    def test_is_refused_and_paid_back_after_the_last_wait(self, carrier, user):
        carrier.steps.extend([BUSY] * (len(recording.WAITS) + 1))
        message = make_message(user=user)

        for tries in range(1, len(recording.WAITS) + 1):
            delivery.deliver_due()
            message.refresh_from_db()
            assert (message.state, message.tries) == (State.QUEUED, tries)
            Message.objects.update(due_at=timezone.now())
        assert purse(user) == 9
        delivery.deliver_due()

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.REJECTED, 20)
        assert message.carrier_code == "not taken in time"
        assert purse(user) == 10
        assert told(message) == [("rejected", 20)]

    def test_is_not_paid_back_after_the_last_wait_where_a_part_is_on_air(self, carrier, user):
        carrier.steps.extend(["A1", BUSY])
        message = make_long_message(parts=2, user=user)
        Message.objects.update(tries=len(recording.WAITS))

        delivery.deliver_due()
        reported(message, "delivered", part=1)

        message.refresh_from_db()
        assert message.state == State.UNDELIVERABLE
        assert refunds(message) == 0

    def test_is_taken_all_the_same_where_a_report_says_so(self, carrier, user):
        """A carrier may say that it is busy, and put the part on air nevertheless."""
        carrier.steps.append(BUSY)
        message = make_message(user=user)
        delivery.deliver_due()

        reported(message, "enroute")
        Message.objects.update(due_at=timezone.now())
        delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert carrier.parts == [1]

    def test_is_not_delivered_while_a_part_is_still_here(self, carrier, user):
        carrier.steps.append(BUSY)
        message = make_long_message(parts=2, user=user)
        delivery.deliver_due()

        reported(message, "delivered", part=1)

        message.refresh_from_db()
        assert message.state == State.QUEUED
        Message.objects.update(due_at=timezone.now())
        delivery.deliver_due()
        reported(message, "delivered", part=2)
        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert carrier.parts == [1, 2]


class TestUnanswered:
    def test_stays_with_a_note_and_is_neither_sent_again_nor_paid_back(self, carrier, user):
        carrier.steps.append(SILENT)
        message = make_message(user=user)

        delivery.deliver_due()
        with time_machine.travel(timezone.now() + timedelta(days=30)):
            assert delivery.deliver_due() == 0

        message.refresh_from_db()
        assert message.state == State.SUBMITTING
        assert len(carrier.submits) == 1
        assert notes(message) == ["The carrier did not answer; its report will tell"]
        assert purse(user) == 9

    @pytest.mark.parametrize("state", ["enroute", "delivered", "expired", "unknown"])
    def test_is_resolved_by_a_report_on_our_reference(self, carrier, user, state):
        carrier.steps.append(SILENT)
        message = make_message(user=user)
        delivery.deliver_due()

        reported(message, state, carrier_message_id="A1")

        message.refresh_from_db()
        assert message.state == state
        attempt = message.attempts.get()
        assert (attempt.outcome, attempt.carrier_message_id) == ("taken", "A1")
        assert [state for state, _ptt in told(message)] == [state]

    def test_is_paid_back_where_the_report_says_that_it_was_refused(self, carrier, user):
        carrier.steps.append(SILENT)
        message = make_message(user=user)
        delivery.deliver_due()

        reported(message, "rejected")

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert purse(user) == 10


class TestDueMessages:
    def test_are_found_by_their_index(self):
        make_message()
        now = timezone.now()

        plan = plan_of(Message.objects.due_in(0, now).select_related("submission")[:64])

        # However many there are, only those that are taken are looked at.
        assert "messages_due" in plan
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan

    def test_that_were_abandoned_are_found_by_their_index(self):
        assert "messages_submitting" in plan_of(Message.objects.abandoned(timezone.now())[:500])
