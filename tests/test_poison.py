"""Rows that always fail: messages, callbacks and notifications are parked, out of the way.

Reports have theirs in test_poison_reports.py.
"""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import DataError, OperationalError
from django.utils import timezone

from sms_accounts import (
    alert_texts,
    alerts,
    callback_replays,
    callback_results,
    callbacks,
    delivery,
    gsm,
    outbound,
    recording,
    settling,
    unresolved,
)
from sms_accounts.models import (
    Account,
    Callback,
    Message,
    Notification,
    State,
)
from tests.alerted import EMAIL, SMS, make_alerted, notifications
from tests.factories import make_account, make_api_user, make_long_message, make_message, make_user
from tests.poison import failing
from tests.scripted_carrier import id_of, installed, reported
from tests.traces import notes, outcomes, purse, refunds

pytestmark = pytest.mark.django_db

START = timezone.now()


@pytest.fixture
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def alice():
    return make_user("alice@example.com")


def until_quiet(clock, work, *, every: timedelta, times: int = 8) -> list[int]:
    """Let a queue be worked on again and again; return how much it did each time."""
    done = []
    for _ in range(times):
        done.append(work())
        clock.shift(every)
    return done


class TestMessage:
    """A message that the program cannot even put into words for the carrier."""

    @pytest.fixture
    def user(self):
        return make_api_user(account=make_account(credits=50), quota=20)

    @pytest.fixture
    def bad(self, user, monkeypatch):
        bad = make_message(user=user, text="poison")
        split = failing(gsm.split, when=lambda text, **given: text == "poison")
        monkeypatch.setattr(gsm, "split", split)
        return bad

    def test_is_tried_a_few_times_then_parked_with_the_reason(self, carrier, clock, bad, user):
        tried = until_quiet(clock, delivery.deliver_due, every=timedelta(minutes=6))

        assert tried == [1, 1, 1, 0, 0, 0, 0, 0]
        bad.refresh_from_db()
        assert (bad.state, bad.faults) == (State.QUEUED, unresolved.MOST_FAULTS)
        assert bad.parked_at
        assert bad.parked_because == (
            "The program failed before it was handed over (ZeroDivisionError)"
        )
        last = bad.events.latest("id")
        assert last.cause.endswith("(ZeroDivisionError); parked after 3 times")
        assert carrier.submits == []
        assert [refunds(bad), purse(user)] == [0, 19]

    def test_waits_longer_each_time(self, carrier, clock, bad):
        for wait in unresolved.WAITS:
            delivery.deliver_due()
            bad.refresh_from_db()
            assert bad.due_at == timezone.now() + wait
            clock.shift(wait)

    def test_does_not_slow_the_others(self, carrier, clock, bad, user):
        good = [make_message(user=user) for _ in range(3)]

        assert delivery.deliver_due() == 4

        assert {m.state for m in Message.objects.filter(pk__in=[m.pk for m in good])} == {"enroute"}
        until_quiet(clock, delivery.deliver_due, every=timedelta(minutes=6))
        make_message(user=user)
        assert delivery.deliver_due() == 1

    def test_is_handed_over_once_staff_release_it(self, carrier, clock, bad, alice, monkeypatch):
        until_quiet(clock, delivery.deliver_due, every=timedelta(minutes=6))
        monkeypatch.undo()
        carrier = installed(monkeypatch)

        assert unresolved.release([bad.pk], by=alice) == 1
        assert delivery.deliver_due() == 1

        bad.refresh_from_db()
        assert (bad.state, bad.faults, bad.parked_at) == (State.ENROUTE, 0, None)
        assert [submit.text for submit in carrier.submits] == ["poison"]
        assert notes(bad) == ["Handed over again by alice@example.com"]


