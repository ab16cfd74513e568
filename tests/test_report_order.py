"""Reports and answers in every order, and several readers at once: the same end."""

import itertools
from decimal import Decimal
from functools import partial

import pytest

from sms_accounts import delivery, ledger, reports
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
from tests.races import at_once
from tests.scripted_carrier import answer, dlr, installed, post, refused, taken
from tests.traces import refunds, states_told

pytestmark = pytest.mark.django_db

CALLBACK = "https://www.example.com/dlr"


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


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
                    answer(message, attempts)
                    continue
                state = final if event == "again" else event
                post(*(dlr(state, reference=attempt.reference) for attempt in attempts))
                reports.record_dlrs()

            message.refresh_from_db()
            assert (message.state, message.ptt) == (final, ptt), order
            assert [state for state in states_told(message) if state in FINAL] == [final], order
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
                    answer(message, attempts)
                    continue
                part, state = event
                name = attempts[part].reference
                post(dlr(state, reference=name) if part else dlr(state, carrier_message_id=name))
                reports.record_dlrs()

            message.refresh_from_db()
            assert message.state == State.DELIVERED, order
            assert states_told(message).count("delivered") == 1, order


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
            answer = taken(attempts[0], carrier_id=f"A{number}")
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
                delivery._record_answers(message.pk, [refused(attempt)])

        at_once(
            reports.record_dlrs,
            refuse_all,
            partial(ledger.set_quota, user, Decimal(5), by=None),
        )

        assert set(Message.objects.values_list("state", flat=True)) == {"rejected"}
        assert not DlrPost.objects.filter(read_at=None).exists()
        assert LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND).count() == 20
