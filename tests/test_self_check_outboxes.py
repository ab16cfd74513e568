"""The self-check of what is due: how much it is, for how long, and by which index it is found."""

import re
import socket
from contextlib import closing
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from sms_accounts import (
    checking,
    lanes,
    message_exports,
    notices,
    self_check,
    senders,
)
from sms_accounts.checking import Level
from sms_accounts.models import (
    Batch,
    BooksCheck,
    Callback,
    DlrPost,
    Lane,
    MassCancellation,
    Message,
    MessageExport,
    Notice,
    Notification,
    ReceivedPost,
    SenderNotice,
    State,
)
from sms_accounts.outboxes import OUTBOXES
from tests.batches_made import make_batch
from tests.factories import (
    make_account,
    make_alert,
    make_api_user,
    make_message,
    make_user,
)
from tests.heartbeats import hear_all
from tests.plans import plan_of, plan_of_statement

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def broker(settings):
    """A broker that listens and says that it is there; the port to be refused when it closes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        yield listener


@pytest.fixture(autouse=True)
def answering(monkeypatch):
    monkeypatch.setattr("redis.Redis.ping", lambda client: True)


@pytest.fixture
def alive():
    hear_all()


def seen(name):
    [check] = [check for check in self_check.run() if check.name == name]
    return check


def overdue(name, now):
    """One row of an outbox that has been due for an hour and a half."""
    since = now - timedelta(minutes=90)
    if name == "dlrs":
        DlrPost.objects.create(carrier="simulator", body=b"x", received_at=since)
    elif name == "replies":
        ReceivedPost.objects.create(carrier="simulator", body=b"x", received_at=since)
    elif name == "notifications":
        make_alert(make_api_user(threshold=5))
        Notification.objects.update(due_at=since)
    elif name == "batches":
        batch = make_batch(make_account(), by=make_user())
        Batch.objects.filter(pk=batch.pk).update(state=Batch.State.SENDING, due_at=since)
    elif name == "sender_notices":
        senders.refuse(make_account().senders.get(), "No", by=None)
        SenderNotice.objects.update(due_at=since)
    elif name == "notices":
        kind = Notice.Kind.NOT_RENEWED
        notices.tell_later(make_account(), kind, "today", at=since)
    elif name == "exports":
        message_exports.ask(make_account(), "", by=make_user())
        MessageExport.objects.update(due_at=since)
    elif name == "books_checks":
        BooksCheck.objects.create(account=make_account(), asked_at=since, due_at=since)
    elif name == "mass_cancellations":
        MassCancellation.objects.create(
            account=make_account(), upto_message=1, asked=1, due_at=since, made_at=since
        )
    elif name == "callbacks":
        message = make_message()
        Callback.objects.create(
            message=message,
            account=message.account,
            url="https://example.com/",
            sequence=1,
            state=State.DELIVERED,
            changed_at=since,
            due_at=since,
        )
        Message.objects.update(state=State.ENROUTE)
    else:
        make_message()
        Message.objects.update(
            due_at=since,
            state_since=since,
            **{
                "queued": {},
                "scheduled": {"state": State.SCHEDULED},
                "submitting": {"state": State.SUBMITTING, "claimed_until": since},
                "unanswered": {"state": State.SUBMITTING, "claimed_until": None},
            }[name],
        )


@pytest.mark.parametrize("outbox", OUTBOXES, ids=lambda outbox: outbox.name)
class TestOutbox:
    def test_that_is_behind_is_told_with_number_and_age(self, alive, outbox):
        overdue(outbox.name, timezone.now())

        check = seen(outbox.name)

        assert check.figure == "1, the oldest for 90 min"
        expected = Level.OK if outbox.name == "unanswered" else Level.FAIL
        assert check.level == expected
        others = [each for each in self_check.run() if each.name != outbox.name]
        assert {each.level for each in others} == {Level.OK}

    def test_warns_first_and_fails_later(self, outbox):
        overdue(outbox.name, timezone.now())
        due = timezone.now() - timedelta(minutes=90)

        levels = []
        for age in (
            outbox.warn_after - timedelta(seconds=1),
            outbox.warn_after + timedelta(seconds=1),
            outbox.fail_after - timedelta(seconds=1),
            outbox.fail_after + timedelta(seconds=2),
        ):
            with time_machine.travel(due + age, tick=False):
                levels.append(seen(outbox.name).level)

        assert levels == [Level.OK, Level.WARN, Level.WARN, Level.FAIL]

    def test_is_counted_up_to_a_limit(self, outbox, monkeypatch):
        monkeypatch.setattr(checking, "MOST_COUNTED", 1)
        for _ in range(2):
            overdue(outbox.name, timezone.now())

        assert seen(outbox.name).figure == "1 or more, the oldest for 90 min"

    def test_is_found_by_its_index(self, outbox):
        index = {
            "batches": "batches_due",
            "exports": "message_exports_due",
            "books_checks": "books_checks_due",
            "mass_cancellations": "mass_cancellations_due",
            "notices": "notices_due",
            "sender_notices": "sender_notices_due",
            "scheduled": "messages_scheduled",
            "submitting": "messages_submitting",
            # Both have these messages and few others; which is cheaper is for the database to say.
            "unanswered": "messages_submitting|messages_with_carrier",
            "dlrs": "dlr_posts_to_read",
            "replies": "received_posts_to_read",
            "callbacks": "callbacks_due",
            "notifications": "notifications_due",
        }[outbox.name]
        rows = outbox.rows(timezone.now())

        assert re.search(index, plan_of(rows[:10_000]))
        assert re.search(index, plan_of(rows.values_list(outbox.since)[:1]))


class TestMessagesToSubmit:
    def test_are_told_over_all_lanes_with_number_and_age(self, alive):
        for lane, minutes in ((0, 0), (1, 3), (1, 2)):
            message = make_message()
            due_at = timezone.now() - timedelta(minutes=minutes)
            Message.objects.filter(pk=message.pk).update(lane=lane, due_at=due_at)
        Lane.objects.create(pk=1, carriers="acme,simulator")

        check = seen("queued")

        assert (check.level, check.figure) == (Level.WARN, "3, the oldest for 3 min")

    def test_are_counted_up_to_a_limit(self, alive, monkeypatch):
        monkeypatch.setattr(checking, "MOST_COUNTED", 1)
        for _ in range(2):
            overdue("queued", timezone.now())

        check = seen("queued")

        assert (check.level, check.figure) == (Level.FAIL, "1 or more, the oldest for 90 min")

    def test_are_found_by_their_index_in_each_lane(self):
        plan = plan_of_statement(*lanes.statement(timezone.now(), 10))

        assert plan.count("messages_due") == 2
        assert "SCAN m " not in plan
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan


def test_outboxes_leave_out_what_a_worker_is_at(alive):
    make_message()
    Message.objects.update(
        state=State.SUBMITTING, claimed_until=timezone.now() + timedelta(minutes=1)
    )

    assert [seen(name).figure for name in ("submitting", "unanswered")] == ["none", "none"]
