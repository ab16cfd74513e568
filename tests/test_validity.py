"""The sweep: ends what the carrier never reports on, and never overwrites what it does."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from sms_accounts import delivery, failover, handover, lanes, reports, settling, validity
from sms_accounts.carriers import OutcomeUnknown
from sms_accounts.models import (
    Attempt,
    Callback,
    Heartbeat,
    Message,
    MessageEvent,
    SmppCarrier,
    State,
)
from tests.factories import (
    make_account,
    make_api_user,
    make_long_message,
    make_message,
    make_route,
    make_smpp_carrier,
)
from tests.heartbeats import hear
from tests.plans import plan_of
from tests.races import at_once, overlapping
from tests.scripted_carrier import dlr, id_of, installed, post, reported
from tests.traces import notes, purse, refunds, states_told, told

pytestmark = pytest.mark.django_db

CALLBACK = "https://www.example.com/dlr"
SILENT = OutcomeUnknown("no answer")
NOON = timezone.now()


@pytest.fixture(autouse=True)
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def clock(settings):
    settings.VALIDITY = timedelta(hours=72)
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def user():
    return make_api_user(account=make_account(credits=200), quota=100, callback=CALLBACK)


def on_its_way(user, *, parts: int = 1) -> Message:
    message = make_long_message(parts=parts, user=user)
    delivery.deliver_due()
    message.refresh_from_db()
    return message


class TestMessage:
    def test_without_a_final_report_ends_unknown_and_stays_paid(self, clock, user):
        message = on_its_way(user)
        clock.shift(timedelta(hours=72) - timedelta(seconds=1))
        assert validity.end_overdue() == 0
        clock.shift(timedelta(seconds=1))

        assert validity.end_overdue() == 1

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.UNKNOWN, 6)
        assert message.final_at == timezone.now()
        assert told(message) == [("enroute", 3), ("unknown", 6)]
        assert Callback.objects.get(state="unknown").due_at <= timezone.now()
        event = MessageEvent.objects.get(message=message, state=State.UNKNOWN)
        assert event.cause == "No final report within 72 hours"
        assert [refunds(message), purse(user)] == [0, 99]

    def test_ends_after_as_many_hours_as_are_set(self, clock, user, settings):
        settings.VALIDITY = timedelta(hours=1)
        on_its_way(user)
        clock.shift(timedelta(hours=1))

        assert validity.end_overdue() == 1

    def test_of_which_something_was_heard_meanwhile_goes_on(self, clock, user):
        message = on_its_way(user)
        clock.shift(timedelta(hours=71))
        reported(message, "enroute", ptt=1)
        clock.shift(timedelta(hours=71))

        assert validity.end_overdue() == 0

    @pytest.mark.parametrize(
        ("states", "expected"),
        [
            (("delivered", ""), ("unknown", 6)),
            (("", "delivered"), ("unknown", 6)),
            (("expired", ""), ("expired", 8)),
            (("rejected", ""), ("undeliverable", 20)),
        ],
    )
    def test_of_two_parts_ends_as_what_is_known_of_it(self, clock, user, states, expected):
        message = on_its_way(user, parts=2)
        for part, state in enumerate(states, 1):
            if state:
                reported(message, state, part=part)
        clock.shift(timedelta(hours=73))

        validity.end_overdue()

        message.refresh_from_db()
        assert (message.state, message.ptt) == expected
        assert refunds(message) == 0

    @pytest.mark.parametrize("state", ["delivered", "expired", "rejected", "enroute"])
    def test_keeps_what_is_reported_later_as_a_note(self, clock, user, state):
        message = on_its_way(user)
        clock.shift(timedelta(hours=72))
        validity.end_overdue()

        reported(message, state)

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.UNKNOWN, 6)
        assert states_told(message) == ["enroute", "unknown"]
        assert notes(message) == [f"Report came too late: {state} err:000"]
        assert refunds(message) == 0

    def test_that_a_worker_has_at_this_moment_is_left_to_it(self, clock, user):
        make_message(user=user)
        clock.shift(timedelta(hours=100))
        delivery._claim("scripted", 1)
        Message.objects.update(state_since=NOON)

        assert validity.end_overdue() == 0

    def test_that_is_queued_or_scheduled_is_none_of_its_business(self, clock, user):
        make_message(user=user)
        clock.shift(timedelta(hours=100))

        assert validity.end_overdue() == 0

    def test_parked_before_it_was_handed_over_is_refused_and_paid_back(
        self, clock, user, monkeypatch
    ):
        message = make_message(user=user)
        monkeypatch.setattr(handover, "_submit_of", lambda *given: 1 / 0)
        for _ in range(3):
            delivery.deliver_due()
            clock.shift(timedelta(minutes=5))
        message.refresh_from_db()
        assert message.parked_at
        clock.shift(timedelta(hours=72))

        assert validity.end_overdue() == 1

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.REJECTED, 20)
        assert [refunds(message), purse(user)] == [1, 100]
        assert told(message) == [("rejected", 20)]


class TestMessageWithoutACarrier:
    """It waits for carriers of its lane that are switched off, not bound, or gone."""

    @pytest.fixture(autouse=True)
    def acme(self, clock):
        acme = make_smpp_carrier(name="acme")
        SmppCarrier.objects.update(is_bound=True)
        make_route("acme")
        self.look()
        return acme

    def look(self):
        for known in SmppCarrier.objects.filter(is_enabled=True):
            Heartbeat.objects.filter(name=f"{known.name}@here").delete()
            hear(Heartbeat.Kind.SMPP, f"{known.name}@here")
        failover.watch()
        lanes.forget()

    def leave(self, **changes):
        SmppCarrier.objects.filter(name="acme").update(**changes)
        self.look()

    @pytest.mark.parametrize("away", [{"is_enabled": False}, {"is_bound": False}])
    def test_is_refused_and_paid_back_when_it_was_away_for_so_long(self, clock, user, away):
        message = make_message(user=user)
        self.leave(**away)
        clock.shift(timedelta(hours=72) - timedelta(seconds=1))
        assert validity.end_overdue() == 0
        clock.shift(timedelta(seconds=1))

        assert validity.end_overdue() == 1

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.REJECTED, 20)
        assert [refunds(message), purse(user)] == [1, 100]
        assert told(message) == [("rejected", 20)]
        event = MessageEvent.objects.get(message=message, state=State.REJECTED)
        assert event.cause == "No carrier to take it for 72 hours"

    def test_is_refused_and_paid_back_where_its_carrier_is_gone(self, clock, user):
        message = make_message(user=user)
        SmppCarrier.objects.all().delete()
        clock.shift(timedelta(hours=72))

        assert validity.end_overdue() == 1

        assert refunds(message) == 1

    @pytest.mark.parametrize("came_late", [True, False])
    def test_goes_on_where_message_or_carrier_was_there_later(self, clock, user, came_late):
        if not came_late:
            make_message(user=user)
            clock.shift(timedelta(hours=71))
        self.leave(is_enabled=False)
        if came_late:
            clock.shift(timedelta(hours=71))
            make_message(user=user)
        clock.shift(timedelta(hours=2))

        assert validity.end_overdue() == 0

    def test_goes_on_where_another_carrier_may_take_it(self, clock, user):
        make_route("acme", "scripted 2", prefix="32")
        make_message(user=user, msisdn="32470123456")
        self.leave(is_enabled=False)
        clock.shift(timedelta(hours=72))

        assert validity.end_overdue() == 0

    def test_goes_on_where_its_carrier_came_back(self, clock, user):
        make_message(user=user)
        self.leave(is_enabled=False)
        clock.shift(timedelta(hours=72))
        self.leave(is_enabled=True)

        assert validity.end_overdue() == 0
        clock.shift(timedelta(hours=72))
        assert validity.end_overdue() == 0

    def test_that_a_carrier_may_have_becomes_unknown_and_stays_paid(self, clock, user):
        message = make_message(user=user)
        Message.objects.update(carrier="acme")
        message.attempts.create(
            carrier="acme",
            part=1,
            reference="r1",
            outcome=Attempt.Outcome.NO_ANSWER,
            started_at=timezone.now(),
        )
        self.leave(is_enabled=False)
        clock.shift(timedelta(hours=72))

        assert validity.end_overdue() == 1

        message.refresh_from_db()
        assert (message.state, refunds(message)) == (State.UNKNOWN, 0)

    def test_is_found_by_the_index_of_what_is_due(self):
        assert "messages_due" in plan_of(Message.objects.due_in(7, timezone.now())[:100])


class TestSweep:
    def test_takes_small_batches_until_none_is_left(self, clock, user, monkeypatch):
        monkeypatch.setattr(validity, "_BATCH", 2)
        for _ in range(5):
            on_its_way(user)
        clock.shift(timedelta(hours=72))

        assert [validity.end_overdue(), validity.end_overdue()] == [5, 0]

    def test_leaves_the_rest_to_the_next_run_after_many(self, clock, user, monkeypatch):
        monkeypatch.setattr(validity, "_BATCH", 2)
        monkeypatch.setattr(validity, "_A_RUN", 3)
        for _ in range(5):
            on_its_way(user)
        clock.shift(timedelta(hours=72))

        assert [validity.end_overdue(), validity.end_overdue()] == [4, 1]

    def test_goes_on_where_it_fails_over_one(self, clock, user, monkeypatch):
        monkeypatch.setattr(validity, "_BATCH", 1)
        first, second = on_its_way(user), on_its_way(user)
        clock.shift(timedelta(hours=72))
        end = settling.end

        def failing(message, **given):
            if message.pk == first.pk:
                raise ZeroDivisionError
            end(message, **given)

        monkeypatch.setattr(settling, "end", failing)

        assert validity.end_overdue() == 1

        second.refresh_from_db()
        assert second.state == State.UNKNOWN

    def test_finds_messages_by_their_index(self):
        since = timezone.now()

        assert "messages_with_carrier" in plan_of(Message.objects.overdue(since)[:100])
        assert "messages_parked" in plan_of(Message.objects.parked_before(since)[:100])


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_with_reports_leaves_one_end_and_no_report_lost(self, carrier, user):
        """Half of the messages never got an answer; each is reported while it is swept."""
        messages = [make_message(user=user) for _ in range(16)]
        carrier.steps.extend([SILENT, id_of] * 8)
        delivery.deliver_due()
        Message.objects.update(state_since=timezone.now() - timedelta(hours=100))
        for message in reversed(messages):
            post(dlr("delivered", reference=message.attempts.get().reference))

        at_once(validity.end_overdue, reports.record_dlrs, validity.end_overdue)
        reports.record_dlrs()

        for message in messages:
            message.refresh_from_db()
            is_swept = message.state == State.UNKNOWN
            assert message.state in (State.UNKNOWN, State.DELIVERED)
            assert states_told(message)[-1] == message.state
            assert sum(state in ("unknown", "delivered") for state in states_told(message)) == 1
            late = [note for note in notes(message) if "too late" in note]
            assert late == (["Report came too late: delivered err:000"] if is_swept else [])

    def test_with_others_ends_one_message_at_a_time(self, user, monkeypatch):
        """A report that lands meanwhile waits for one message, not for a batch of them."""
        for _ in range(3):
            on_its_way(user)
        Message.objects.update(state_since=timezone.now() - timedelta(hours=100))
        seen_by_others = []
        end = settling.end

        def looking(message, **given):
            seen_by_others.extend(at_once(Message.objects.filter(state="unknown").count))
            end(message, **given)

        monkeypatch.setattr(settling, "end", looking)
        validity.end_overdue()

        assert seen_by_others == [0, 1, 2]

    def test_two_sweeps_end_each_message_once(self, user):
        messages = [on_its_way(user) for _ in range(10)]
        Message.objects.update(state_since=timezone.now() - timedelta(hours=100))

        ended = at_once(*[validity.end_overdue] * 3)

        assert sum(ended) == len(messages)
        assert all(states_told(message) == ["enroute", "unknown"] for message in messages)

    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite lets one transaction write at a time"
    )
    @pytest.mark.parametrize("report_first", [True, False])
    def test_waits_for_whoever_has_the_message(self, user, report_first):
        """Each order made certain: the second one begins while the first has the row locked."""
        message = on_its_way(user)
        Message.objects.update(state_since=timezone.now() - timedelta(hours=100))
        post(dlr("delivered", reference=message.attempts.get().reference))
        first: Callable[[], int] = reports.record_dlrs
        second: Callable[[], int] = validity.end_overdue
        if not report_first:
            first, second = second, first

        overlapping(first, second, while_in=(settling, "settle_all"))

        message.refresh_from_db()
        assert message.state == ("delivered" if report_first else "unknown")
        assert len(states_told(message)) == 2
        assert len(notes(message)) == int(not report_first)
