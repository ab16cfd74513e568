"""Lanes: who serves them, and that a change of the carrier sends nothing twice."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from sms_accounts import carrier_accounts, delivery, lanes, reports, routes, unresolved
from sms_accounts.carriers import OutcomeUnknown, Rejected, TryLater
from sms_accounts.models import (
    Account,
    Attempt,
    CarrierWatch,
    Lane,
    Message,
    Route,
    SmppCarrier,
    State,
)
from sms_accounts.models.route import NO_ROUTE
from tests.factories import (
    make_api_user,
    make_long_message,
    make_message,
    make_route,
    make_smpp_carrier,
    make_user,
)
from tests.plans import plan_of
from tests.scripted_carrier import ScriptedCarrier, dlr, post
from tests.traces import outcomes

BUSY = TryLater("busy")
SILENT = OutcomeUnknown("no answer")


@pytest.fixture
def carriers(monkeypatch):
    """Three carriers that answer as they are told; the messages of all routes begin at acme."""
    each = {name: ScriptedCarrier() for name in ("acme", "beta", "gamma")}
    for name, carrier in each.items():
        carrier.name = name
        make_smpp_carrier(name=name)
    monkeypatch.setattr(carrier_accounts, "get", each.__getitem__)
    make_route("acme 1", "beta 2", "gamma 3")
    return each


def pass_over(*names):
    for name in ("acme", "beta", "gamma"):
        CarrierWatch.objects.update_or_create(
            name=name, defaults={"is_passed_over": name in names, "since": timezone.now()}
        )
    lanes.forget()


def deliver(carriers):
    """Let each carrier hand over what is due for it, whenever it is due, and some time later."""
    for _later in range(2):
        lanes.forget()
        Message.objects.filter(state=State.QUEUED).update(due_at=timezone.now())
        for carrier in carriers.values():
            delivery.deliver_all(carrier)


def handed(carriers):
    """The parts that each carrier was handed."""
    return {name: carrier.parts for name, carrier in carriers.items() if carrier.parts}


@pytest.mark.django_db
class TestServing:
    def test_is_for_the_first_carrier_that_is_not_passed_over(self, carriers):
        deliveries = []
        for out in ((), ("acme",), ("acme", "beta"), ("beta",)):
            pass_over(*out)
            message = make_message()
            deliver(carriers)
            message.refresh_from_db()
            deliveries.append(message.carrier)

        assert deliveries == ["acme", "beta", "gamma", "acme"]

    def test_stays_with_the_first_where_all_are_passed_over(self, carriers):
        pass_over("acme", "beta", "gamma")
        make_message()

        deliver(carriers)

        assert handed(carriers) == {"acme": [1]}

    def test_leaves_out_those_that_are_switched_off(self, carriers):
        SmppCarrier.objects.exclude(name="gamma").update(is_enabled=False)
        lanes.forget()
        make_message()

        deliver(carriers)

        assert handed(carriers) == {"gamma": [1]}

    def test_is_for_nobody_where_all_are_switched_off(self, carriers):
        SmppCarrier.objects.update(is_enabled=False)
        lanes.forget()
        message = make_message()

        deliver(carriers)

        message.refresh_from_db()
        assert message.state == State.QUEUED
        assert lanes.serving().carrier_of(message.lane) == ""

    def test_leaves_what_no_route_fits_to_the_carrier_that_takes_all(self, carriers):
        make_smpp_carrier(name="all", default=True)

        assert lanes.serving().carrier_of(NO_ROUTE) == "all"
        assert lanes.served_by("simulator") == ()

    def test_looks_at_each_lane_in_turn(self, carriers):
        """A million messages in one lane keep nobody in another one waiting."""
        user = make_api_user()
        make_route("acme", "beta 2", prefix="32")
        first = [make_message(user=user) for _ in range(6)]
        second = [make_message(user=user, msisdn="32470123456") for _ in range(6)]

        claimed = [delivery._claim("acme", 3)[0][0].lane for _ in range(2)]

        assert set(claimed) == {first[0].lane, second[0].lane}


@pytest.mark.django_db
class TestMoving:
    """To another carrier goes what the first one surely does not have, and nothing else."""

    @pytest.mark.parametrize("first", [BUSY, None])
    def test_takes_along_what_was_not_taken(self, carriers, first):
        if first is None:
            pass_over("acme")
        else:
            carriers["acme"].steps.append(first)
        message = make_message()
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")

        deliver(carriers)

        message.refresh_from_db()
        assert (message.state, message.carrier) == (State.ENROUTE, "beta")
        assert handed(carriers)["beta"] == [1]

    @pytest.mark.parametrize("policy", Account.UnknownOutcome)
    def test_leaves_a_message_that_was_never_answered(self, carriers, policy):
        user = make_api_user()
        Account.objects.update(unknown_outcome=policy)
        carriers["acme"].steps.append(SILENT)
        message = make_message(user=user)
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")

        Message.objects.filter(decide_at__isnull=False).update(decide_at=timezone.now())
        unresolved.decide_due()
        deliver(carriers)

        message.refresh_from_db()
        assert message.carrier == "acme"
        assert set(handed(carriers)) == {"acme"}

    def test_leaves_what_staff_hand_over_again_to_who_may_have_it(self, carriers):
        carriers["acme"].steps.append(SILENT)
        message = make_message()
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")

        unresolved.release([message.pk], by=make_user(staff=True))
        deliver(carriers)

        assert handed(carriers) == {"acme": [1, 1]}
        assert Lane.objects.get(pk=Message.objects.get().lane).carriers == "acme"

    @pytest.mark.parametrize("answer", ["A1", SILENT])
    def test_leaves_the_rest_of_a_text_to_who_may_have_its_first_part(self, carriers, answer):
        carriers["acme"].steps.extend([answer, BUSY])
        message = make_long_message(parts=3)
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")

        deliver(carriers)

        message.refresh_from_db()
        assert message.carrier == "acme"
        assert handed(carriers) == {"acme": [1, 2, 2, 3]}

    def test_takes_all_parts_along_where_the_first_was_not_taken(self, carriers):
        carriers["acme"].steps.append(BUSY)
        message = make_long_message(parts=2)
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")

        deliver(carriers)

        message.refresh_from_db()
        assert (message.state, message.carrier) == (State.ENROUTE, "beta")
        assert outcomes(message) == [
            (1, "try_later"),
            (2, "not_sent"),
            (1, "taken"),
            (2, "taken"),
        ]

    def test_leaves_what_a_report_says_was_taken_all_the_same(self, carriers):
        """A carrier may say that it is busy, and put the part on air nevertheless."""
        carriers["acme"].steps.append(BUSY)
        message = make_long_message(parts=2)
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")
        post(dlr("enroute", reference=Attempt.objects.get(part=1).reference), carrier="acme")
        reports.record_dlrs()

        deliver(carriers)

        message.refresh_from_db()
        assert message.carrier == "acme"
        assert handed(carriers) == {"acme": [1, 2]}

    def test_gives_back_what_a_report_says_the_first_carrier_took(self, carriers):
        carriers["acme"].steps.append(BUSY)
        carriers["beta"].steps.append(BUSY)
        message = make_long_message(parts=2)
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")
        Message.objects.update(due_at=timezone.now())
        delivery.deliver_all(carriers["beta"])
        first = Attempt.objects.get(part=1, carrier="acme")
        post(dlr("enroute", reference=first.reference), carrier="acme")
        reports.record_dlrs()

        deliver(carriers)

        message.refresh_from_db()
        assert message.carrier == "acme"
        assert handed(carriers) == {"acme": [1, 2], "beta": [1]}

    def test_takes_along_nothing_that_was_refused(self, carriers):
        carriers["acme"].steps.extend([Rejected(code="REJECTD", ptt=20)])
        message = make_message()
        delivery.deliver_all(carriers["acme"])
        pass_over("acme")

        deliver(carriers)

        message.refresh_from_db()
        assert message.state == State.REJECTED
        assert set(handed(carriers)) == {"acme"}

    def test_goes_past_many_that_stay(self, carriers):
        """What has to stay is put aside at once, and does not keep the others from going."""
        user = make_api_user()
        stay = [make_message(user=user) for _ in range(40)]
        for message in stay:
            message.attempts.create(
                carrier="acme",
                part=1,
                reference=f"r{message.pk}",
                outcome=Attempt.Outcome.NO_ANSWER,
                started_at=timezone.now(),
            )
        Message.objects.update(carrier="acme")
        message = make_message(user=user)
        pass_over("acme")

        [(claimed, _attempts)] = delivery._claim("beta", 16)

        assert claimed == message
        assert lanes.served_by("acme") == ()
        lanes.forget()
        assert len(delivery._claim("acme", 64)) == len(stay)

    def test_is_no_matter_of_routes_alone(self, carriers):
        """Staff may let another carrier take all messages while one of them is under way."""
        Route.objects.all().delete()
        routes.forget()
        SmppCarrier.objects.filter(name="acme").update(is_default=True)
        carriers["acme"].steps.append(SILENT)
        message = make_message()
        deliver(carriers)
        unresolved.release([message.pk], by=make_user(staff=True))
        SmppCarrier.objects.filter(name="acme").update(is_default=False)
        SmppCarrier.objects.filter(name="beta").update(is_default=True)

        deliver(carriers)

        assert handed(carriers) == {"acme": [1, 1]}


@pytest.mark.django_db
def test_claims_in_a_lane_are_found_by_their_index():
    make_message()
    due = Message.objects.due_in(7, timezone.now()).select_related("submission")[:64]

    plan = plan_of(due)

    assert "messages_due" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.django_db(transaction=True)
class TestDeliverDue:
    """Carriers without a process of their own are handed their messages by workers."""

    @pytest.fixture
    def in_workers(self, monkeypatch):
        each = {name: ScriptedCarrier() for name in ("acme", "beta")}
        known = [
            carrier_accounts.Known(
                name=name,
                is_enabled=True,
                is_default=name == "acme",
                has_process=False,
                window=carrier.window,
            )
            for name, carrier in each.items()
        ]
        for name, carrier in each.items():
            carrier.name = name
        monkeypatch.setattr(carrier_accounts, "get", each.__getitem__)
        monkeypatch.setattr(carrier_accounts, "every", lambda: known)
        monkeypatch.setattr(delivery, "LOOK_EVERY", timedelta(milliseconds=50))
        return each

    def test_takes_all_carriers_together(self, in_workers):
        make_route("beta", prefix="32")
        make_message()
        make_message(msisdn="32470123456")

        assert delivery.deliver_due() == 2

        assert handed(in_workers) == {"acme": [1], "beta": [1]}

    def test_does_not_let_a_slow_carrier_hold_up_another(self, in_workers):
        go_on, is_asked = threading.Event(), threading.Event()

        def hang(_submit):
            is_asked.set()
            assert go_on.wait(10)
            return "A1"

        in_workers["acme"].steps.append(hang)
        make_route("beta", prefix="32")
        user = make_api_user()
        make_message(user=user)
        worker = threading.Thread(target=self.work)
        worker.start()
        try:
            assert is_asked.wait(10)
            message = make_message(user=user, msisdn="32470123456")
            # By the worker that waits, and by the next one that is rung for.
            self.wait_for(message)
            another = make_message(user=user, msisdn="32470123456")
            delivery.deliver_due()
            self.wait_for(another)
            assert Message.objects.filter(state=State.SUBMITTING).count() == 1
        finally:
            go_on.set()
            worker.join()

        assert not Message.objects.exclude(state=State.ENROUTE).exists()

    def work(self):
        delivery.deliver_due()
        connection.close()

    def wait_for(self, message):
        for _ in range(500):
            message.refresh_from_db()
            if message.state == State.ENROUTE:
                return
            threading.Event().wait(0.01)
        pytest.fail("held up")
