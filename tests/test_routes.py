"""Routes: which lane a message waits in, and with that, where it goes."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms_accounts import routes, submission
from sms_accounts.models import Lane, Message, Route, RouteCarrier
from sms_accounts.models.route import NO_ROUTE
from tests.factories import (
    make_account,
    make_api_user,
    make_message,
    make_order,
    make_route,
)

pytestmark = pytest.mark.django_db


def lane_of(message):
    """The carriers that a message may go to, in their order."""
    message.refresh_from_db()
    return Lane.objects.get(pk=message.lane).carriers if message.lane else ""


class TestLane:
    def test_is_that_of_no_route_without_one(self):
        make_route("acme", prefix="32")

        assert make_message(msisdn="33639980004").lane == NO_ROUTE

    def test_has_the_carriers_in_the_order_of_their_preference(self):
        make_route("acme 2 9", "mid 1", "beta 3", "zeta 3 2", prefix="33")

        assert lane_of(make_message(msisdn="33639980004")) == "mid,acme,zeta,beta"

    def test_follows_the_most_specific_route(self):
        user = make_api_user(account=make_account(sender="Shop"))
        kinds: list[dict[str, Any]] = [
            {},
            {"prefix": "33"},
            {"prefix": "336"},
            {"sender": "Shop"},
            {"sender": "Shop", "prefix": "3"},
            {"account": user.account},
            {"account": user.account, "prefix": "33"},
            {"account": user.account, "sender": "Shop"},
            {"api_user": user},
            {"api_user": user, "prefix": "33"},
            {"api_user": user, "sender": "Shop"},
        ]
        found = []
        for number, kind in enumerate(kinds):
            make_route(f"c{number}", **kind)
            # Those that fit none of its messages.
            make_route("wrong", **{**kind, "prefix": f"49{number}"})
            order = make_order(user, sender="Shop", receivers=["33639980004"])
            found.append(lane_of(submission.submit(order).submission.messages.get()))

        # Each is more specific than those before it.
        assert found == [f"c{number}" for number in range(len(kinds))]

    def test_of_a_message_without_an_api_user_follows_its_account(self):
        user = make_api_user()
        make_route("of-user", api_user=user)
        make_route("of-account", account=user.account)
        lanes_for = routes.lanes_for(account_id=user.account_id, api_user_id=None, sender="X")

        assert Lane.objects.get(pk=lanes_for("336", 1)).carriers == "of-account"

    def test_is_that_of_another_route_where_the_first_is_switched_off(self):
        make_route("acme", prefix="33")
        make_route("beta")
        Route.objects.filter(prefix="33").update(is_enabled=False)
        routes.forget()

        assert lane_of(make_message(msisdn="33639980004")) == "beta"

    def test_shares_messages_out_among_carriers_of_one_preference(self):
        make_route("acme 1 3", "beta 1 1", "spare 2")
        user = make_api_user(account=make_account())
        numbers = [f"336399800{number:02}" for number in range(40)]

        receipt = submission.submit(make_order(user, receivers=numbers))

        lanes = Message.objects.filter(pk__in=receipt.message_ids).values_list("lane", flat=True)
        names = Counter(Lane.objects.get(pk=lane).carriers for lane in lanes)
        assert names == {"acme,beta,spare": 30, "beta,acme,spare": 10}


class TestTable:
    def test_is_read_every_two_seconds_and_not_for_each_message(self):
        make_route("acme", prefix="33")
        user = make_api_user()
        make_message(user=user)

        with CaptureQueriesContext(connection) as captured:
            make_message(user=user)

        assert not [query for query in captured if "sms_accounts_route" in query["sql"]]

    def test_is_read_anew_when_it_is_too_old(self, monkeypatch):
        monkeypatch.setattr(routes, "REMEMBERED_FOR", timedelta(0))
        user = make_api_user()
        make_message(user=user)
        Route.objects.create(prefix="33").carriers.create(carrier="acme")
        Lane.objects.create(carriers="acme")

        assert lane_of(make_message(user=user, msisdn="33639980004")) == "acme"

    def test_of_a_route_without_lanes_is_as_if_there_were_none(self):
        route = Route.objects.create()
        RouteCarrier.objects.create(route=route, carrier="acme")

        assert make_message().lane == NO_ROUTE


class TestMakeLanes:
    def test_keeps_the_lanes_that_there_are(self):
        first = make_route("acme 1", "beta 2")
        lane = Lane.objects.get()
        first.delete()

        make_route("acme 1", "beta 2", prefix="33")

        assert Lane.objects.get() == lane
