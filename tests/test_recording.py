"""Answers of carriers recorded together, also where reports came before them."""

import pytest

from sms_accounts import delivery, recording, reports
from sms_accounts.handover import Errand
from sms_accounts.models import DlrReport, State
from tests.factories import make_api_user, make_message
from tests.scripted_carrier import dlr, installed, post, taken
from tests.traces import states_told

pytestmark = pytest.mark.django_db

CALLBACK = "https://www.example.com/dlr"


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


class TestReport:
    def test_that_overtook_the_answers_of_many_leave_no_claim(self, carrier):
        messages = [make_message(user=make_api_user(callback=CALLBACK)) for _ in range(3)]
        claimed = delivery._claim(carrier.name, 3)
        first, second, _third = (attempts[0].reference for _message, attempts in claimed)
        post(dlr("enroute", reference=first), dlr("delivered", reference=second))
        reports.record_dlrs()

        left = recording.record_together(
            [
                Errand(message=message, attempts=[], answers=[taken(attempt, carrier_id="A")])
                for message, [attempt] in claimed
            ]
        )

        assert left == []
        for message, state in zip(messages, ("enroute", "delivered", "enroute"), strict=True):
            message.refresh_from_db()
            assert (message.state, message.claimed_until) == (state, None)
            assert message.attempts.get().carrier_message_id == "A"
            assert states_told(message) == [state]

    def test_that_its_reader_has_not_applied_yet_slows_no_answers(self, carrier, monkeypatch):
        """It was found by our reference: there is nothing to look for by the carrier's id."""
        message = make_message()
        [(_message, [attempt])] = claimed = delivery._claim(carrier.name, 1)
        post(dlr("delivered", reference=attempt.reference, carrier_message_id="A1"))
        with monkeypatch.context() as busy:
            busy.setattr(reports, "_apply_all", lambda _reports: 0)
            reports.record_dlrs()

        errand = Errand(message=claimed[0][0], attempts=[], answers=[taken(attempt)])
        assert recording.record_together([errand]) == []

        assert DlrReport.objects.get().attempt is None
        assert reports.record_dlrs() == 1
        message.refresh_from_db()
        assert message.state == State.DELIVERED
