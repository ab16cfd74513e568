"""What carriers send: kept as it came, and read in its order."""

import time
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from sms_accounts import carriers, delivery, reports
from sms_accounts.models import DlrPost, Message, State, Wallet
from tests.factories import make_account, make_api_user, make_message
from tests.scripted_carrier import dlr, installed, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


def on_its_way() -> Message:
    message = make_message()
    delivery.deliver_due()
    return message


class TestPost:
    def test_is_stored_as_it_came_before_anybody_reads_it(self, carrier):
        stored = reports.store_post("scripted", b"\xff\x00not JSON", "text/plain" * 20)

        stored.refresh_from_db()
        assert bytes(stored.body) == b"\xff\x00not JSON"
        assert len(stored.content_type) == 100
        assert (stored.read_at, stored.problem) == (None, "")

    def test_that_is_malformed_is_kept_with_the_problem_and_the_next_is_read(self, carrier):
        message = on_its_way()
        reports.store_post("scripted", b"not JSON", "")
        post(dlr("delivered", reference=message.attempts.get().reference))

        assert reports.record_dlrs() == 2

        first, second = DlrPost.objects.order_by("id")
        assert bytes(first.body) == b"not JSON"
        assert first.problem == "the body is not JSON"
        assert (first.read_at is not None, second.read_at is not None) == (True, True)
        message.refresh_from_db()
        assert message.state == State.DELIVERED

    def test_that_makes_its_reader_stumble_does_not_hold_up_the_next(self, carrier, monkeypatch):
        message = on_its_way()
        reports.store_post("gone", b"[]", "")
        post(dlr("delivered", reference=message.attempts.get().reference))

        def get(name):
            if name == "gone":
                raise carriers.UnknownCarrier(name)
            return carrier

        monkeypatch.setattr(carriers, "get", get)
        assert reports.record_dlrs() == 2

        assert DlrPost.objects.earliest("id").problem == "Could not be read: UnknownCarrier"
        message.refresh_from_db()
        assert message.state == State.DELIVERED

    def test_stays_to_be_read_where_the_database_was_away(self, carrier, monkeypatch):
        post(dlr("delivered", reference="A"))

        def away(*args):
            raise OperationalError

        with monkeypatch.context() as broken:
            broken.setattr(reports, "_store_reports", away)
            with pytest.raises(OperationalError):
                reports.record_dlrs()
        assert DlrPost.objects.get().read_at is None

        assert reports.record_dlrs() == 1

    @pytest.mark.parametrize("count", [1, reports.POSTS])
    def test_waits_for_others_where_few_came_and_not_in_a_backlog(
        self, carrier, monkeypatch, count
    ):
        rests = []

        def rest(seconds):
            rests.append(seconds)
            if len(rests) == 1:
                for _ in range(3):
                    post(dlr(reference="meanwhile"))

        monkeypatch.setattr(reports, "time", SimpleNamespace(monotonic=time.monotonic, sleep=rest))
        for _ in range(count):
            post(dlr(reference="before"))

        assert reports.record_dlrs() == (4 if count == 1 else count)

        # The three that came meanwhile were read together.
        assert len(rests) == (2 if count == 1 else 0)
        assert all(0 < each <= reports.LONGEST_REST.total_seconds() for each in rests)

    def test_may_hold_reports_on_many_messages(self, carrier):
        user = make_api_user(account=make_account(credits=10), quota=10)
        messages = [make_message(user=user) for _ in range(4)]
        delivery.deliver_due()
        references = [message.attempts.get().reference for message in messages]

        post(*(dlr("rejected", reference=reference) for reference in reversed(references)))
        reports.record_dlrs()

        assert set(Message.objects.values_list("state", flat=True)) == {"rejected"}
        assert Wallet.objects.get(pk=user.wallet_id).credits == 10
