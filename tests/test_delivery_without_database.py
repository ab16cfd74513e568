"""Delivery while the database goes away: nothing is held that never left, no answer is lost."""

from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone

from sms_accounts import delivery, lanes, recording, unmade, unresolved
from sms_accounts.models import Attempt, Message, State
from tests.factories import make_account, make_api_user, make_long_message, make_message
from tests.scripted_carrier import installed
from tests.traces import outcomes

pytestmark = pytest.mark.django_db


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def user():
    return make_api_user(account=make_account(credits=20), quota=10)


@pytest.mark.django_db(transaction=True)
class TestBegunByACommitOfWhichNothingWasHeard:
    """The connection broke: the server has stored what it was told, and nobody knows that."""

    @pytest.fixture
    def breaking(self, monkeypatch):
        """Has the connection break right after the next commit of attempts."""
        stored, committed = delivery._store, connection.commit
        begun: list[object] = []

        def store(attempts):
            stored(attempts)
            begun.append(attempts)

        def commit():
            committed()
            if len(begun) == 1:
                begun.append(None)
                raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(delivery, "_store", store)
        monkeypatch.setattr(connection, "commit", commit)
        yield
        unmade._unmade.clear()

    def test_goes_out_once_when_its_claim_has_ended(self, carrier, user, breaking):
        message = make_message(user=user)

        with pytest.raises(OperationalError):
            delivery.deliver_due()
        assert outcomes(message) == [(1, "unanswered")]
        delivery.deliver_due()
        assert outcomes(message) == [(1, "not_sent")]
        assert not carrier.submits

        with time_machine.travel(timezone.now() + delivery.CLAIM + timedelta(seconds=1)):
            delivery.deliver_due()
        assert outcomes(message) == [(1, "taken")]
        assert len(carrier.submits) == 1

    def test_goes_out_although_it_was_held_meanwhile(self, carrier, user, breaking):
        message = make_message(user=user)
        with pytest.raises(OperationalError):
            delivery.deliver_due()

        with time_machine.travel(timezone.now() + delivery.CLAIM + timedelta(seconds=1)):
            unresolved.note_abandoned()
            assert Message.objects.held().get() == message
            delivery.deliver_due()

        assert outcomes(message) == [(1, "taken")]

    def test_is_left_alone_where_somebody_else_began_it_since(self, carrier, user, breaking):
        message = make_message(user=user)
        with pytest.raises(OperationalError):
            delivery.deliver_due()
        Attempt.objects.update(started_at=timezone.now())

        delivery.deliver_due()

        assert outcomes(message) == [(1, "unanswered")]

    def test_has_its_other_part_go_out_once(self, carrier, user, monkeypatch):
        message = make_long_message(parts=2, user=user)

        def store(rows):
            stored(rows)
            raise OperationalError("server closed the connection unexpectedly")

        stored = delivery._BEGUN.store
        monkeypatch.setattr(delivery._BEGUN, "store", store)
        delivery.deliver_due()

        assert outcomes(message) == [(1, "taken"), (2, "taken")]
        assert [submit.part for submit in carrier.submits] == [1, 2]


class TestAnsweredWhileTheDatabaseWasAway:
    @pytest.fixture
    def away(self, monkeypatch):
        """Has the database be away for the answers to these messages, or to all."""

        def goes_away(*messages) -> None:
            def record_together(errands):
                raise OperationalError("connection refused")

            def record_answers(message_id, *given, **named):
                if not messages or message_id in {message.pk for message in messages}:
                    raise OperationalError("connection refused")
                stored(message_id, *given, **named)

            stored = recording.record_answers
            monkeypatch.setattr(recording, "record_together", record_together)
            monkeypatch.setattr(recording, "record_answers", record_answers)

        yield goes_away
        recording._kept.clear()

    def test_is_on_its_way_as_soon_as_it_is_back(self, carrier, user, away, monkeypatch):
        messages = [make_message(user=user) for _ in range(3)]
        away()
        delivery.deliver_due()
        assert {outcome for message in messages for _, outcome in outcomes(message)} == {
            "unanswered"
        }
        monkeypatch.undo()
        installed(monkeypatch)

        delivery.deliver_due()

        assert [outcomes(message) for message in messages] == [[(1, "taken")]] * 3
        assert Message.objects.filter(state=State.ENROUTE).count() == 3

    def test_does_not_wait_for_one_that_cannot_be_stored(self, carrier, user, away):
        first, second = make_message(user=user), make_message(user=user)
        away(first)

        for _ in range(2):
            delivery.deliver_due()

        assert outcomes(second) == [(1, "taken")]
        assert outcomes(first) == [(1, "unanswered")]

    def test_is_forgotten_after_a_while_and_left_to_its_report(
        self, carrier, user, away, monkeypatch
    ):
        message = make_message(user=user)
        away()
        delivery.deliver_due()

        with time_machine.travel(timezone.now() + delivery.CLAIM + recording.KEPT * 2):
            delivery.deliver_due()
            monkeypatch.undo()
            lanes.forget()
            delivery.deliver_due()

        assert outcomes(message) == [(1, "unanswered")]
