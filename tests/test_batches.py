"""Orders from the browser until they go out: written, confirmed, stopped, emptied."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import batch_sending, batches, ledger, price_list, senders
from sms_accounts.models import (
    Account,
    Activity,
    Batch,
    BatchReceiver,
    Message,
    Rate,
    ReceiverFile,
    Sender,
)
from tests.batches_made import make_batch, now, numbers, sent_to
from tests.factories import make_account, make_user
from tests.plans import plan_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make_user("alice@example.com")


@pytest.fixture
def account(alice):
    return make_account(owner=alice, credits=10)


class TestWrite:
    def test_stores_what_is_told_before_and_sends_nothing(self, account, alice):
        batch = make_batch(account, by=alice, receivers="33639980004, 33639980004, x\n336399800")

        assert (batch.state, batch.receivers, batch.credits) == ("draft", 1, Decimal(1))
        assert batch.left_out["duplicates"] == {"count": 1, "first": ["33639980004"]}
        assert batch.left_out["invalid"] == {"count": 2, "first": ["x", "336399800"]}
        assert batch.countries == [["FR", 1, 1, "1.00"]]
        assert batch_sending.send_due() == 0
        assert not Message.objects.exists()

    def test_names_so_many_that_are_left_out_and_counts_the_others(
        self, account, alice, monkeypatch
    ):
        monkeypatch.setattr(batches, "MOST_NAMED", 1)

        batch = make_batch(account, by=alice, receivers="33639980004,x,y,z")

        assert batch.left_out["invalid"] == {"count": 3, "first": ["x"]}

    def test_is_refused_to_who_writes_too_often(self, account, alice, monkeypatch):
        monkeypatch.setattr(batches, "MOST_A_MINUTE", 2)
        with time_machine.travel(timezone.now(), tick=False) as clock:
            make_batch(account, by=alice)
            make_batch(account, by=alice)
            with pytest.raises(batches.TooOften):
                make_batch(account, by=alice)
            make_batch(account, by=make_user())
            clock.shift(batches.A_MINUTE)

            make_batch(account, by=alice)

    def test_keeps_no_more_files_of_a_person_than_it_may(self, account, alice, monkeypatch):
        monkeypatch.setattr(batches, "MOST_FILES", 2)
        for name in "abc":
            batches.keep_file(account, name, b"number\n336\n", by=alice)
        batches.keep_file(account, "x", b"number\n336\n", by=make_user())

        kept = ReceiverFile.objects.order_by("pk").values_list("name", flat=True)
        assert list(kept) == ["b", "c", "x"]


class TestConfirm:
    def test_lets_it_go_out_and_says_who_did(self, account, alice):
        batch = make_batch(account, by=alice)

        assert batches.confirm(batch, by=alice)

        assert now(batch)[0] == "sending"
        change = Activity.objects.order_by("pk").last()
        assert change is not None
        assert (change.action, change.by) == ("messages sent", alice)
        assert change.after == {"sender": "Example", "receivers": 3, "accepted": 0}

    def test_twice_sends_once(self, account, alice):
        batch = make_batch(account, by=alice)

        assert batches.confirm(batch, by=alice)
        assert not batches.confirm(batch, by=alice)
        batch_sending.send_due()
        assert not batches.confirm(batch, by=alice)
        batch_sending.send_due()

        assert sent_to(batch) == numbers(3)
        assert Activity.objects.filter(action="messages sent").count() == 1

    def test_tells_another_price_before_it_takes_it(self, account, alice):
        batch = make_batch(account, by=alice)
        Rate.objects.update(credits=Decimal("1.50"))
        price_list.forget()

        with pytest.raises(batches.PricesChanged):
            batches.confirm(batch, by=alice)

        batch.refresh_from_db()
        assert (batch.state, batch.credits) == ("draft", Decimal("4.50"))
        assert batch.countries == [["FR", 3, 3, "4.50"]]
        assert batches.confirm(batch, by=alice)

    def test_needs_the_credits_for_all(self, account, alice):
        batch = make_batch(account, by=alice, receivers=11)

        with pytest.raises(batches.NotAffordable):
            batches.confirm(batch, by=alice)

        assert now(batch)[0] == "draft"

    def test_may_be_for_as_many_as_were_told(self, account, alice):
        batch = make_batch(account, by=alice, receivers=12)
        account.wallet.refresh_from_db()
        assert batches.affordable(batch) == batches.Affordable(10, Decimal(10))
        with pytest.raises(batches.NotAffordable):
            batches.confirm(batch, most=11, by=alice)
        # More credits than when it was told change nothing of what was confirmed.
        ledger.top_up(account, Decimal(50), by=None, reason="x")

        batches.confirm(batch, most=10, by=alice)
        batch_sending.send_due()

        assert sent_to(batch) == numbers(10)
        assert now(batch) == ("stopped", "part", 10, 2, Decimal(10))

    def test_spends_no_credit_of_the_reserve(self, account, alice):
        ledger.set_reserve(account, Decimal(8))
        batch = make_batch(account, by=alice)

        assert batches.affordable(Batch.objects.get(pk=batch.pk)).receivers == 2
        with pytest.raises(batches.NotAffordable):
            batches.confirm(batch, by=alice)

    @pytest.mark.parametrize(
        ("change", "refusal"),
        [
            (lambda _account: Sender.objects.update(status="refused"), batches.SenderGone),
            (lambda _account: Sender.objects.all().delete(), batches.SenderGone),
            (lambda _account: Account.objects.update(is_enabled=False), batches.AccountDisabled),
        ],
    )
    def test_needs_what_may_send(self, account, alice, change, refusal):
        batch = make_batch(account, by=alice)
        change(account)

        with pytest.raises(refusal):
            batches.confirm(batch, by=alice)

        assert now(batch)[0] == "draft"

    def test_comes_too_late_for_a_time_that_has_passed(self, account, alice):
        at = timezone.now() + timedelta(hours=1)
        batch = make_batch(account, by=alice, scheduled_at=at)

        with time_machine.travel(at), pytest.raises(batches.TimePassed):
            batches.confirm(batch, by=alice)

    def test_may_use_a_sender_that_is_not_for_every_api_user(self, account, alice):
        senders.set_users(Sender.objects.get(), [], by=None)
        batch = make_batch(account, by=alice)

        batches.confirm(batch, by=alice)
        batch_sending.send_due()

        assert now(batch)[0] == "done"


class TestStop:
    def test_leaves_the_others_for_a_day(self, account, alice, monkeypatch):
        monkeypatch.setattr(batch_sending, "PORTION", 2)
        batch = make_batch(account, by=alice, receivers=5)
        batches.confirm(batch, by=alice)
        batch_sending._send_one_portion()

        assert batches.stop(batch, by=alice)
        assert batch_sending.send_due() == 0
        assert now(batch) == ("stopped", "holder", 2, 3, Decimal(2))
        assert not batches.stop(batch, by=alice)

        assert batches.go_on(batch, by=alice)
        assert not batches.go_on(batch, by=alice)
        batch_sending.send_due()
        assert now(batch) == ("done", "", 5, 0, Decimal(5))
        assert sent_to(batch) == numbers(5)
        actions = Activity.objects.filter(by=alice).order_by("pk").values_list("action", flat=True)
        assert list(actions) == ["messages sent", "sending stopped", "sending gone on with"]

    def test_is_gone_on_with_only_where_all_that_is_left_can_be_paid(self, account, alice):
        batch = make_batch(account, by=alice, receivers=12)
        batches.confirm(batch, most=10, by=alice)
        batch_sending.send_due()

        with pytest.raises(batches.NotAffordable):
            batches.go_on(batch, by=alice)
        ledger.top_up(account, Decimal(2), by=None, reason="x")
        assert batches.go_on(batch, by=alice)

        batch_sending.send_due()
        assert now(batch) == ("done", "", 12, 0, Decimal(12))

    def test_of_a_draft_changes_nothing(self, account, alice):
        batch = make_batch(account, by=alice)

        assert not batches.stop(batch, by=alice)
        assert not batches.go_on(batch, by=alice)
        assert now(batch)[0] == "draft"


class TestEmptying:
    def test_takes_text_and_receivers_a_day_after_the_end(self, account, alice):
        file = batches.keep_file(account, "a.csv", b"number\n336\n", by=alice)
        sent = make_batch(account, by=alice, file=file)
        batches.confirm(sent, by=alice)
        batch_sending.send_due()
        draft = make_batch(account, by=alice)
        assert batches.empty_old() == 0

        with time_machine.travel(timezone.now() + batches.KEPT + timedelta(minutes=1)):
            assert batches.empty_old() == 2
            assert batches.empty_old() == 0

        sent.refresh_from_db()
        assert (sent.text, sent.typed, sent.left_out, sent.file) == ("", "", {}, None)
        assert (sent.accepted, sent.spent) == (3, Decimal(3))
        assert not Batch.objects.filter(pk=draft.pk).exists()
        assert not BatchReceiver.objects.exists()
        assert not ReceiverFile.objects.exists()
        assert Message.objects.count() == 3

    def test_leaves_alone_what_is_being_sent(self, account, alice):
        batch = make_batch(account, by=alice)
        batches.confirm(batch, by=alice)

        with time_machine.travel(timezone.now() + 2 * batches.KEPT):
            assert batches.empty_old() == 0
            batch_sending.send_due()

        assert sent_to(batch) == numbers(3)

    def test_ends_going_on(self, account, alice):
        batch = make_batch(account, by=alice)
        batches.confirm(batch, by=alice)
        batches.stop(batch, by=alice)
        with time_machine.travel(timezone.now() + batches.KEPT + timedelta(minutes=1)):
            batches.empty_old()

            assert not batches.go_on(batch, by=alice)


def test_what_is_due_and_what_is_left_is_found_by_indexes(account, alice):
    batch = make_batch(account, by=alice)

    assert "batches_due" in plan_of(Batch.objects.due(timezone.now())[:1])
    assert "receivers_to_send" in plan_of(batches.left_of(batch)[:500])