class TestSubmit:
    """A carrier's module that stumbles while it speaks to the carrier."""

    def test_leaves_the_outcome_unknown_and_shows_the_reason(self, carrier, clock):
        """The byte on the wire may have come first: under the policy to hold, that is final."""
        carrier.steps.append(ZeroDivisionError())
        message = make_message()

        until_quiet(clock, delivery.deliver_due, every=timedelta(minutes=6))

        message.refresh_from_db()
        assert message.state == State.SUBMITTING
        assert len(carrier.submits) == 1
        assert message.parked_at
        assert message.parked_because == (
            "The program failed while the carrier was spoken to (ZeroDivisionError)"
        )
        reported(message, "delivered")
        message.refresh_from_db()
        assert message.state == State.DELIVERED
        assert message.parked_at is None

    def test_stumbles_over_one_part_and_hands_the_others_over(self, carrier, clock):
        carrier.steps.extend([id_of, ZeroDivisionError(), id_of])
        message = make_long_message(parts=3)

        delivery.deliver_due()

        assert outcomes(message) == [(1, "taken"), (2, "unanswered"), (3, "taken")]

    def test_is_tried_a_few_times_where_the_policy_is_to_resend(self, carrier, clock):
        carrier.steps.extend([ZeroDivisionError()] * 9)
        message = make_message()
        Account.objects.update(unknown_outcome="resend")

        until_quiet(clock, delivery.deliver_due, every=timedelta(minutes=6))

        message.refresh_from_db()
        assert len(carrier.submits) == unresolved.MOST_FAULTS
        assert len({submit.reference for submit in carrier.submits}) == 1
        assert message.parked_at


def spoil(monkeypatch, is_bad, error):
    """Let answers not be stored, neither with others nor alone."""

    def spoilt(function):
        def store(*given):
            if is_bad(given[-1]):
                raise error
            return function(*given)

        return store

    for name in ("_change", "_record_answer"):
        monkeypatch.setattr(recording, name, spoilt(getattr(recording, name)))


class TestAnswer:
    """An answer that cannot be stored."""

    @pytest.fixture
    def bad(self, carrier, monkeypatch):
        bad = make_message()

        spoil(monkeypatch, lambda answer: answer.attempt.message_id == bad.pk, DataError)
        return bad

    def test_is_parked_with_the_reason_and_others_are_stored(self, carrier, clock, bad):
        good = make_message()

        delivery.deliver_due()

        good.refresh_from_db()
        bad.refresh_from_db()
        assert good.state == State.ENROUTE
        assert (bad.state, bad.claimed_until) == (State.SUBMITTING, None)
        assert bad.parked_because == "The carrier's answer could not be stored (DataError)"

    def test_of_a_database_that_was_away_is_no_fault_of_the_message(
        self, carrier, clock, monkeypatch
    ):
        message = make_message()

        with monkeypatch.context() as broken:
            spoil(broken, lambda answer: True, OperationalError)
            delivery.deliver_due()
        message.refresh_from_db()
        assert (message.parked_at, message.faults) == (None, 0)

        delivery.deliver_due()

        message.refresh_from_db()
        assert message.state == State.ENROUTE


class TestAbandoned:
    def test_over_which_the_program_fails_does_not_hold_up_the_others(
        self, carrier, clock, monkeypatch
    ):
        bad, good = make_message(), make_message()
        delivery._claim(carrier.name, 2)
        clock.shift(delivery.CLAIM + timedelta(seconds=1))
        without_answer = settling.without_answer
        monkeypatch.setattr(
            settling, "without_answer", failing(without_answer, when=lambda m: m.pk == bad.pk)
        )

        assert unresolved.note_abandoned() == 1
        assert unresolved.note_abandoned() == 0

        assert "The program stopped" in notes(good)[0]
        bad.refresh_from_db()
        assert bad.parked_because == "The program failed over it (ZeroDivisionError)"


