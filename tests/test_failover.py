"""Failover: which carriers are passed over, when they are taken back, and what staff see of it."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import (
    carrier_accounts,
    carrier_health,
    carrier_tallies,
    delivery,
    failover,
    lanes,
    reports,
)
from sms_accounts.carriers import TryLater
from sms_accounts.models import (
    CarrierSwitch,
    CarrierTally,
    CarrierWatch,
    Heartbeat,
    Message,
    SmppCarrier,
    State,
)
from tests.factories import make_api_user, make_message, make_route, make_smpp_carrier
from tests.heartbeats import hear
from tests.scripted_carrier import ScriptedCarrier, dlr, post

pytestmark = pytest.mark.django_db

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
# One class of times each: some 10 ms, and some 16 s.
FAST, SLOW = {"14": 8}, {"56": 8}


@pytest.fixture
def acme():
    """A carrier that is bound, with another one behind it."""
    acme = make_smpp_carrier(name="acme")
    make_route("acme 1", "simulator 2")
    SmppCarrier.objects.update(is_bound=True)
    hear(Heartbeat.Kind.SMPP, "acme@here")
    failover.watch()
    return acme


def at(moment):
    return time_machine.travel(moment, tick=False)


def look(*, after=timedelta(0)):
    """Look twice, so far apart that what was wrong the first time lasted."""
    for span in (after, after + failover.GRACE):
        with at(timezone.now() + span):
            failover.watch()


def counted(carrier="acme", *, ago=timedelta(0), **counts):
    CarrierTally.objects.create(carrier=carrier, at=timezone.now() - ago, **counts)


def demand(**demands):
    CarrierWatch.objects.filter(name="acme").update(**demands)


def is_out():
    return CarrierWatch.objects.get(name="acme").is_passed_over


def because():
    return CarrierSwitch.objects.filter(is_passed_over=True).latest("id").because


class TestACarrierIsPassedOver:
    def test_never_while_nothing_is_wrong(self, acme):
        demand(slow_seconds=5, queue_seconds=60, least_delivered=80)
        counted(taken=50, delivered=45, failed=5, later=9, submit_times=FAST)
        make_message()

        look()

        assert not is_out()
        assert not CarrierSwitch.objects.exists()

    def test_where_it_is_not_bound_for_some_time(self, acme):
        SmppCarrier.objects.update(is_bound=False, bind_told="cannot be reached")

        failover.watch()
        assert not is_out()
        look()

        assert because() == "not bound: cannot be reached"
        assert lanes.serving().carrier_of(make_message().lane) == "simulator"

    def test_unless_it_was_bound_anew_soon(self, acme):
        now = timezone.now()
        for seconds, is_bound in ((0, False), (6, True), (12, False), (18, False)):
            SmppCarrier.objects.update(is_bound=is_bound)
            with at(now + seconds * SECOND):
                failover.watch()

        assert not is_out()

    def test_where_its_process_is_gone(self, acme):
        Heartbeat.objects.all().delete()

        look()

        assert because() == "its process is not running"

    @pytest.mark.parametrize(
        ("counts", "told"),
        [
            ({"later": 2, "unanswered": 1}, "none of 3 submits was answered"),
            ({"taken": 20, "later": 15, "unanswered": 5}, "20 of 40 submits failed"),
            ({"later": 2}, ""),
            ({"taken": 1, "later": 3}, ""),
            ({"taken": 21, "later": 15, "unanswered": 5}, ""),
        ],
    )
    def test_where_its_submits_fail(self, acme, counts, told):
        counted(**counts)

        look()

        assert is_out() == bool(told)
        assert not told or told in because()

    @pytest.mark.parametrize(("seconds", "is_slow"), [(15, True), (20, False), (None, False)])
    def test_where_it_answers_slowly(self, acme, seconds, is_slow):
        demand(slow_seconds=seconds)
        counted(taken=8, submit_times=SLOW)

        look()

        assert is_out() == is_slow
        assert not is_slow or because() == "half of its answers take longer than 16.4 s"

    @pytest.mark.parametrize(("seconds", "is_behind"), [(60, True), (90, False), (None, False)])
    def test_where_messages_wait_for_it(self, acme, seconds, is_behind):
        demand(queue_seconds=seconds)
        make_message()
        Message.objects.update(due_at=timezone.now() - 70 * SECOND)

        look()

        assert is_out() == is_behind

    @pytest.mark.parametrize(
        ("least", "counts", "is_bad"),
        [
            (80, {"delivered": 15, "failed": 5}, True),
            (75, {"delivered": 15, "failed": 5}, False),
            (80, {"delivered": 14, "failed": 5}, False),
            (None, {"failed": 50}, False),
        ],
    )
    def test_where_it_delivers_too_little(self, acme, least, counts, is_bad):
        demand(least_delivered=least)
        counted(**counts, ago=29 * MINUTE)
        counted(failed=100, ago=31 * MINUTE)

        look()

        assert is_out() == is_bad
        assert not is_bad or because() == "75 % of 20 parts were delivered"

    def test_not_where_staff_switched_it_off(self, acme):
        SmppCarrier.objects.update(is_enabled=False, is_bound=False)

        look()

        assert not is_out()


class TestACarrierIsTakenBack:
    @pytest.fixture
    def start(self, acme):
        SmppCarrier.objects.update(is_bound=False)
        look()
        assert is_out()
        SmppCarrier.objects.update(is_bound=True)
        return timezone.now()

    def follow(self, *spans):
        """Look at moments counted from now; return whether it is passed over after each."""
        now, found = timezone.now(), []
        for span in spans:
            with at(now + span):
                failover.watch()
            found.append(is_out())
        return found

    def test_after_so_long_a_time_in_which_nothing_was_wrong(self, start):
        assert self.follow(timedelta(0), 4.9 * MINUTE, 5 * MINUTE) == [True, True, False]
        assert [(s.is_passed_over, s.because) for s in CarrierSwitch.objects.order_by("id")] == [
            (True, "not bound: not yet"),
            (False, "it has been well for long enough"),
        ]

    def test_later_where_something_is_wrong_again_meanwhile(self, start):
        self.follow(timedelta(0))
        SmppCarrier.objects.update(is_bound=False)
        self.follow(3 * MINUTE)
        SmppCarrier.objects.update(is_bound=True)

        assert self.follow(4 * MINUTE, 8 * MINUTE, 9 * MINUTE) == [True, True, False]

    def test_not_while_it_is_switched_off(self, start):
        self.follow(timedelta(0))
        SmppCarrier.objects.filter(name="acme").update(is_enabled=False)
        self.follow(3 * MINUTE)
        assert self.follow(9 * MINUTE) == [True]
        SmppCarrier.objects.filter(name="acme").update(is_enabled=True)

        assert self.follow(10 * MINUTE, 14 * MINUTE, 15 * MINUTE) == [True, True, False]

    def test_later_each_time_and_after_an_hour_at_most(self, start):
        found = []
        for minutes in (5, 10, 20, 40, 60, 60):
            found.append(self.follow(timedelta(0), (minutes - 0.1) * MINUTE, minutes * MINUTE))
            CarrierWatch.objects.update(is_passed_over=True, well_since=None)
            CarrierSwitch.objects.create(
                carrier="acme", is_passed_over=True, because="again", at=timezone.now()
            )

        assert found == [[True, True, False]] * 6

    @pytest.mark.parametrize(
        ("counts", "is_trusted"),
        [
            ({"submit_times": {"40": 8}}, True),
            ({"submit_times": {"49": 8}}, False),
            ({"delivered": 42, "failed": 8}, True),
            ({"delivered": 41, "failed": 9}, False),
        ],
    )
    def test_only_where_it_is_better_than_it_has_to_be(self, start, counts, is_trusted):
        """At 10 s and 80 %: classes 40 and 49 are some 1 and 5 s."""
        demand(slow_seconds=8, least_delivered=79)
        with at(timezone.now() + 4 * MINUTE):
            counted(taken=8, **counts)

        assert self.follow(timedelta(0), 5 * MINUTE) == [True, not is_trusted]


class TestFollowing:
    def test_sends_what_waits_to_the_next_carrier_and_back_again(self, acme, monkeypatch):
        carriers = {name: ScriptedCarrier() for name in ("acme", "simulator")}
        for name, carrier in carriers.items():
            carrier.name = name
        monkeypatch.setattr(carrier_accounts, "get", carriers.__getitem__)
        carriers["acme"].steps.extend([TryLater("busy")] * 9)
        user, now = make_api_user(), timezone.now()
        for minutes in (0, 1, 2, 8, 14, 15):
            with at(now + minutes * MINUTE):
                make_message(user=user)
                for _round in range(3):
                    Message.objects.filter(state=State.QUEUED).update(due_at=timezone.now())
                    for carrier in carriers.values():
                        delivery.deliver_all(carrier)
                carrier_tallies.store(at_once=True)
                failover.watch()

        gone = Message.objects.order_by("id").values_list("carrier", flat=True)
        assert list(gone) == ["simulator"] * 5 + ["acme"]
        assert len(carriers["acme"].submits) == 10
        assert not Message.objects.exclude(state=State.ENROUTE).exists()


class TestTallies:
    def test_have_what_was_answered_and_reported_and_how_soon(self, monkeypatch):
        carrier = ScriptedCarrier()
        monkeypatch.setattr(carrier_accounts, "get", lambda name: carrier)
        carrier.name = "simulator"
        carrier.steps.extend(["A1", "A2", TryLater("busy")])
        user = make_api_user()
        messages = [make_message(user=user) for _ in range(3)]
        delivery.deliver_due()
        references = [m.attempts.get().reference for m in messages]
        post(dlr("delivered", reference=references[0]), carrier="simulator")
        post(dlr("expired", reference=references[1]), carrier="simulator")
        post(dlr("expired", reference=references[1]), carrier="simulator")

        reports.record_dlrs()
        carrier_tallies.store(at_once=True)

        [health] = carrier_health.look(timezone.now())
        lately = health.within(MINUTE)
        assert dict(lately.counts) == {
            "taken": 2,
            "refused": 0,
            "later": 1,
            "unanswered": 0,
            "delivered": 1,
            "failed": 1,
        }
        assert (lately.submit_time(0.95) or MINUTE) < SECOND
        assert (lately.dlr_time(0.95) or MINUTE) < SECOND
        assert lately.percent_delivered == 50

    def test_are_stored_every_few_seconds_and_kept_for_a_day(self):
        for _ in range(3):
            carrier_tallies.answered("acme", "taken", after=SECOND)
            carrier_tallies.store()
        assert CarrierTally.objects.get().taken == 1
        carrier_tallies.store(at_once=True)
        assert sorted(CarrierTally.objects.values_list("taken", flat=True)) == [1, 2]

        with time_machine.travel(timezone.now() + carrier_tallies.KEPT_FOR + SECOND):
            assert carrier_tallies.purge() == 2

    @pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.05, 1, 17, 86_400, 400_000])
    def test_tell_times_right_to_a_fifth(self, seconds):
        carrier_tallies.answered("acme", "taken", after=timedelta(seconds=seconds))
        carrier_tallies.store()

        told = carrier_tallies.quantile([CarrierTally.objects.get().submit_times], 0.5)

        assert told
        assert seconds <= told.total_seconds() <= max(seconds, 0.001) * 1.2

    def test_tell_medians_and_what_nearly_all_stay_below(self):
        times = [{"0": 94}, {"40": 5, "0": 0}, {"56": 1}]

        told = [carrier_tallies.quantile(times, share) for share in (0.5, 0.95, 1)]

        assert [each and round(each.total_seconds(), 3) for each in told] == [0.001, 1.024, 16.384]
        assert carrier_tallies.quantile([], 0.5) is None


class TestHealth:
    def test_tells_what_waits_what_is_under_way_and_what_is_held(self, acme):
        user = make_api_user()
        for minutes in (3, 1):
            message = make_message(user=user)
            due_at = timezone.now() - minutes * MINUTE
            Message.objects.filter(pk=message.pk).update(due_at=due_at)
        for held in (True, False, False):
            message = make_message(user=user)
            Message.objects.filter(pk=message.pk).update(
                state=State.SUBMITTING,
                carrier="acme",
                claimed_until=None if held else timezone.now() + MINUTE,
            )

        health = {each.name: each for each in carrier_health.look(timezone.now())}

        seen = health["acme"]
        assert (seen.waiting, seen.under_way, seen.held) == (2, 2, 1)
        assert 3 * MINUTE <= seen.longest_wait < 4 * MINUTE
        assert (health["simulator"].waiting, health["simulator"].under_way) == (0, 0)

    def test_takes_as_many_questions_for_many_carriers_as_for_few(self, acme):
        def questions():
            with CaptureQueriesContext(connection) as asked:
                carrier_health.look(timezone.now())
            return len(asked)

        few = questions()
        for number in range(5):
            make_smpp_carrier(name=f"more-{number}")
            make_route(f"more-{number}", "acme", prefix=f"{number}")
            counted(f"more-{number}", taken=1)
            make_message()

        assert questions() == few
