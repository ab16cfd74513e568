"""Reports and answers in every order, and several readers at once: the same end."""

import itertools
from decimal import Decimal
from functools import partial

import pytest

from sms_accounts import delivery, ledger, recording, reports
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
from tests.scripted_carrier import (
    ScriptedCarrier,
    answer,
    dlr,
    installed,
    post,
    refused,
    taken,
)
from tests.sizes import in_full_on
from tests.traces import notes, refunds, states_told

pytestmark = pytest.mark.django_db

# Which of the orders are gone through: each of them, or each fifth.
EACH = in_full_on("postgresql", 1, otherwise=5)
CALLBACK = "https://www.example.com/dlr"


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


# What may happen to a part: the carrier's answer, and its reports as (state, ptt).
ANSWER, REFUSAL = "answer", "refusal"
ACCEPTED, TROUBLE = ("enroute", 3), ("enroute", 1)
FINAL_PTTS = {"delivered": 4, "expired": 8, "undeliverable": 5, "rejected": 20, "unknown": 6}


def lived_through(orders, *, parts: int) -> list[Message]:
    """Make a message for each order, let its events come in that order, and return them.

    All messages take their first step, then all their second: each step is one call of the
    carrier with a report on each part of most of them.
    """
    user = make_api_user(account=make_account(credits=1000), callback=CALLBACK)
    messages = [make_long_message(parts=parts, user=user) for _ in orders]
    attempts = dict(delivery._claim(ScriptedCarrier.name, len(orders)))
    for step in zip(*orders, strict=True):
        dlrs = []
        for message, event in zip(messages, step, strict=True):
            if event == ANSWER:
                answer(message, attempts[message])
            elif event == REFUSAL:
                recording.record_answers(message.pk, [refused(each) for each in attempts[message]])
            else:
                state, ptt = event
                dlrs += [dlr(state, reference=a.reference, ptt=ptt) for a in attempts[message]]
        post(*dlrs)
        reports.record_dlrs()
    for message in messages:
        message.refresh_from_db()
    return messages


def final_states_told(message: Message) -> list[str]:
    return [state for state in states_told(message) if state in FINAL]


class TestOrder:
    @pytest.mark.parametrize(
        ("parts", "final"),
        [
            (1, "delivered"),
            (2, "delivered"),
            (3, "delivered"),
            (1, "rejected"),
            (3, "rejected"),
            (2, "undeliverable"),
            (1, "expired"),
            (1, "unknown"),
        ],
    )
    def test_of_answer_and_reports_does_not_matter(self, carrier, parts, final):
        """Every order of the answer, accepted, trouble on the way, final and final again."""
        again = (final, FINAL_PTTS[final])
        every = list(itertools.permutations([ANSWER, ACCEPTED, TROUBLE, again, again]))
        assert len(set(every)) == 60

        messages = lived_through(sorted(set(every), key=str)[::EACH], parts=parts)

        for message in messages:
            assert (message.state, message.ptt) == again
            assert final_states_told(message) == [final]
            assert states_told(message)[-1] == final
            assert refunds(message) == int(final == "rejected")

    @pytest.mark.parametrize("parts", [1, 2, 3])
    def test_of_contradicting_reports_lets_the_first_final_one_win(self, carrier, parts):
        """The others are notes, one for each part; what agrees with the first is not noted."""
        finals = [("delivered", 4), ("expired", 8), ("rejected", 20)]
        orders = list(itertools.permutations([ANSWER, ACCEPTED, *finals]))[::EACH]

        messages = lived_through(orders, parts=parts)

        for order, message in zip(orders, messages, strict=True):
            first = next(event for event in order if event in finals)
            late = order[order.index(first) + 1 :]
            assert (message.state, message.ptt) == first, order
            assert final_states_told(message) == [first[0]], order
            assert refunds(message) == int(first[0] == "rejected"), order
            assert len(notes(message)) == parts * sum(event != ANSWER for event in late), order

    def test_of_a_refusal_and_reports_lets_the_first_win(self, carrier):
        """Whoever reports on a part has taken it; whoever refused it before has not."""
        orders = list(itertools.permutations([REFUSAL, ACCEPTED, ("delivered", 4)]))

        for order, message in zip(orders, lived_through(orders, parts=1), strict=True):
            is_refused = order[0] == REFUSAL
            assert message.state == ("rejected" if is_refused else "delivered"), order
            assert final_states_told(message) == [message.state], order
            assert refunds(message) == int(is_refused), order

    def test_of_parts_among_each_other_does_not_matter(self, carrier):
        """The answer, and accepted and delivered of two parts, one named by our reference and
        one by the carrier's id, in orders of all kinds."""
        events = list(itertools.product((0, 1), ("enroute", "delivered")))
        user = make_api_user(account=make_account(credits=200), callback=CALLBACK)
        for order in list(itertools.permutations([None, *events]))[:: 4 * EACH]:
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

        at_once(reports.record_all, reports.record_all, reports.record_all)

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
                partial(recording.record_answers, message.pk, [answer]),
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
                recording.record_answers(message.pk, [refused(attempt)])

        at_once(
            reports.record_dlrs,
            refuse_all,
            partial(ledger.set_quota, user, Decimal(5), by=None),
        )

        assert set(Message.objects.values_list("state", flat=True)) == {"rejected"}
        assert not DlrPost.objects.filter(read_at=None).exists()
        assert LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND).count() == 20
