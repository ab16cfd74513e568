"""Reports of the carrier: kept as they came, and the same end whatever their order."""

import itertools
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from sms_accounts import carriers, delivery, ledger, reports
from sms_accounts.models import (
    FINAL,
    Attempt,
    Callback,
    DlrPost,
    DlrReport,
    LedgerEntry,
    Message,
    State,
    Wallet,
)
from tests.factories import make_account, make_api_user, make_long_message, make_message
from tests.plans import plan_of
from tests.races import at_once
from tests.scripted_carrier import dlr, installed, post, reported

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


def told(message: Message) -> list[str]:
    return list(
        Callback.objects.filter(message=message).order_by("id").values_list("state", flat=True)
    )


def notes(message: Message) -> list[str]:
    return list(message.events.filter(state="").values_list("cause", flat=True))


def refunds(message: Message) -> int:
    return LedgerEntry.objects.filter(message=message, kind=LedgerEntry.Kind.REFUND).count()


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
        delivery._record_answers(message.pk, [_taken(attempts[0])])

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert message.attempts.get().carrier_message_id == "A1"
        assert told(message) == ["delivered"]

    def test_by_an_id_not_stored_yet_waits_for_it(self, carrier):
        message = make_message(user=make_api_user(callback=CALLBACK))
        [(_message, attempts)] = delivery._claim(carrier.name, 1)

        post(dlr("delivered", carrier_message_id="A1"))
        reports.record_dlrs()
        assert DlrReport.objects.get().attempt is None
        delivery._record_answers(message.pk, [_taken(attempts[0])])

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert DlrReport.objects.get().attempt == attempts[0]
        assert told(message) == ["delivered"]

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
            killed.setattr(reports, "_apply", _killed)
            with pytest.raises(KeyboardInterrupt):
                reports.record_dlrs()
        assert DlrPost.objects.get().read_at

        assert reports.record_dlrs() == 1

        message.refresh_from_db()
        assert message.state == State.DELIVERED

    def test_repeated_changes_nothing(self, carrier):
        message = on_its_way(user=make_api_user(callback=CALLBACK))

        for _ in range(3):
            reported(message, "delivered")

        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert told(message) == ["enroute", "delivered"]
        assert notes(message) == []
        assert DlrReport.objects.count() == 3

    def test_out_of_order_is_kept_as_a_note(self, carrier):
        message = on_its_way(user=make_api_user(callback=CALLBACK))
        reported(message, "delivered")

        reported(message, "enroute", code="ENROUTE err:001", ptt=1)

        message.refresh_from_db()
        assert (message.state, message.ptt) == (State.DELIVERED, 4)
        assert notes(message) == ["Report came too late: ENROUTE err:001"]
        assert told(message) == ["enroute", "delivered"]

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
        assert told(message) == ["enroute", first]

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
        with time_machine.travel(timezone.now() + reports.LEFT_OVER + timedelta(hours=1)):
            Attempt.objects.update(carrier_message_id="A1")
            assert reports.record_dlrs() == 0

        message.refresh_from_db()
        assert message.state == State.ENROUTE


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

    def test_may_hold_reports_on_many_messages(self, carrier):
        user = make_api_user(account=make_account(credits=10), quota=10)
        messages = [make_message(user=user) for _ in range(4)]
        delivery.deliver_due()
        references = [message.attempts.get().reference for message in messages]

        post(*(dlr("rejected", reference=reference) for reference in reversed(references)))
        reports.record_dlrs()

        assert set(Message.objects.values_list("state", flat=True)) == {"rejected"}
        assert Wallet.objects.get(pk=user.wallet_id).credits == 10


class TestOrder:
    @pytest.mark.parametrize(
        ("parts", "final", "ptt"),
        [
            (1, "delivered", 4),
            (2, "delivered", 4),
            (3, "delivered", 4),
            (2, "undeliverable", 5),
            (1, "rejected", 20),
            (3, "rejected", 20),
        ],
    )
    def test_of_answer_and_reports_does_not_matter(self, carrier, parts, final, ptt):
        """Every order of answer, accepted, final and final again."""
        user = make_api_user(account=make_account(credits=200), callback=CALLBACK)
        for order in itertools.permutations(("answer", "enroute", final, "again")):
            message = make_long_message(parts=parts, user=user)
            [(_message, attempts)] = delivery._claim(carrier.name, 1)
            for event in order:
                if event == "answer":
                    _answer(message, attempts)
                    continue
                state = final if event == "again" else event
                post(*(dlr(state, reference=attempt.reference) for attempt in attempts))
                reports.record_dlrs()

            message.refresh_from_db()
            assert (message.state, message.ptt) == (final, ptt), order
            assert [state for state in told(message) if state in FINAL] == [final], order
            assert refunds(message) == int(final == "rejected"), order

    def test_of_parts_among_each_other_does_not_matter(self, carrier):
        """The answer, and accepted and delivered of two parts, one named by our reference and
        one by the carrier's id, in orders of all kinds."""
        events = list(itertools.product((0, 1), ("enroute", "delivered")))
        user = make_api_user(account=make_account(credits=200), callback=CALLBACK)
        for order in list(itertools.permutations([None, *events]))[::4]:
            message = make_long_message(parts=2, user=user)
            [(_message, attempts)] = delivery._claim(carrier.name, 1)
            for event in order:
                if event is None:
                    _answer(message, attempts)
                    continue
                part, state = event
                name = attempts[part].reference
                post(dlr(state, reference=name) if part else dlr(state, carrier_message_id=name))
                reports.record_dlrs()

            message.refresh_from_db()
            assert message.state == State.DELIVERED, order
            assert told(message).count("delivered") == 1, order


