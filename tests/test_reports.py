"""Reports of the carrier: kept as they came, and the same end whatever their order."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import carriers, delivery, matching, recording, reports
from sms_accounts.models import (
    Attempt,
    Callback,
    DlrPost,
    DlrReport,
    Message,
    State,
)
from tests.factories import make_api_user, make_long_message, make_message
from tests.plans import plan_of
from tests.scripted_carrier import dlr, installed, post, reported, taken
from tests.traces import notes, states_told

pytestmark = pytest.mark.django_db

CALLBACK = "https://www.example.com/dlr"


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


def on_its_way(**given) -> Message:
    message = make_message(**given)
    delivery.deliver_due()
    message.refresh_from_db()
    return message


class TestReport:
    @pytest.mark.parametrize("name", ["reference", "carrier_message_id"])
    def test_finds_its_part_by_our_reference_or_the_carriers_id(self, carrier, name):
        message = on_its_way()
        attempt = message.attempts.get()

        post(dlr("delivered", **{name: getattr(attempt, name)}))
        assert reports.record_dlrs() == 1

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert DlrReport.objects.get().attempt == attempt

    def test_of_one_carrier_never_finds_the_part_of_another(self, carrier):
        message = on_its_way()
        attempt = message.attempts.get()
        Attempt.objects.update(carrier="another")

        post(
            dlr("delivered", reference=attempt.reference),
            dlr("delivered", carrier_message_id=attempt.carrier_message_id),
        )
        reports.record_dlrs()

        message.refresh_from_db()
        assert message.state == State.ENROUTE

    def test_before_the_answer_moves_the_message_at_once(self, carrier):
        message = make_message(user=make_api_user(callback=CALLBACK))
        [(_message, attempts)] = delivery._claim(carrier.name, 1)

        reported(message, "delivered")
        message.refresh_from_db()
        assert message.state == State.DELIVERED
        recording.record_answers(message.pk, [taken(attempts[0])])

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert message.attempts.get().carrier_message_id == "A1"
        assert states_told(message) == ["delivered"]

    def test_by_an_id_not_stored_yet_waits_for_it(self, carrier):
        message = make_message(user=make_api_user(callback=CALLBACK))
        [(_message, attempts)] = delivery._claim(carrier.name, 1)

        post(dlr("delivered", carrier_message_id="A1"))
        reports.record_dlrs()
        assert DlrReport.objects.get().attempt is None
        recording.record_answers(message.pk, [taken(attempts[0])])

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert DlrReport.objects.get().attempt == attempts[0]
        assert states_told(message) == ["delivered"]

    def test_stored_at_the_same_moment_as_its_id_is_found_by_the_next_run(self, carrier):
        """Neither transaction saw what the other was about to store."""
        message = on_its_way()
        post(dlr("delivered", carrier_message_id="A1"))
        reports.record_dlrs()
        Attempt.objects.update(carrier_message_id="A1")

        assert reports.record_dlrs() == 1

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert reports.record_dlrs() == 0

    def test_is_applied_by_the_next_run_where_its_reader_was_killed(self, carrier, monkeypatch):
        message = on_its_way()
        post(dlr("delivered", reference=message.attempts.get().reference))
        with monkeypatch.context() as killed:
            killed.setattr(reports, "_apply_all", _killed)
            with pytest.raises(KeyboardInterrupt):
                reports.record_dlrs()
        assert DlrPost.objects.get().read_at

        assert reports.record_dlrs() == 1

        message.refresh_from_db()
        assert message.state == State.DELIVERED

    def test_is_told_of_once_it_is_applied(self, carrier):
        message = on_its_way()
        states: list[str] = []

        def told():
            states.append(Message.objects.get(pk=message.pk).state)

        reports.record_dlrs(on_recorded=told)
        assert states == []
        post(dlr("delivered", reference=message.attempts.get().reference))
        reports.record_dlrs(on_recorded=told)

        assert states == [State.DELIVERED]

    def test_repeated_changes_nothing(self, carrier):
        message = on_its_way(user=make_api_user(callback=CALLBACK))

        for _ in range(3):
            reported(message, "delivered")

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert states_told(message) == ["enroute", "delivered"]
        assert notes(message) == []
        assert DlrReport.objects.count() == 3

    @pytest.mark.parametrize("ptt", [1, 3])
    def test_out_of_order_is_kept_as_a_note(self, carrier, ptt):
        message = on_its_way(user=make_api_user(callback=CALLBACK))
        reported(message, "delivered")

        reported(message, "enroute", code="ENROUTE err:001", ptt=ptt)

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.DELIVERED, 4)
        assert notes(message) == ["Report came too late: ENROUTE err:001"]
        assert states_told(message) == ["enroute", "delivered"]

    @pytest.mark.parametrize(
        ("first", "second"), [("delivered", "expired"), ("expired", "delivered")]
    )
    def test_that_contradicts_the_first_final_one_is_kept_as_a_note(self, carrier, first, second):
        message = on_its_way(user=make_api_user(callback=CALLBACK))
        reported(message, first)

        reported(message, second)

        message.refresh_from_db()
        assert message.state == first
        assert notes(message) == [f"Report came too late: {second} err:000"]
        assert states_told(message) == ["enroute", first]

    def test_on_a_part_that_was_never_sent_is_a_note_once_the_message_has_ended(self, carrier):
        carrier.steps.append(carriers.Rejected(code="REJECTD err:023", ptt=23))
        message = make_long_message(parts=2, user=make_api_user(callback=CALLBACK))
        delivery.deliver_due()

        reported(message, "delivered", part=2)

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert notes(message) == ["Report came too late: delivered err:000"]
        assert states_told(message) == ["rejected"]

    def test_of_trouble_that_is_being_retried_is_told(self, carrier):
        message = on_its_way(user=make_api_user(callback=CALLBACK))

        reported(message, "enroute", ptt=1, code="ENROUTE err:001")
        reported(message, "enroute", ptt=1, code="ENROUTE err:001")
        reported(message, "delivered")

        assert list(Callback.objects.order_by("id").values_list("state", "ptt")) == [
            ("enroute", 3),
            ("enroute", 1),
            ("delivered", 4),
        ]

    def test_of_what_the_answer_has_said_is_kept_and_touches_nothing_else(self, carrier):
        message = on_its_way(user=make_api_user(callback=CALLBACK))
        attempt = message.attempts.get()

        post(dlr("enroute", reference=attempt.reference, ptt=3, code="ACCEPTD err:000"))
        with CaptureQueriesContext(connection) as asked:
            assert reports.record_dlrs() == 1

        report = DlrReport.objects.get()
        assert (report.attempt, report.code) == (attempt, "ACCEPTD err:000")
        assert states_told(message) == ["enroute"]
        changed = [query["sql"] for query in asked if query["sql"].startswith("UPDATE")]
        assert len(changed) == 1
        assert "sms_accounts_dlrpost" in changed[0]

    def test_after_trouble_tells_that_it_is_over(self, carrier):
        message = on_its_way(user=make_api_user(callback=CALLBACK))

        reported(message, "enroute", ptt=1)
        reported(message, "enroute", ptt=3)

        assert list(Callback.objects.order_by("id").values_list("ptt", flat=True)) == [3, 1, 3]

    def test_after_trouble_in_the_same_call_tells_that_it_is_over(self, carrier):
        message = on_its_way(user=make_api_user(callback=CALLBACK))
        reference = message.attempts.get().reference

        post(*(dlr("enroute", reference=reference, ptt=ptt) for ptt in (3, 1, 3)))
        reports.record_dlrs()

        assert list(Callback.objects.order_by("id").values_list("ptt", flat=True)) == [3, 1, 3]
        assert not DlrReport.objects.filter(attempt=None).exists()

    def test_on_a_part_without_an_id_of_the_carrier_is_known_of_it(self, carrier):
        """Its short reference finds those only of which no report is known."""
        message = on_its_way()
        Attempt.objects.update(carrier_message_id="")

        reported(message, "enroute", ptt=3)

        assert message.attempts.get().state == State.ENROUTE

    def test_of_one_call_are_told_in_their_order(self, carrier):
        users = [make_api_user(callback=CALLBACK) for _ in range(2)]
        messages = [make_message(user=user) for user in users]
        delivery.deliver_due()
        references = [message.attempts.get().reference for message in messages]

        for state, ptt in (("enroute", 1), ("enroute", 2), ("delivered", 4)):
            post(*(dlr(state, reference=each, ptt=ptt) for each in references))
        assert reports.record_dlrs() == 3

        for message in messages:
            told_of_it = Callback.objects.filter(message=message).order_by("sequence")
            assert list(told_of_it.values_list("sequence", "ptt")) == [
                (1, 3),
                (2, 1),
                (3, 2),
                (4, 4),
            ]

    def test_keeps_the_code_of_the_carrier(self, carrier):
        message = on_its_way()

        reported(message, "undeliverable", ptt=23, code="UNDELIV err:023")

        message.refresh_from_db()
        assert (message.ptt, message.carrier_code) == (23, "UNDELIV err:023")
        assert message.attempts.get().code == "UNDELIV err:023"

    def test_of_a_message_nobody_knows_is_kept(self, carrier):
        post(dlr("delivered", reference="never seen", carrier_message_id="neither"))

        assert reports.record_dlrs() == 1

        report = DlrReport.objects.get()
        assert report.attempt is None
        assert (report.reference, report.carrier_message_id) == ("never seen", "neither")
        assert report.state == State.DELIVERED
        assert reports.record_dlrs() == 0

    def test_of_long_ago_does_not_come_back(self, carrier):
        """Carriers give their ids out again, in time."""
        post(dlr("expired", carrier_message_id="A1"))
        reports.record_dlrs()
        message = on_its_way()
        with time_machine.travel(timezone.now() + matching.LEFT_OVER + timedelta(hours=1)):
            Attempt.objects.update(carrier_message_id="A1")
            assert reports.record_dlrs() == 0

        message.refresh_from_db()
        assert message.state == State.ENROUTE


class TestQueries:
    def test_for_posts_to_read_use_their_index(self):
        unread = DlrPost.objects.filter(read_at=None).order_by("id")[:1]

        assert "dlr_posts_to_read" in plan_of(unread)

    def test_for_a_part_by_the_carriers_id_use_its_index(self):
        by_id = matching.attempts_by_id("scripted", [f"A{number}" for number in range(100)])

        assert "attempts_by_carrier_id" in plan_of(by_id)

    def test_for_parts_by_our_references_use_their_index(self):
        by_reference = Attempt.objects.filter(reference__in=[f"{each}" for each in range(100)])

        assert "reference" in plan_of(by_reference)

    def test_for_what_came_before_the_carriers_ids_use_their_index(self):
        early = reports.waiting_for("scripted", [f"A{number}" for number in range(100)])

        assert "dlr_reports_unmatched" in plan_of(early)

    def test_for_what_was_left_over_look_for_its_parts_by_index(self):
        assert "attempts_by_carrier_id" in plan_of(matching.left_over())


def _killed(*args):
    raise KeyboardInterrupt
