"""The staff's page of how the carriers do."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from sms_accounts import failover
from sms_accounts.models import (
    CarrierDay,
    CarrierSwitch,
    CarrierTally,
    CarrierWatch,
    Heartbeat,
    HttpCarrier,
    Message,
    SmppCarrier,
    State,
)
from tests.admin.rows import make_clerk, text_of, url
from tests.factories import make_message, make_route, make_smpp_carrier
from tests.heartbeats import hear
from tests.pages.checks import check_page

pytestmark = pytest.mark.django_db

PAGE = url(CarrierWatch)


def shown(browser):
    """The words that stand at each carrier."""
    page = browser.get(PAGE).content.decode()
    check_page(page)
    sections = re.findall(r"<section class=\"module carrier.*?</section>", page, re.S)
    found = [" ".join(re.sub(r"<[^>]*>", " ", section).split()) for section in sections]
    return {section.split()[0]: section for section in found}


class TestPage:
    def test_shows_all_that_is_known_of_a_carrier(self, browser):
        make_smpp_carrier(name="acme")
        SmppCarrier.objects.update(is_bound=True, window=20)
        hear(Heartbeat.Kind.SMPP, "acme@here")
        make_route("acme", "simulator 2")
        for minutes, times in ((0, {"14": 60}), (30, {"28": 40, "40": 10})):
            CarrierTally.objects.create(
                carrier="acme",
                at=timezone.now() - timedelta(minutes=minutes, seconds=-5),
                taken=sum(times.values()) - 10,
                refused=10,
                later=2,
                delivered=90,
                failed=10,
                submit_times=times,
                dlr_times={"56": 3},
            )
        for held in (True, False):
            message = make_message()
            Message.objects.filter(pk=message.pk).update(
                state=State.SUBMITTING,
                carrier="acme",
                claimed_until=None if held else timezone.now() + timedelta(minutes=1),
            )
        make_message()

        words = shown(browser)["acme"]

        for each in (
            "acme Well",
            "Messages those of its routes",
            "Bind bound",
            "last minute 62",
            "last hour 114",
            "put off 4",
            "Window 1 of 20",
            "Answer to a submit 11 ms for half, 1.0 s for 95 %",
            "DLR after the answer 16.4 s for half, 16.4 s for 95 %",
            "last 30 minutes 90.0 % of 200 parts",
            "Waiting 1, the oldest for 0 s",
            "Never answered 1",
        ):
            assert each in words
        assert "all that no route sends elsewhere" in shown(browser)["simulator"]

    def test_says_who_took_over_and_why(self, browser):
        make_smpp_carrier(name="acme")
        hear(Heartbeat.Kind.SMPP, "acme@here")
        make_route("acme", "simulator 2")
        failover.watch()
        CarrierWatch.objects.update(trouble_since=timezone.now() - failover.GRACE)
        before = shown(browser)["acme"]
        failover.watch()

        assert "acme Not bound: not yet" in before
        assert "acme Passed over: not bound: not yet Messages" in shown(browser)["acme"]
        assert "acme is passed over: not bound: not yet." in text_of(browser.get(PAGE))
        assert "passed over" in text_of(browser.get(url(CarrierSwitch)))

    def test_says_when_one_that_is_well_again_is_taken_back(self, browser):
        make_smpp_carrier(name="acme")
        at = timezone.now()
        CarrierWatch.objects.create(
            name="acme", is_passed_over=True, because="not bound", well_since=at, well_minutes=7
        )

        assert (
            f"Passed over: not bound. Well again since {at:%H:%M}, and taken back once that has "
            "lasted for 7 minutes or more"
        ) in shown(browser)["acme"]

    def test_says_for_whom_messages_wait_that_is_switched_off(self, browser):
        make_smpp_carrier(name="acme", enabled=False)
        make_smpp_carrier(name="beta", enabled=False)
        make_route("acme", "beta 2")
        make_message()
        CarrierWatch.objects.create(name="acme", is_passed_over=True, because="slow")

        words = shown(browser)

        assert "acme Switched off, and messages wait for it Messages" in words["acme"]
        assert "Waiting 1, the oldest for 0 s" in words["acme"]
        assert "beta Switched off Messages" in words["beta"]

    def test_has_what_each_asks_and_what_is_left_of_the_credits(self, browser):
        make_smpp_carrier(name="acme")
        make_smpp_carrier(name="beta")
        today = timezone.localdate()
        for carrier, ago, given in (
            ("acme", 0, {"messages": 2, "cost": "0.0825", "credits": 3}),
            ("acme", 29, {"messages": 1000, "cost": "40", "credits": 1000}),
            ("acme", 30, {"messages": 1, "cost": "7", "credits": 1}),
            ("beta", 0, {"messages": 3, "without_cost": 1, "cost": "0.05", "credits": 2}),
            ("beta", 1, {"messages": 3, "without_cost": 3, "credits": 2}),
        ):
            CarrierDay.objects.create(carrier=carrier, day=today - timedelta(days=ago), **given)

        words = shown(browser)
        by_day = text_of(browser.get(url(CarrierDay), {"carrier": "beta"}))

        assert "today 0.0825 of 3.00 credits for 2 messages: 2.9175 left" in words["acme"]
        assert "30 days 40.0825 of 1,003.00 credits for 1,002 messages: 962.9175" in words["acme"]
        assert "today 0.0500; no cost is known of 1 of 3 messages" in words["beta"]
        assert words["simulator"].endswith("Cost, today – Cost, last 30 days –")
        assert by_day.count('class="field-day') == 2
        assert url(CarrierDay) in text_of(browser.get(PAGE))

    def test_is_linked_from_the_first_page_and_from_the_carriers(self, browser):
        assert PAGE in text_of(browser.get("/admin/"))
        assert PAGE in text_of(browser.get(url(SmppCarrier)))
        assert PAGE in text_of(browser.get(url(HttpCarrier)))

    def test_is_for_those_who_may_see_it(self, client):
        client.force_login(make_clerk("view_smppcarrier"))
        assert client.get(PAGE).status_code == 403
        client.force_login(make_clerk("view_carrierwatch"))
        assert client.get(PAGE).status_code == 200


class TestDemands:
    def test_are_changed_beside_what_is_written_meanwhile(self, browser):
        failover.watch()
        row = CarrierWatch.objects.get()
        page = url(CarrierWatch, "change", row.pk)
        check_page(browser.get(page).content.decode())
        CarrierWatch.objects.update(is_passed_over=True, because="slow")

        browser.post(page, {"slow_seconds": 5, "least_delivered": 80, "well_minutes": 10})

        row.refresh_from_db()
        assert (row.slow_seconds, row.queue_seconds, row.least_delivered) == (5, None, 80)
        assert (row.well_minutes, row.is_passed_over, row.because) == (10, True, "slow")

    def test_are_within_reason(self, browser):
        failover.watch()
        row = CarrierWatch.objects.get()

        page = browser.post(
            url(CarrierWatch, "change", row.pk), {"least_delivered": 101, "well_minutes": 0}
        )

        assert page.content.decode().count("errorlist") == 2
        row.refresh_from_db()
        assert row.well_minutes == 5