@pytest.mark.django_db(transaction=True)
class TestTwoReaders:
    def test_apply_each_report_once(self, carrier):
        user = make_api_user(account=make_account(credits=30), quota=20, callback=CALLBACK)
        messages = [make_message(user=user) for _ in range(12)]
        delivery.deliver_due()
        for attempt in Attempt.objects.order_by("-id"):
            post(dlr("rejected", reference=attempt.reference))
            post(dlr("delivered", reference=attempt.reference))

        at_once(reports.record_dlrs, reports.record_dlrs, reports.record_dlrs)

        assert Callback.objects.exclude(state="enroute").count() == len(messages)
        assert not DlrReport.objects.filter(attempt=None).exists()
        rejected = Message.objects.filter(state=State.REJECTED).count()
        assert Wallet.objects.get(pk=user.wallet_id).credits == Decimal(8 + rejected)

    def test_and_the_worker_that_stores_the_answer_agree(self, carrier):
        """The report by the carrier's id comes while the answer with that id is stored."""
        for number in range(8):
            message = make_message()
            [(_message, attempts)] = delivery._claim(carrier.name, 1)
            answer = _taken(attempts[0], carrier_id=f"A{number}")
            post(dlr("delivered", carrier_message_id=f"A{number}"))

            at_once(
                reports.record_dlrs,
                partial(delivery._record_answers, message.pk, [answer]),
            )
            reports.record_dlrs()

            message.refresh_from_db()
            assert message.state == State.DELIVERED

    def test_and_the_worker_never_wait_for_each_other_in_a_circle(self, carrier):
        """One call rejects many messages that one purse paid, while the carrier's answers
        reject the same messages from the other end."""
        user = make_api_user(account=make_account(credits=30), quota=20)
        for _ in range(20):
            make_message(user=user)
        claimed = delivery._claim(carrier.name, 20)
        post(*(dlr("rejected", reference=each.reference) for _, [each] in claimed))

        def refuse_all():
            for message, [attempt] in reversed(claimed):
                delivery._record_answers(message.pk, [_refused(attempt)])

        at_once(
            reports.record_dlrs,
            refuse_all,
            partial(ledger.set_quota, user, Decimal(5), by=None),
        )

        assert set(Message.objects.values_list("state", flat=True)) == {"rejected"}
        assert not DlrPost.objects.filter(read_at=None).exists()
        assert LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND).count() == 20


class TestQueries:
    def test_for_posts_to_read_use_their_index(self):
        unread = DlrPost.objects.filter(read_at=None).order_by("id")[:1]

        assert "dlr_posts_to_read" in plan_of(unread)

    def test_for_a_part_by_the_carriers_id_use_its_index(self):
        report = DlrReport(carrier="scripted", carrier_message_id="A1")

        assert "attempts_by_carrier_id" in plan_of(reports._attempts_by_id(report))

    def test_for_what_was_left_over_look_for_its_parts_by_index(self):
        assert "attempts_by_carrier_id" in plan_of(reports._left_over())


def _taken(attempt: Attempt, *, carrier_id: str = "A1") -> delivery._Answer:
    return delivery._Answer(
        attempt=attempt,
        outcome=Attempt.Outcome.TAKEN,
        carrier_message_id=carrier_id,
        at=timezone.now(),
    )


def _refused(attempt: Attempt) -> delivery._Answer:
    return delivery._Answer(
        attempt=attempt,
        outcome=Attempt.Outcome.REJECTED,
        ptt=20,
        code="rejected err:000",
        at=timezone.now(),
    )


def _answer(message: Message, attempts: list[Attempt]) -> None:
    """Store that the carrier took all parts; its ids are our references."""
    answers = [_taken(attempt, carrier_id=attempt.reference) for attempt in attempts]
    delivery._record_answers(message.pk, answers)


def _killed(*args):
    raise KeyboardInterrupt