class TestCallback:
    @pytest.fixture
    def user(self):
        return make_api_user(callback="https://good.example/dlr")

    @pytest.fixture
    def bad(self, user, monkeypatch):
        monkeypatch.setattr(
            outbound,
            "get",
            failing(self.answered, when=lambda url, **given: url.startswith("https://bad.")),
        )
        return self.make("https://bad.example/dlr", user)

    def answered(self, url, **given):
        return outbound.Answer(status=200, body_start=b"", duration=timedelta(seconds=1))

    def make(self, url, user) -> Callback:
        now = timezone.now()
        return Callback.objects.create(
            message=make_message(user=user),
            account=user.account,
            api_user=user,
            url=url,
            sequence=1,
            state="delivered",
            ptt=4,
            changed_at=now,
            due_at=now,
        )

    def test_is_called_a_few_times_then_parked_with_the_reason(self, clock, bad):
        called = until_quiet(clock, callbacks.call_due, every=timedelta(minutes=2))

        assert called == [1, 1, 1, 0, 0, 0, 0, 0]
        bad.refresh_from_db()
        assert bad.given_up_at
        problems = set(bad.attempts.values_list("problem", flat=True))
        assert problems == {"The panel could not make this call (ZeroDivisionError)."}

    def test_whose_answer_cannot_be_stored_is_parked_too(self, clock, user, bad, monkeypatch):
        good = self.make("https://good.example/dlr", user)
        record = callback_results._record

        def recorded(outcomes, endpoints):
            if any(each.pk == good.pk and outcome.is_success for each, outcome in outcomes):
                raise DataError
            record(outcomes, endpoints)

        monkeypatch.setattr(callback_results, "_record", recorded)

        until_quiet(clock, callbacks.call_due, every=timedelta(minutes=2))

        good.refresh_from_db()
        assert good.tries == callback_results.MOST_FAULTS
        assert good.given_up_at
        assert good.attempts.latest("id").problem == "The panel could not store it (DataError)."

    def test_does_not_slow_the_others(self, clock, bad, user):
        good = self.make("https://good.example/dlr", user)

        callbacks.call_due()

        good.refresh_from_db()
        assert good.done_at

    def test_is_called_once_staff_release_it(self, clock, bad, alice, monkeypatch):
        until_quiet(clock, callbacks.call_due, every=timedelta(minutes=2))
        monkeypatch.setattr(outbound, "get", self.answered)

        assert callback_replays.release([bad.pk], by=alice) == 1
        assert callbacks.call_due() == 1

        bad.refresh_from_db()
        assert bad.done_at
        assert callback_replays.release([bad.pk], by=alice) == 0


class TestNotification:
    @pytest.fixture
    def stumbling(self, monkeypatch):
        monkeypatch.setattr(
            alert_texts, "email_of", failing(alert_texts.email_of, when=self.is_bad)
        )
        monkeypatch.setattr(alert_texts, "sms_of", failing(alert_texts.sms_of, when=self.is_bad))

    def is_bad(self, texts, alert, **named) -> bool:
        return bool(texts.account.memberships.get().user.email == "bad@example.com")

    def test_is_tried_a_few_times_then_parked_with_the_reason(self, clock, stumbling):
        alert = make_alerted(EMAIL, owner="bad@example.com")

        tried = until_quiet(clock, alerts.alert_due, every=timedelta(minutes=6))

        assert tried == [1, 1, 1, 0, 0, 0, 0, 0]
        parked = alert.notifications.get()
        assert parked.state == "given_up"
        assert parked.note == "The panel could not send this (ZeroDivisionError)."

    def test_by_sms_lets_an_email_take_its_place(self, clock, monkeypatch):
        monkeypatch.setattr(alert_texts, "sms_of", lambda *given: 1 / 0)
        alert = make_alerted(SMS, email="bob@example.com")

        until_quiet(clock, alerts.alert_due, every=timedelta(minutes=6))

        assert [sent.to for sent in mail.outbox] == [["bob@example.com"]]
        assert notifications(alert) == [
            ("sms", "given_up", "33639980004"),
            ("email", "done", "bob@example.com"),
        ]

    def test_does_not_slow_the_others(self, clock, stumbling):
        make_alerted(EMAIL, owner="bad@example.com")
        good = make_alerted(EMAIL, owner="alice@example.com")

        alerts.alert_due()

        assert good.notifications.get().state == "done"

    def test_is_sent_once_staff_release_it(self, clock, alice, monkeypatch):
        alert = make_alerted(EMAIL, owner="bad@example.com")
        with monkeypatch.context() as broken:
            broken.setattr(alert_texts, "email_of", lambda *given, **named: 1 / 0)
            until_quiet(clock, alerts.alert_due, every=timedelta(minutes=6))
        [parked] = Notification.objects.all()

        assert alerts.release([parked.pk], by=alice) == 1
        assert alerts.alert_due() == 1

        assert alert.notifications.get().state == "done"
        assert alerts.release([parked.pk], by=alice) == 0
