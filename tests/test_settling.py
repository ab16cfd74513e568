"""Settling: what its parts make of a message, and who is told."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sms_accounts import api_users, settling
from sms_accounts.models import (
    Attempt,
    Callback,
    LedgerEntry,
    Message,
    MessageEvent,
    State,
)
from sms_accounts.models.message import _BEFORE
from tests.factories import make_account, make_api_user, make_long_message, make_message

pytestmark = pytest.mark.django_db

USERS = "https://user.example.com/dlr"
ACCOUNTS = "https://account.example.com/dlr"

# A part as (outcome, state, ptt).
WAITING = ("taken", "", None)
ENROUTE = ("taken", "enroute", 3)
RETRIED = ("taken", "enroute", 2)
DELIVERED = ("taken", "delivered", 4)
EXPIRED = ("taken", "expired", 24)
UNKNOWN = ("taken", "unknown", 6)
TURNED_BACK = ("taken", "rejected", 20)
REFUSED = ("rejected", "rejected", 23)
HERE = ("not_sent", "", None)
BUSY = ("try_later", "", None)
SILENT = ("unanswered", "", None)


def settled(*parts: tuple[str, str, int | None], message: Message | None = None) -> Message:
    """Return a message as its parts make it."""
    message = message or make_long_message(parts=len(parts))
    Message.objects.filter(pk=message.pk).update(state=State.SUBMITTING)
    now = timezone.now()
    for number, (outcome, state, ptt) in enumerate(parts, 1):
        Attempt.objects.create(
            message=message,
            part=number,
            reference=f"{message.pk}-{number}",
            outcome=outcome,
            state=state,
            ptt=ptt,
            started_at=now,
        )
    settle(message)
    message.refresh_from_db()
    return message


def settle(message: Message) -> None:
    with transaction.atomic():
        settling.settle(settling.locked(message.pk), at=timezone.now())


def is_refunded(message: Message) -> bool:
    return LedgerEntry.objects.filter(message=message, kind=LedgerEntry.Kind.REFUND).exists()


class TestMessage:
    @pytest.mark.parametrize(
        ("parts", "state", "ptt"),
        [
            ([WAITING], "enroute", 3),
            ([ENROUTE], "enroute", 3),
            ([RETRIED], "enroute", 2),
            ([ENROUTE, RETRIED], "enroute", 2),
            ([DELIVERED], "delivered", 4),
            ([DELIVERED, DELIVERED, DELIVERED], "delivered", 4),
            ([DELIVERED, WAITING], "enroute", 3),
            ([EXPIRED, WAITING], "enroute", 3),
            ([EXPIRED, DELIVERED], "expired", 24),
            ([DELIVERED, UNKNOWN], "unknown", 6),
            ([UNKNOWN, EXPIRED], "unknown", 6),
            ([DELIVERED, TURNED_BACK], "undeliverable", 20),
            ([DELIVERED, REFUSED, HERE], "undeliverable", 23),
            ([TURNED_BACK, TURNED_BACK], "rejected", 20),
            ([TURNED_BACK, REFUSED, HERE], "rejected", 20),
            ([REFUSED, HERE, HERE], "rejected", 23),
            ([SILENT], "submitting", None),
            ([SILENT, DELIVERED], "submitting", None),
            ([DELIVERED, BUSY, HERE], "submitting", None),
            ([DELIVERED, HERE], "queued", None),
            ([WAITING, HERE], "queued", None),
        ],
    )
    def test_is_where_its_parts_are(self, parts, state, ptt):
        message = settled(*parts)

        assert (message.state, message.ptt) == (state, ptt)
        assert (message.final_at is not None) == message.is_final

    @pytest.mark.parametrize(
        ("parts", "refunded"),
        [
            ([REFUSED], True),
            ([TURNED_BACK], True),
            ([REFUSED, HERE], True),
            ([TURNED_BACK, REFUSED], True),
            ([DELIVERED, REFUSED], False),
            ([EXPIRED, TURNED_BACK], False),
            ([EXPIRED], False),
            ([UNKNOWN], False),
        ],
    )
    def test_gets_its_credits_back_only_where_no_part_was_on_air(self, parts, refunded):
        assert is_refunded(settled(*parts)) == refunded

    def test_is_not_moved_by_a_second_look(self):
        message = settled(REFUSED)
        events = MessageEvent.objects.filter(message=message).count()

        settle(message)

        assert MessageEvent.objects.filter(message=message).count() == events

    def test_counts_the_attempt_that_was_taken_and_not_a_later_one(self):
        message = settled(DELIVERED)
        other = settled(BUSY)
        for each in (message, other):
            Attempt.objects.create(
                message=each,
                part=1,
                reference=f"{each.pk}-again",
                outcome="taken",
                state="expired",
                ptt=8,
                started_at=timezone.now(),
            )
            Message.objects.filter(pk=each.pk).update(state=State.SUBMITTING)
            settle(each)
            each.refresh_from_db()

        assert (message.state, other.state) == ("delivered", "expired")

    @pytest.mark.parametrize(("part", "is_submitted"), [(WAITING, True), (REFUSED, False)])
    def test_was_submitted_when_the_carrier_took_it(self, part, is_submitted):
        message = settled(part)

        assert (message.submitted_at == message.state_since) == is_submitted


class TestWord:
    def callbacks(self) -> list[tuple[str, int, str, int | None]]:
        return list(
            Callback.objects.order_by("id").values_list("url", "sequence", "state", "api_user_id")
        )

    def change_and_change(self, user):
        message = settled(WAITING, message=make_message(user=user))
        Attempt.objects.update(state="delivered", ptt=4)
        settle(message)

    def test_goes_to_the_users_url_at_each_change(self):
        user = make_api_user(callback=USERS)

        self.change_and_change(user)

        assert self.callbacks() == [
            (USERS, 1, "enroute", user.pk),
            (USERS, 2, "delivered", user.pk),
        ]

    def test_goes_to_the_accounts_url_too(self):
        account = make_account()
        account.callback_url = ACCOUNTS
        account.save(update_fields=["callback_url"])
        user = make_api_user(account=account, callback=USERS)

        self.change_and_change(user)

        assert sorted(self.callbacks()) == [
            (ACCOUNTS, 1, "enroute", None),
            (ACCOUNTS, 2, "delivered", None),
            (USERS, 1, "enroute", user.pk),
            (USERS, 2, "delivered", user.pk),
        ]

    def test_goes_once_where_both_urls_are_the_same(self):
        account = make_account()
        account.callback_url = USERS
        account.save(update_fields=["callback_url"])
        user = make_api_user(account=account, callback=USERS)

        settled(DELIVERED, message=make_message(user=user))

        assert self.callbacks() == [(USERS, 1, "delivered", user.pk)]

    def test_goes_nowhere_without_a_url(self):
        self.change_and_change(make_api_user())

        assert self.callbacks() == []

    def test_no_longer_goes_to_a_deleted_user(self):
        user = make_api_user(callback=USERS)
        message = make_message(user=user)
        api_users.delete(user, by=None)

        settled(DELIVERED, message=message)

        assert self.callbacks() == []

    def test_of_trouble_goes_out_once_until_it_changes(self):
        user = make_api_user(callback=USERS)
        message = settled(WAITING, message=make_message(user=user))
        for ptt in (2, 2, 1, 3, 3):
            Attempt.objects.update(state="enroute", ptt=ptt)
            settle(message)

        assert list(Callback.objects.order_by("id").values_list("sequence", "ptt")) == [
            (1, 3),
            (2, 2),
            (3, 1),
            (4, 3),
        ]

    def test_that_cannot_be_left_leaves_the_state_as_it_was(self, monkeypatch):
        """State and callback are stored together or not at all."""
        user = make_api_user(callback=USERS)

        def fail(*args, **kwargs):
            raise RuntimeError

        monkeypatch.setattr(settling, "_leave_word", fail)
        message = make_message(user=user)
        with pytest.raises(RuntimeError):
            settled(REFUSED, message=message)

        message.refresh_from_db()
        assert message.state == State.SUBMITTING
        assert not is_refunded(message)


class TestFirstWord:
    def test_is_not_looked_for_before_it_was_given(self):
        """What a carrier has just taken was told to nobody, and that is nearly every message."""
        message = make_message(user=make_api_user(callback=USERS))
        Message.objects.update(state=State.SUBMITTING)
        Attempt.objects.create(
            message=message, part=1, reference="1", outcome="taken", started_at=timezone.now()
        )

        with CaptureQueriesContext(connection) as asked:
            settle(message)

        assert not [each for each in asked if 'FROM "sms_accounts_callback"' in each["sql"]]
        assert Callback.objects.get().sequence == 1

    def test_comes_after_all_states_of_which_nothing_is_told(self):
        for state in settling._UNTOLD:
            assert set(_BEFORE.get(state, ())) <= set(settling._UNTOLD)
