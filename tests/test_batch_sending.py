"""Orders from the browser on their way: in portions, each receiver once, whatever happens."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from sms_accounts import batch_sending, batches, delivery, ledger, opt_outs, price_list, submission
from sms_accounts.models import (
    Account,
    BatchReceiver,
    LedgerEntry,
    Message,
    OptOut,
    Rate,
    Sender,
    Submission,
)
from tests.batches_made import make_batch, now, numbers, sent_to
from tests.factories import make_account, make_user
from tests.races import at_once
from tests.scripted_carrier import installed

pytestmark = pytest.mark.django_db

ROWS = "number;name\n33639980000;Ann\n33639980001;Bob\n33639980002;Bob\n33639980003;Ann\n"


@pytest.fixture(autouse=True)
def portions(monkeypatch):
    monkeypatch.setattr(batch_sending, "PORTION", 2)


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def account(alice):
    return make_account(owner=alice, credits=10)


def confirmed(account, alice, **given):
    batch = make_batch(account, by=alice, **given)
    batches.confirm(batch, by=alice)
    return batch


class TestPortions:
    def test_all_are_sent_and_paid_by_the_account(self, account, alice, monkeypatch):
        carrier = installed(monkeypatch)
        batch = confirmed(account, alice, receivers=5, is_flash=True, stop_clause=True)

        assert batch_sending.send_due() == 5

        assert now(batch) == ("done", "", 5, 0, Decimal(5))
        assert sent_to(batch) == numbers(5)
        submission = Submission.objects.first()
        assert submission is not None
        assert (submission.channel, submission.api_user, submission.message_class) == (
            "panel",
            None,
            0,
        )
        assert submission.text == "Hello\nSTOP 36184"
        account.wallet.refresh_from_db()
        assert account.wallet.credits == 5
        delivery.deliver_due()
        assert len(carrier.submits) == 5

    def test_each_receiver_knows_its_message(self, account, alice):
        batch = confirmed(account, alice, receivers=5)
        batch_sending.send_due()

        for row in BatchReceiver.objects.filter(batch=batch).select_related("message"):
            assert row.message is not None
            assert row.message.msisdn == row.msisdn

    def test_each_row_of_a_file_gets_its_own_text(self, account, alice):
        batch = confirmed(account, alice, csv=ROWS, text="Hello {name}")
        batch_sending.send_due()

        texts = Message.objects.order_by("pk").values_list("msisdn", "submission__text")
        assert [text for _number, text in texts] == [
            "Hello Ann",
            "Hello Bob",
            "Hello Bob",
            "Hello Ann",
        ]
        assert sent_to(batch) == numbers(4)

    def test_several_orders_take_turns(self, account, alice):
        first = confirmed(account, alice, receivers=4)
        second = confirmed(account, alice, receivers=4)

        for _ in range(2):
            batch_sending._send_one_portion()

        assert (now(first)[2], now(second)[2]) == (2, 2)

    def test_a_time_to_come_is_that_of_each_message(self, account, alice):
        at = timezone.now() + timedelta(hours=1)
        batch = confirmed(account, alice, scheduled_at=at)

        batch_sending.send_due()

        assert now(batch)[0] == "done"
        states = Message.objects.values_list("state", "due_at")
        assert set(states) == {("scheduled", at)}

    def test_what_comes_too_late_for_its_time_goes_at_once(self, account, alice):
        at = timezone.now() + timedelta(minutes=1)
        batch = confirmed(account, alice, scheduled_at=at)

        with time_machine.travel(at - timedelta(seconds=1)):
            batch_sending.send_due()

        assert now(batch)[0] == "done"
        assert set(Message.objects.values_list("state", flat=True)) == {"queued"}


class TestEnds:
    def test_stops_where_the_credits_end(self, account, alice):
        batch = confirmed(account, alice, receivers=6)
        batch_sending._send_one_portion()
        ledger.take_back(account, Decimal(7), by=None, reason="spent elsewhere")

        batch_sending.send_due()

        assert now(batch) == ("stopped", "credits", 2, 4, Decimal(2))
        ledger.top_up(account, Decimal(5), by=None, reason="x")
        batches.go_on(batch, by=alice)
        batch_sending.send_due()
        assert now(batch) == ("done", "", 6, 0, Decimal(6))
        assert sent_to(batch) == numbers(6)

    def test_of_different_texts_those_are_sent_that_can_be_paid(self, account, alice):
        batch = confirmed(account, alice, csv=ROWS, text="Hello {name}")
        ledger.take_back(account, Decimal(9), by=None, reason="spent elsewhere")

        batch_sending.send_due()

        assert now(batch) == ("stopped", "credits", 1, 3, Decimal(1))
        assert sent_to(batch) == numbers(1)

    @pytest.mark.parametrize(
        ("change", "because"),
        [
            (lambda: Sender.objects.update(status="refused"), "sender"),
            (lambda: Account.objects.update(is_enabled=False), "account"),
        ],
    )
    def test_stops_where_nothing_may_be_sent_any_more(self, account, alice, change, because):
        batch = confirmed(account, alice, receivers=4)
        batch_sending._send_one_portion()
        change()

        batch_sending.send_due()

        assert now(batch) == ("stopped", because, 2, 2, Decimal(2))

    def test_who_cannot_be_sent_to_any_more_is_left_out(self, account, alice):
        batch = confirmed(account, alice, receivers="33639980000,32470123456,33639980001")
        Rate.objects.create(prefix="33", credits=1)
        Rate.objects.filter(prefix="").delete()
        price_list.forget()

        batch_sending.send_due()

        assert now(batch) == ("done", "", 2, 0, Decimal(2))
        assert batch.refused == 1
        assert sent_to(batch) == numbers(2)

    @pytest.mark.parametrize("out", [numbers(1), numbers(2)], ids=["one", "a whole portion"])
    def test_who_opts_out_meanwhile_is_left_out_and_not_paid_for(self, account, alice, out):
        batch = confirmed(account, alice, receivers=3)
        opt_outs.add(account, dict.fromkeys(out, ""), source=OptOut.Source.HAND, by=None)

        batch_sending.send_due()

        left = 3 - len(out)
        assert now(batch) == ("done", "", left, 0, Decimal(left))
        assert sent_to(batch) == numbers(3)[len(out) :]
        account.wallet.refresh_from_db()
        assert account.wallet.credits == 10 - left


class TestFaults:
    @pytest.mark.parametrize("step", ["store_each", "record"])
    def test_what_fails_between_two_steps_is_neither_lost_nor_doubled(
        self, account, alice, monkeypatch, step
    ):
        batch = confirmed(account, alice, receivers=6)
        batch_sending._send_one_portion()
        with monkeypatch.context() as patch:
            _stumble(patch, step)
            batch_sending.send_due()
        assert now(batch) == ("sending", "", 2, 4, Decimal(2))
        assert (Message.objects.count(), batch.faults) == (2, 1)

        with time_machine.travel(timezone.now() + batch_sending.TRY_AGAIN):
            batch_sending.send_due()

        assert now(batch) == ("done", "", 6, 0, Decimal(6))
        assert sent_to(batch) == numbers(6)
        assert LedgerEntry.objects.filter(kind="debit").count() == 3

    def test_what_always_fails_is_stopped_and_the_next_order_goes_on(
        self, account, alice, monkeypatch
    ):
        bad, good = confirmed(account, alice), confirmed(account, alice)
        of_portion = batch_sending._orders

        def stumbling(batch, *given):
            if batch.pk == bad.pk:
                raise ValueError
            return of_portion(batch, *given)

        monkeypatch.setattr(batch_sending, "_orders", stumbling)
        with time_machine.travel(timezone.now(), tick=False) as clock:
            for _ in range(batch_sending.MOST_FAULTS):
                batch_sending.send_due()
                clock.shift(batch_sending.TRY_AGAIN)

        assert now(bad)[:2] == ("stopped", "fault")
        assert now(good)[0] == "done"

    def test_the_database_keeps_a_number_from_standing_in_an_order_twice(self, account, alice):
        batch = make_batch(account, by=alice)

        with pytest.raises(IntegrityError), transaction.atomic():
            BatchReceiver.objects.create(batch=batch, msisdn=numbers(1)[0], parts=1)


def _stumble(patch, step: str) -> None:
    """Let the program fail right after messages were stored, or after that was recorded."""
    module, name = {
        "store_each": (submission, "store_each"),
        "record": (batch_sending, "_record"),
    }[step]
    done = getattr(module, name)

    def failing(*given, **options):
        done(*given, **options)
        raise ValueError

    patch.setattr(module, name, failing)


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_send_to_each_once():
    alice = make_user()
    account = make_account(owner=alice, credits=100)
    orders = [confirmed(account, alice, receivers=12) for _ in range(2)]

    at_once(*[batch_sending.send_due] * 4)

    batch_sending.send_due()
    for order in orders:
        assert now(order) == ("done", "", 12, 0, Decimal(12))
        assert sorted(sent_to(order)) == numbers(12)


@pytest.mark.django_db(transaction=True)
def test_a_stop_comes_between_two_portions(monkeypatch):
    alice = make_user()
    batch = confirmed(make_account(owner=alice, credits=100), alice, receivers=12)
    portion = batch_sending._send_one_portion

    def slowly():
        time.sleep(0.01)
        return portion()

    monkeypatch.setattr(batch_sending, "_send_one_portion", slowly)

    at_once(batch_sending.send_due, lambda: batches.stop(batch, by=alice))

    state, because, accepted, left, spent = now(batch)
    assert (state, because) in {("stopped", "holder"), ("done", "")}
    assert (accepted + left, spent, accepted % 2) == (12, Decimal(accepted), 0)
    assert sent_to(batch) == numbers(accepted)
