"""That a million messages in lanes slow nobody down: each question about them has its index."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from sms_accounts import carrier_health, counting, delivery, failover, lanes, validity
from sms_accounts.models import Attempt, CarrierWatch, Message
from tests.factories import make_api_user, make_message, make_route, make_smpp_carrier
from tests.plans import plan_of_statement
from tests.scripted_carrier import dlr, post

pytestmark = pytest.mark.django_db

# Tables that have a row or more for each message.
_LARGE = r"sms_accounts_(message|attempt|submission|messageevent)"


def plans(act):
    """Do something; return how each statement about messages and attempts finds its rows."""
    asked = []

    def keep(execute, sql, params, many, context):
        if re.search(rf'(FROM|JOIN|UPDATE)\s+"?{_LARGE}\b', sql) and not many:
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        act()
    assert asked
    return {sql: plan_of_statement(sql, params) for sql, params in asked}


def walks(plan):
    """Tell whether a plan walks through one of the large tables, whole and without an index."""
    if connection.vendor == "postgresql":
        return bool(re.search(rf"Seq Scan on {_LARGE}\b", plan))
    # SQLite names a table by its alias, where it has one. The index of what is due is as long as
    # all that waits.
    scans = re.findall(r"SCAN (\w+)([^']*)", plan)
    return any(
        re.fullmatch(rf"{_LARGE}|m|[TU]\d+", table) and (not how or "messages_due" in how)
        for table, how in scans
    )


@pytest.fixture
def busy():
    """Messages in three lanes, of which one was tried before."""
    for name in ("acme", "beta"):
        make_smpp_carrier(name=name)
    make_route("acme", "beta 2")
    make_route("beta", "acme 2", prefix="32")
    user = make_api_user()
    for receiver in ("33639980004", "33639980005", "32470123456"):
        message = make_message(user=user, msisdn=receiver)
    Message.objects.filter(pk=message.pk).update(carrier="beta")
    message.attempts.create(
        carrier="beta",
        part=1,
        reference="r1",
        outcome=Attempt.Outcome.NO_ANSWER,
        started_at=timezone.now(),
    )
    return user


class TestWithoutAWalkThroughMessages:
    def test_are_messages_claimed(self, busy):
        found = plans(lambda: delivery._claim("acme", 16))

        assert not [sql for sql, plan in found.items() if walks(plan)]
        assert any("messages_due" in plan for plan in found.values())

    def test_is_seen_what_waits_for_each_carrier(self, busy):
        found = plans(lambda: carrier_health.look(timezone.now()))

        assert not [sql for sql, plan in found.items() if walks(plan)]

    def test_does_another_carrier_take_over(self, busy):
        """And what the first one may have is put aside for it."""
        CarrierWatch.objects.create(name="beta", is_passed_over=True)
        lanes.forget()

        def take_over():
            failover.watch()
            assert len(delivery._claim("acme", 16)) == 2

        found = plans(take_over)

        assert Message.objects.filter(state="queued").count() == 1
        assert not [sql for sql, plan in found.items() if walks(plan)]

    def test_are_those_ended_that_nobody_came_for(self, busy, settings):
        settings.VALIDITY = timedelta(0)
        CarrierWatch.objects.update_or_create(name="acme", defaults={"away_since": timezone.now()})
        CarrierWatch.objects.update_or_create(name="beta", defaults={"away_since": timezone.now()})
        Message.objects.update(due_at=timezone.now(), state_since=timezone.now())

        found = plans(lambda: validity.end_overdue())

        assert not Message.objects.filter(state="queued").exists()
        assert not [sql for sql, plan in found.items() if walks(plan)]

    def test_is_added_up_what_they_cost(self, busy):
        post(dlr("delivered", reference="r1"), carrier="beta")

        found = plans(counting.count)

        assert not [sql for sql, plan in found.items() if walks(plan)]
