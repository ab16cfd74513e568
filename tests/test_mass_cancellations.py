"""All scheduled messages that a search finds are cancelled: each once, with its credits back."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone

from sms_accounts import delivery, mass_cancellations, submission
from sms_accounts.mass_cancellations import MOST_FAULTS, TRY_AGAIN
from sms_accounts.message_searches import Unreadable
from sms_accounts.models import Activity, MassCancellation, Message, Wallet
from sms_accounts.models import State as MessageState
from tests.factories import MSISDN, make_account, make_api_user, make_order, make_user
from tests.plans import plan_of
from tests.races import at_once

State = MassCancellation.State
LATER = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def account(alice):
    return make_account(owner=alice, name="sms-ab12345-1", credits=100)


@pytest.fixture
def shop(account):
    return make_api_user(account=account, login="shop")


@pytest.fixture(autouse=True)
def in_twos(monkeypatch):
    monkeypatch.setattr(mass_cancellations, "PORTION", 2)


@pytest.fixture
def in_the_background(monkeypatch):
    monkeypatch.setattr(mass_cancellations, "MOST_AT_ONCE", 0)


def schedule(user, count: int, *, tag: str = "") -> list[int]:
    receivers = [str(int(MSISDN) + 1000 * place) for place in range(count)]
    order = make_order(user, receivers=receivers, tag=tag)
    order = order._replace(scheduled_at=timezone.now() + LATER)
    return sorted(submission.submit(order).message_ids)


def states() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("state", flat=True))


def left(account) -> Decimal:
    credits: Decimal = Wallet.objects.get(pk=account.wallet_id).credits
    return credits


def cancel_found(account, query: str, *, by) -> MassCancellation:
    upto = mass_cancellations.scheduled(account, query).upto
    return mass_cancellations.cancel_found(account, query, upto=upto, by=by)


class TestFew:
    def test_are_cancelled_at_once_and_paid_back(self, account, shop, alice):
        schedule(shop, 5, tag="parcels")
        schedule(shop, 1)
        assert left(account) == 94

        done = cancel_found(account, "tag=parcels", by=alice)

        assert (done.state, done.asked, done.cancelled, done.credits) == (
            State.DONE,
            5,
            5,
            Decimal(5),
        )
        assert states() == [MessageState.CANCELLED] * 5 + [MessageState.SCHEDULED]
        assert left(account) == 99

    def test_are_recorded_by_number_and_credits(self, account, shop, alice):
        schedule(shop, 3)
        done = cancel_found(account, f"q={MSISDN}", by=alice)

        asked, ended = Activity.objects.filter(action__contains="cancel").order_by("pk")
        assert (asked.by, asked.after) == (alice, {"messages": 1})
        assert (ended.by, ended.action) == (alice, "messages cancelled")
        assert ended.after == {"messages": 1, "credits": "1.00", "too late": 0}
        # What was searched for may be a number.
        assert done.query == ""

    def test_what_came_after_the_question_stays(self, account, shop, alice):
        schedule(shop, 2)
        upto = mass_cancellations.scheduled(account, "").upto
        schedule(shop, 2)

        done = mass_cancellations.cancel_found(account, "", upto=upto, by=alice)

        assert done.cancelled == 2
        assert states()[2:] == [MessageState.SCHEDULED] * 2

    def test_what_is_not_scheduled_or_of_another_account_stays(self, account, shop, alice):
        other = make_api_user(account=make_account())
        schedule(other, 1)
        submission.submit(make_order(shop))
        schedule(shop, 1)

        assert mass_cancellations.scheduled(account, "").count == 1
        cancel_found(account, "", by=alice)

        assert states() == [MessageState.SCHEDULED, MessageState.QUEUED, MessageState.CANCELLED]

    def test_of_a_search_that_cannot_be_read_are_none(self, account, shop, alice):
        schedule(shop, 1)

        with pytest.raises(Unreadable):
            mass_cancellations.cancel_found(account, "state=nonsense", upto=10**9, by=alice)

        assert states() == [MessageState.SCHEDULED]


@pytest.mark.usefixtures("in_the_background")
class TestMany:
    def test_are_left_to_the_workers(self, account, shop, alice):
        schedule(shop, 5)

        asked = cancel_found(account, "", by=alice)
        assert (asked.state, asked.cancelled) == (State.WORKING, 0)
        assert mass_cancellations.cancel_due() == 3

        asked.refresh_from_db()
        assert (asked.state, asked.cancelled, left(account)) == (State.DONE, 5, Decimal(100))
        assert mass_cancellations.cancel_due() == 0

    def test_of_which_some_were_sent_meanwhile_are_too_late(self, account, shop, alice):
        first, *_others = schedule(shop, 3)
        asked = cancel_found(account, "", by=alice)
        Message.objects.filter(pk=first).update(due_at=timezone.now())
        with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False):
            delivery.deliver_due()

            mass_cancellations.cancel_due()

        asked.refresh_from_db()
        assert (asked.asked, asked.cancelled) == (3, 2)
        assert states()[0] != MessageState.CANCELLED

    def test_stay_where_somebody_stops_it(self, account, shop, alice):
        schedule(shop, 5)
        asked = cancel_found(account, "", by=alice)
        mass_cancellations._cancel_one_portion(MassCancellation.objects.all())

        assert mass_cancellations.stop(asked, by=alice)
        assert not mass_cancellations.stop(asked, by=alice)

        assert mass_cancellations.cancel_due() == 0
        assert states().count(MessageState.SCHEDULED) == 3
        ended = Activity.objects.get(action="messages cancelled")
        assert ended.after["messages"] == 2

    def test_a_portion_that_is_cut_off_is_done_anew(self, account, shop, alice, monkeypatch):
        schedule(shop, 3)
        asked = cancel_found(account, "", by=alice)

        def lose(*_arguments, **_named):
            raise OperationalError

        with monkeypatch.context() as lost:
            lost.setattr(MassCancellation, "save", lose)
            with pytest.raises(OperationalError):
                mass_cancellations.cancel_due()
        assert left(account) == 97

        mass_cancellations.cancel_due()

        asked.refresh_from_db()
        assert (asked.cancelled, asked.credits, left(account)) == (3, Decimal(3), Decimal(100))

    def test_a_fault_is_tried_again_and_given_up_in_the_end(self, account, shop, alice):
        schedule(shop, 3)
        asked = cancel_found(account, "", by=alice)
        # Nobody can read any more what was searched for.
        MassCancellation.objects.update(query="state=nonsense")
        with time_machine.travel(timezone.now(), tick=False) as clock:
            for _ in range(MOST_FAULTS):
                mass_cancellations.cancel_due()
                clock.shift(TRY_AGAIN)

        asked.refresh_from_db()
        assert asked.state == State.FAILED
        assert states() == [MessageState.SCHEDULED] * 3

    def test_take_few_queries_for_each_portion(
        self, account, shop, alice, monkeypatch, django_assert_max_num_queries
    ):
        monkeypatch.setattr(mass_cancellations, "PORTION", 200)
        schedule(shop, 60)
        cancel_found(account, "", by=alice)

        # SQLite stores what became of each message by a statement of its own.
        each = 60 if connection.vendor == "sqlite" else 0
        with django_assert_max_num_queries(25 + each):
            assert mass_cancellations.cancel_due() == 1

    def test_are_found_by_an_index(self):
        due = MassCancellation.objects.due(timezone.now())

        assert "mass_cancellations_due" in plan_of(due)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("in_the_background")
def test_workers_at_the_same_moment_pay_back_once(account, shop, alice):
    schedule(shop, 9)
    asked = cancel_found(account, "", by=alice)

    at_once(*[mass_cancellations.cancel_due] * 4)
    mass_cancellations.cancel_due()

    asked.refresh_from_db()
    assert (asked.state, asked.cancelled, left(account)) == (State.DONE, 9, Decimal(100))
