"""What carriers ask: kept with each part, and added up by days with the credits taken for it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import carrier_costs, counting, delivery, recording, routes, settling
from sms_accounts.carrier_costs import Costs
from sms_accounts.carriers import OutcomeUnknown, Rejected, TryLater
from sms_accounts.models import Attempt, CarrierDay, Message, State
from tests.factories import make_api_user, make_long_message, make_message, make_route
from tests.plans import plan_of
from tests.scripted_carrier import installed, reported

pytestmark = pytest.mark.django_db


@pytest.fixture
def carrier(monkeypatch):
    """The carrier of a route, which asks 0.04 for a part."""
    carrier = installed(monkeypatch)
    make_route("scripted 1 1 0.04")
    return carrier


def costs_kept():
    return list(Attempt.objects.order_by("id").values_list("cost", flat=True))


def added_up():
    counting.count()
    return {
        name: carrier_costs.together(days)
        for name, days in carrier_costs.since(timezone.localdate() - timedelta(days=30)).items()
    }


def deliver(carrier, *ends):
    """Hand over what is due, let the carrier report on it in this order, and add it up."""
    delivery.deliver_all(carrier)
    for message, state in zip(Message.objects.order_by("id"), ends, strict=True):
        if state:
            reported(message, state)
    return added_up()


class TestCostOfAPart:
    def test_is_that_of_the_route_that_fits_the_message(self, carrier):
        user = make_api_user()
        make_route("scripted 1 1 0.0125", prefix="32")
        make_route("scripted", prefix="49")
        make_route("scripted 1 1 0", api_user=user)
        for given in (
            {"msisdn": "33639980004"},
            {"msisdn": "32470123456"},
            {"msisdn": "4915112345678"},
            {"user": user},
        ):
            make_message(**given)

        delivery.deliver_all(carrier)

        assert costs_kept() == [Decimal("0.04"), Decimal("0.0125"), None, Decimal(0)]

    def test_is_that_of_the_carrier_which_is_handed_it(self, carrier):
        make_route("beta 1 1 0.01", "scripted 2 1 0.07", prefix="33")
        message = make_message(msisdn="33639980004")
        Message.objects.filter(pk=message.pk).update(lane=0)

        delivery.deliver_all(carrier)

        assert costs_kept() == [Decimal("0.07")]

    @pytest.mark.parametrize(("is_whole", "costs"), [(False, ["0.04"] * 3), (True, ["0.12"])])
    def test_counts_the_parts_that_go_along(self, carrier, is_whole, costs):
        carrier.takes_long_texts = is_whole
        make_long_message(parts=3)

        delivery.deliver_all(carrier)

        assert costs_kept() == [Decimal(cost) for cost in costs]

    def test_stays_as_it_was_when_the_part_was_begun(self, carrier):
        make_message()
        delivery.deliver_all(carrier)
        make_route("scripted 1 1 0.09", prefix="33")
        make_message()

        delivery.deliver_all(carrier)

        assert costs_kept() == [Decimal("0.04"), Decimal("0.09")]

    def test_takes_no_question_to_the_database_for_each_message(self, carrier, monkeypatch):
        monkeypatch.setattr(routes, "REMEMBERED_FOR", timedelta(minutes=5))
        routes.forget()
        user = make_api_user()
        for _ in range(9):
            make_message(user=user)

        with CaptureQueriesContext(connection) as captured:
            claimed = delivery._claim("scripted", 9)

        assert {attempts[0].cost for _message, attempts in claimed} == {Decimal("0.04")}
        assert not [query for query in captured if "sms_accounts_route" in query["sql"]]


class TestDay:
    def test_has_what_the_carrier_took_and_what_was_paid_for_it(self, carrier):
        user = make_api_user()
        make_message(user=user)
        make_message(user=user)
        make_message(user=user)

        found = deliver(carrier, "delivered", "undeliverable", "")

        assert found == {
            "scripted": Costs(messages=2, cost=Decimal("0.08"), credits=Decimal(2)),
        }
        assert found["scripted"].left == Decimal("1.92")

    def test_adds_up_the_parts_of_a_text(self, carrier):
        message = make_long_message(parts=3)
        delivery.deliver_all(carrier)
        for part in (1, 2, 3):
            reported(message, part=part)

        assert added_up()["scripted"] == Costs(messages=1, cost=Decimal("0.12"), credits=Decimal(3))

    def test_says_of_how_many_no_cost_is_known(self, carrier):
        make_route("scripted", prefix="32")
        user = make_api_user()
        make_message(user=user)
        make_message(user=user, msisdn="32470123456")

        costs = deliver(carrier, "delivered", "delivered")["scripted"]

        assert costs == Costs(messages=2, without_cost=1, cost=Decimal("0.04"), credits=Decimal(2))
        assert costs.left is None

    @pytest.mark.parametrize("step", [Rejected(code="no", ptt=20), TryLater("busy"), "A1"])
    def test_has_nothing_that_the_carrier_does_not_have(self, carrier, step):
        carrier.steps.append(step)
        make_message()

        assert deliver(carrier, "rejected" if step == "A1" else "") == {}

    def test_counts_a_message_that_was_never_answered_once_its_report_comes(self, carrier):
        carrier.steps.append(OutcomeUnknown("no answer"))
        make_message()

        assert deliver(carrier, "delivered")["scripted"].cost == Decimal("0.04")

    def test_has_no_credits_that_went_back(self, carrier):
        """The carrier answered too late that it has the part after all."""
        carrier.steps.append(OutcomeUnknown("no answer"))
        message = make_message()
        delivery.deliver_all(carrier)
        with transaction.atomic():
            settling.give_back(settling.locked(message.pk), at=timezone.now(), reason="No answer")

        recording.record_late_answer(Attempt.objects.get().reference, lambda: "A1")

        assert added_up()["scripted"] == Costs(messages=1, cost=Decimal("0.04"), credits=Decimal(0))

    def test_has_all_credits_of_a_text_of_which_a_part_was_refused(self, carrier):
        message = make_long_message(parts=2)
        delivery.deliver_all(carrier)
        reported(message, "rejected", part=1)
        reported(message, "delivered", part=2)

        assert Message.objects.get().state == State.UNDELIVERABLE
        assert added_up()["scripted"] == Costs(messages=1, cost=Decimal("0.04"), credits=Decimal(2))

    def test_is_that_of_the_hand_over_where_staff_are(self, carrier, settings):
        settings.TIME_ZONE = "Asia/Tokyo"
        with time_machine.travel(datetime(2026, 3, 1, 14, 59, tzinfo=UTC), tick=False) as clock:
            user = make_api_user()
            make_message(user=user)
            delivery.deliver_all(carrier)
            clock.shift(timedelta(minutes=2))
            make_message(user=user)
            delivery.deliver_all(carrier)
            clock.shift(timedelta(days=2))
            for message in Message.objects.all():
                reported(message)
            added_up()

        days = CarrierDay.objects.order_by("day").values_list("day", "messages")
        assert [(f"{day}", messages) for day, messages in days] == [
            ("2026-03-01", 1),
            ("2026-03-02", 1),
        ]

    def test_grows_by_what_comes_later_and_counts_nothing_twice(self, carrier):
        user = make_api_user()
        for count in (1, 2, 3):
            make_message(user=user)
            costs = deliver(carrier, *["delivered"] * count)["scripted"]
            counting.count()
            reported(Message.objects.latest("id"), "undeliverable")

        assert costs == Costs(messages=3, cost=Decimal("0.12"), credits=Decimal(3))

    def test_is_added_up_by_indexes(self):
        ended = Attempt.objects.filter(message__in=[1, 2], outcome=Attempt.Outcome.TAKEN)

        plan = plan_of(ended.select_related("message").order_by("id"), may_sort=True)

        assert "Seq Scan" not in plan
        assert "SCAN" not in plan
