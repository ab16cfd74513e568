"""Cancelling: credits back once, and never a message that is both cancelled and sent."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from sms_accounts import api_users, cancellation, codes, delivery, ledger, settling, submission
from sms_accounts.models import Activity, Callback, LedgerEntry, Message, State, Wallet
from sms_accounts.models.message import MessageQuerySet
from tests.factories import make_account, make_api_user, make_order, make_user
from tests.races import at_once, overlapping
from tests.scripted_carrier import installed
from tests.traces import purse, refunds, told

pytestmark = pytest.mark.django_db

CALLBACK = "https://www.example.com/dlr"


@pytest.fixture(autouse=True)
def carrier(monkeypatch):
    return installed(monkeypatch)


@pytest.fixture
def user():
    return make_api_user(account=make_account(credits=200), quota=50, callback=CALLBACK)


@pytest.fixture
def alice():
    return make_user("alice@example.com")


def scheduled(user, *, receivers=1, text="Hello") -> list[Message]:
    order = make_order(user, receivers=[f"3363998{n:04}" for n in range(receivers)], text=text)
    later = timezone.now() + timedelta(hours=1)
    receipt = submission.submit(order._replace(scheduled_at=later))
    return list(receipt.submission.messages.order_by("id"))


class TestCancel:
    def test_ends_the_message_and_gives_its_credits_back(self, user, alice):
        [message] = scheduled(user, text="x" * 300)
        assert purse(user) == 48

        cancellation.cancel(message, by=alice)

        message.refresh_from_db()
        assert (message.state, message.ptt, message.submitted_at) == (State.CANCELLED, None, None)
        assert message.final_at
        assert purse(user) == 50
        assert LedgerEntry.objects.get(message=message).reason == "Cancelled by alice@example.com"
        assert message.events.get().cause == "Cancelled by alice@example.com"

    def test_is_told_as_not_billed(self, user, alice):
        [message] = scheduled(user)

        cancellation.cancel(message, by=alice)

        assert told(message) == [("cancelled", None)]
        callback = Callback.objects.get()
        assert callback.due_at <= timezone.now()
        assert codes.dlr_id(callback.state, callback.ptt) == codes.NOT_BILLED == 16

    def test_is_recorded_with_who_did_it(self, user, alice):
        [message] = scheduled(user)

        cancellation.cancel(message, by=alice)

        change = Activity.objects.latest("id")
        assert (change.action, change.by) == ("message cancelled", alice)
        assert (change.account, change.api_user) == (user.account, user)
        assert change.before == {"scheduled_at": message.due_at.isoformat()}
        assert change.after == {"message": message.pk, "credits": "1.00"}

    def test_a_second_time_is_too_late_and_gives_nothing_back(self, user, alice):
        [message] = scheduled(user)
        cancellation.cancel(message, by=alice)
        before = Activity.objects.count()

        with pytest.raises(cancellation.TooLate):
            cancellation.cancel(message, by=alice)

        assert [refunds(message), purse(user)] == [1, 50]
        assert Activity.objects.count() == before

    @pytest.mark.parametrize("state", sorted(set(State) - {State.SCHEDULED}))
    def test_is_too_late_for_a_message_in_any_other_state(self, user, alice, state):
        [message] = scheduled(user)
        Message.objects.update(state=state)

        with pytest.raises(cancellation.TooLate):
            cancellation.cancel(message, by=alice)

        message.refresh_from_db()
        assert message.state == state
        assert refunds(message) == 0
        assert told(message) == []

    def test_gives_back_to_the_account_where_the_purse_was_closed(self, user, alice):
        [message] = scheduled(user)
        api_users.delete(user, by=None)

        cancellation.cancel(message, by=alice)

        assert Wallet.objects.get(pk=user.account.wallet_id).credits == 200

    def test_of_a_message_is_not_sent_when_its_time_comes(self, carrier, user, alice):
        [message] = scheduled(user)
        cancellation.cancel(message, by=alice)
        Message.objects.update(due_at=timezone.now())

        assert delivery.deliver_due() == 0
        assert carrier.submits == []

    def test_leaves_all_as_it_was_where_the_credits_cannot_be_given_back(
        self, user, alice, monkeypatch
    ):
        [message] = scheduled(user)

        def fail(*args, **given):
            raise ZeroDivisionError

        monkeypatch.setattr(ledger, "refund", fail)
        with pytest.raises(ZeroDivisionError):
            cancellation.cancel(message, by=alice)

        message.refresh_from_db()
        assert message.state == State.SCHEDULED
        assert told(message) == []


class TestCancelAll:
    def test_says_which_were_cancelled_and_for_which_it_was_too_late(self, user, alice):
        messages = scheduled(user, receivers=5)
        gone = messages[2]
        Message.objects.filter(pk=gone.pk).update(state=State.QUEUED)

        outcome = cancellation.cancel_all(messages, by=alice)

        assert outcome.too_late == (gone.pk,)
        assert set(outcome.cancelled) == {m.pk for m in messages} - {gone.pk}
        assert purse(user) == 49


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_with_the_senders_each_message_is_either_cancelled_or_sent(self, carrier, user, alice):
        for _ in range(4):
            messages = scheduled(user, receivers=12)
            Message.objects.filter(state=State.SCHEDULED).update(due_at=timezone.now())
            before = len(carrier.submits)

            outcomes: list[cancellation.Cancelled] = []

            def cancel(messages=messages, outcomes=outcomes):
                outcomes.append(cancellation.cancel_all(reversed(messages), by=alice))
                return 0

            at_once(
                cancel,
                partial(delivery.deliver_all, carrier),
                delivery.queue_scheduled,
                partial(delivery.deliver_all, carrier),
            )
            delivery.deliver_due()

            [outcome] = outcomes
            sent = {submit.msisdn for submit in carrier.submits[before:]}
            by_number = {message.msisdn: message for message in messages}
            cancelled = {n for n, m in by_number.items() if m.pk in outcome.cancelled}
            assert sent | cancelled == set(by_number)
            assert not sent & cancelled
            assert len(carrier.submits) - before == len(sent) == len(outcome.too_late)
            for message in messages:
                message.refresh_from_db()
                is_cancelled = message.state == State.CANCELLED
                assert is_cancelled == (message.pk in outcome.cancelled)
                assert refunds(message) == int(is_cancelled)
        assert purse(user) == 50 - len(carrier.submits)

    def test_several_cancel_each_message_once(self, user, alice):
        messages = scheduled(user, receivers=12)

        outcomes = at_once(
            *[partial(cancellation.cancel_all, messages, by=alice)] * 2,
            partial(cancellation.cancel_all, reversed(messages), by=alice),
        )

        assert sum(len(outcome.cancelled) for outcome in outcomes) == 12
        assert purse(user) == 50
        assert Activity.objects.filter(action="message cancelled").count() == 12

    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite lets one transaction write at a time"
    )
    def test_is_too_late_where_the_sender_has_the_row_already(self, carrier, user, alice):
        [message] = scheduled(user)
        Message.objects.update(due_at=timezone.now())
        outcomes = []

        overlapping(
            delivery.queue_scheduled,
            lambda: outcomes.append(cancellation.cancel_all([message], by=alice)),
            while_in=(MessageQuerySet, "update"),
        )

        assert outcomes[0].too_late == (message.pk,)
        assert refunds(message) == 0

    def test_the_sender_passes_over_a_row_that_is_being_cancelled(
        self, carrier, user, alice, monkeypatch
    ):
        """While the row is locked for cancelling, workers neither wait for it nor send it."""
        [message] = scheduled(user)
        Message.objects.update(due_at=timezone.now())
        settle_cancel = settling.cancel
        sent = []

        def cancelling(found, **given):
            done = settle_cancel(found, **given)
            if connection.vendor == "postgresql":
                sent.extend(at_once(delivery.deliver_due))
            return done

        monkeypatch.setattr(settling, "cancel", cancelling)
        cancellation.cancel(message, by=alice)
        sent.append(delivery.deliver_due())

        assert set(sent) == {0}
        assert carrier.submits == []
        assert refunds(message) == 1
