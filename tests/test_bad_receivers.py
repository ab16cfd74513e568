"""Events for twenty kinds of bad receivers: each got its 2xx or used its schedule, and no more."""

import gc
import os
import threading
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import time_machine
from django.db.models import Max, Min
from django.utils import timezone

from sms_accounts import callback_endpoints, callback_lines, callback_results, callbacks
from sms_accounts.models import Callback, CallbackAttempt, CallbackEndpoint, Message
from sms_accounts.outbound import Failure
from tests.bad_receivers import receivers
from tests.factories import make_message
from tests.sizes import in_full_on

# 2,000 in all in the full size.
OF_EACH = in_full_on("sqlite", 100, otherwise=4)
# The schedule takes three days; those who ask for time, or fail together, a little more.
DAYS = 6


@pytest.fixture(autouse=True)
def trusted(settings):
    settings.CALLBACK_TRUSTED_NETWORKS = [ip_network("127.0.0.0/8")]


def resident() -> int:
    """The memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def events_for(url: str, message: Message) -> None:
    now = timezone.now()
    messages = Message.objects.bulk_create(
        Message(
            account_id=message.account_id,
            submission_id=message.submission_id,
            msisdn=message.msisdn,
            credits=0,
            due_at=now,
            state_since=now,
        )
        for _ in range(OF_EACH)
    )
    Callback.objects.bulk_create(
        Callback(
            message=each,
            account_id=message.account_id,
            url=url,
            sequence=1,
            state="delivered",
            ptt=4,
            changed_at=now,
            due_at=now,
        )
        for each in messages
    )


@pytest.mark.django_db(transaction=True)
def test_each_event_gets_its_2xx_or_uses_its_schedule(monkeypatch):
    # The deadline is that of every call, made short, and failing ones are not one at a time:
    # else a thousand silent calls would take hours.
    monkeypatch.setattr(callbacks, "TIMEOUT", timedelta(seconds=0.5))
    monkeypatch.setattr(callback_lines.Line, "at_once", 16)
    monkeypatch.setattr(callback_lines, "OF_TROUBLED", 100)
    monkeypatch.setattr(callback_lines, "OF_UNPROVEN", 120)
    monkeypatch.setattr(callback_lines, "LOOK_AGAIN", timedelta())
    message = make_message()
    with receivers() as bad, time_machine.travel(timezone.now()) as clock:
        for kind in bad:
            events_for(kind.url, message)
        before, after_the_first = threading.active_count(), 0
        end = timezone.now() + timedelta(days=DAYS)
        while (due := _next_moment()) is not None and timezone.now() < end:
            clock.move_to(max(due, timezone.now()) + timedelta(milliseconds=1))
            callbacks.call_due()
            after_the_first = after_the_first or resident()
        gc.collect()

        grown = resident() - after_the_first

    assert not Callback.objects.open().exists()
    for kind in bad:
        _assert_told(kind)
    assert grown < 40 * 2**20
    assert threading.active_count() < before + 40


def _next_moment():
    """When all those are due that were called least, or none is left."""
    waiting = Callback.objects.open()
    fewest = waiting.aggregate(fewest=Min("tries"))["fewest"]
    if fewest is None:
        return None
    due = waiting.filter(tries=fewest).aggregate(due=Max("due_at"))["due"]
    paused = CallbackEndpoint.objects.filter(has_backlog=True).aggregate(
        until=Max("paused_until", default=due)
    )["until"]
    return max(due, paused)


def _assert_told(kind) -> None:
    rows = Callback.objects.filter(url=kind.url)
    assert rows.count() == OF_EACH
    if kind.heals:
        assert rows.filter(done_at__isnull=False).count() == OF_EACH, kind.name
        _assert_told_once(kind)
        return
    assert not rows.filter(done_at__isnull=False).exists(), kind.name
    tries = set(rows.values_list("tries", flat=True))
    if kind.name == "410":
        assert tries <= {0, 1}, kind.name
    elif tries != {len(callback_results.WAITS) + 1}:
        # So many events wait for one that asks for time that five days are over first.
        endpoint = CallbackEndpoint.objects.get(url=kind.url)
        assert endpoint.off_because == CallbackEndpoint.OffBecause.FAILING, kind.name
        assert endpoint.off_at
        assert endpoint.failing_since
        assert endpoint.off_at - endpoint.failing_since >= callback_endpoints.OFF_AFTER
    attempts = CallbackAttempt.objects.filter(callback__url=kind.url)
    assert attempts.count() == sum(rows.values_list("tries", flat=True)), kind.name
    if kind.name != "bad TLS":
        # The receiver, in this very process, may not have read yet what was given up.
        given_up = attempts.filter(problem=Failure.TIMED_OUT).count()
        calls = kind.calls.total()
        assert attempts.count() - given_up <= calls <= attempts.count(), kind.name


def _assert_told_once(kind) -> None:
    """Each got one 2xx and no call after it; what it answered too late for us was no answer."""
    attempts = CallbackAttempt.objects.filter(callback__url=kind.url)
    answered = attempts.filter(status__range=(200, 299))
    last = attempts.values("callback").annotate(last=Max("pk")).values_list("last", flat=True)
    assert sorted(answered.values_list("pk", flat=True)) == sorted(last), kind.name
    assert len(last) == OF_EACH, kind.name
    assert kind.calls.total() <= attempts.count(), kind.name
    too_late = attempts.filter(status=None).count()
    assert kind.successes.total() - OF_EACH <= too_late, kind.name
