"""Reports that always fail: parked with a reason, out of the way, until staff release them."""

import pytest
from django.db import OperationalError

from sms_accounts import delivery, reports, settling
from sms_accounts.models import DlrPost, DlrReport, State
from tests.factories import make_message, make_user
from tests.poison import failing
from tests.scripted_carrier import dlr, installed, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def alice():
    return make_user("alice@example.com")


class TestDlrPost:
    def test_that_cannot_be_read_is_parked_with_the_reason_until_staff_release_it(
        self, carrier, alice, monkeypatch
    ):
        """The same bytes are read in the same way each time: once is enough."""
        message = make_message()
        delivery.deliver_due()
        post(dlr("delivered", reference=message.attempts.get().reference))
        with monkeypatch.context() as broken:
            broken.setattr(carrier, "parse_dlrs", lambda *given: 1 / 0)
            assert [reports.record_dlrs(), reports.record_dlrs()] == [1, 0]
        bad = DlrPost.objects.get()
        assert bad.problem == "Could not be read: ZeroDivisionError"

        assert reports.release([bad.pk], by=alice) == 1
        assert reports.record_dlrs() == 1

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        bad.refresh_from_db()
        assert bad.problem == ""


class TestDlrReport:
    """A report over which the program fails whenever it is applied."""

    @pytest.fixture
    def bad(self, carrier):
        bad = make_message()
        delivery.deliver_due()
        return bad

    @pytest.fixture
    def broken(self, bad, monkeypatch):
        with monkeypatch.context() as broken:
            move = failing(settling.next_move, when=lambda message, *_, **given: message == bad)
            broken.setattr(settling, "next_move", move)
            yield broken

    def test_is_tried_a_few_times_then_parked_with_the_reason(self, bad, broken):
        tries = []
        apply = reports.apply

        def counting(*given):
            tries.append(given)
            apply(*given)

        broken.setattr(reports, "apply", counting)
        post(dlr("delivered", reference=bad.attempts.get().reference))

        for _ in range(6):
            reports.record_dlrs()

        report = DlrReport.objects.get()
        assert len(tries) == report.faults == reports.MOST_FAULTS
        assert report.problem == "Could not be applied: ZeroDivisionError"
        assert report.attempt is None
        bad.refresh_from_db()
        assert bad.state == State.ENROUTE

    def test_does_not_slow_the_others(self, carrier, bad, broken):
        good = make_message()
        delivery.deliver_due()
        post(
            dlr("delivered", reference=bad.attempts.get().reference),
            dlr("delivered", reference=good.attempts.get().reference),
        )

        reports.record_dlrs()

        good.refresh_from_db()
        assert good.state == State.DELIVERED

    def test_is_applied_once_staff_release_it(self, bad, broken, alice):
        post(dlr("delivered", reference=bad.attempts.get().reference))
        for _ in range(4):
            reports.record_dlrs()
        broken.undo()
        assert reports.record_dlrs() == 0

        assert reports.release([DlrPost.objects.get().pk], by=alice) == 1
        assert reports.record_dlrs() == 1

        bad.refresh_from_db()
        assert bad.state == State.DELIVERED

    def test_is_not_parked_for_a_database_that_was_busy(self, bad, monkeypatch):
        post(dlr("delivered", reference=bad.attempts.get().reference))

        def busy(*given):
            raise OperationalError("deadlock detected")

        with monkeypatch.context() as blocked:
            blocked.setattr(reports, "apply", busy)
            for _ in range(5):
                reports.record_dlrs()

        assert reports.record_dlrs() == 1
        bad.refresh_from_db()
        assert bad.state == State.DELIVERED

    def test_that_came_before_the_carriers_id_does_not_spoil_the_answer(self, carrier, monkeypatch):
        message = make_message()
        post(dlr("delivered", carrier_message_id="A1"))
        reports.record_dlrs()
        carrier.steps.append("A1")
        monkeypatch.setattr(reports, "apply", lambda *given: 1 / 0)

        delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.ENROUTE
        assert DlrReport.objects.get().faults == 1
