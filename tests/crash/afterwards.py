"""What must be true of one order after a process was killed over it, whatever the moment was."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from email import message_from_string
from io import StringIO
from typing import Any

from django.core.management import call_command

from sms_accounts.models import (
    FINAL,
    Alert,
    ApiUser,
    Attempt,
    Callback,
    LedgerEntry,
    Message,
    MessageEvent,
    Notification,
    State,
    Submission,
)
from tests.receiver import Receiver

# Numbers of the simulated carrier: two that it refuses, one that it cannot deliver to.
REFUSED = ("33639985023", "33639985076")
UNDELIVERABLE = "33639980024"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sort of order: how many receivers, how many parts, and when."""

    name: str
    receivers: tuple[str, ...] = ("33639980004",)
    text: str = "Hello"
    parts: int = 1
    is_scheduled: bool = False

    @property
    def price(self) -> Decimal:
        return Decimal(len(self.receivers) * self.parts)


KINDS = (
    Kind(name="alone"),
    Kind(name="refused", receivers=REFUSED[:1]),
    Kind(name="of many parts", text="x" * 153 * 3, parts=3),
    Kind(name="scheduled", is_scheduled=True),
    Kind(
        name="to many receivers",
        # More than one worker hands over at once.
        receivers=(*REFUSED, UNDELIVERABLE, *(f"336123450{number:02}" for number in range(17))),
    ),
)


@dataclass
class World:
    """All that is outside the program, and outlives it: what each has been told."""

    receiver: Receiver
    # What the carrier was handed, one entry for each reference, and the mails as they came.
    submits: list[Mapping[str, object]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)


def assert_all_is_well(
    user: ApiUser, kind: Kind, answer: Mapping[str, Any], world: World, *, repeats: str
) -> None:
    [order] = Submission.objects.filter(api_user=user)
    messages = list(Message.objects.filter(submission=order).order_by("pk"))
    assert answer["status"] == 100
    assert [int(given) for given in answer["smsIds"]] == [each.pk for each in messages]
    assert [each.msisdn for each in messages] == list(kind.receivers)
    _assert_paid_once(order, messages, kind)
    alert_message = _assert_alerted_once(user, world, may_repeat=repeats == "mail")
    for message in (*messages, alert_message):
        _assert_on_air_once(message, world.submits)
        _assert_final_or_held(message, world.submits)
        _assert_told(message, user, world.receiver, may_repeat=repeats == "callback")
    call_command("check_books", stdout=StringIO())


def _assert_paid_once(order: Submission, messages: Sequence[Message], kind: Kind) -> None:
    entries = LedgerEntry.objects.filter(submission=order)
    [debit] = entries.filter(kind=LedgerEntry.Kind.DEBIT)
    refunds = Counter(
        entries.filter(kind=LedgerEntry.Kind.REFUND).values_list("message", "credits")
    )
    assert -debit.credits == kind.price
    assert refunds == Counter(
        (each.pk, each.credits) for each in messages if each.state == State.REJECTED
    )
    for message in messages:
        parts = set(message.attempts.values_list("part", flat=True))
        assert parts == set(range(1, kind.parts + 1)), "paid, and not handed over"


def _assert_on_air_once(message: Message, submits: Sequence[Mapping[str, object]]) -> None:
    references = Counter(
        (attempt.part, attempt.reference) for attempt in message.attempts.order_by("id")
    )
    seen = [each for each in submits if (each["part"], each["ref"]) in references]
    assert all(each["asked"] == 1 for each in seen)
    parts = Counter(each["part"] for each in seen)
    assert set(parts.values()) <= {1}, "a part was handed over twice"


def _assert_final_or_held(message: Message, submits: Sequence[Mapping[str, object]]) -> None:
    """A message is final when the carrier has told of each part, and else held with a note."""
    taken = {str(each["ref"]) for each in submits if each["id"]}
    answered = message.attempts.exclude(outcome=Attempt.Outcome.UNANSWERED)
    known = taken | set(answered.values_list("reference", flat=True))
    if all(attempt.reference in known for attempt in message.attempts.all()):
        assert message.state == _fate(message)
        assert message.final_at is not None
        return
    assert message.state == State.SUBMITTING
    assert message.claimed_until is None
    assert _notes(message).exists()
    assert not message.callbacks.exists()


def _fate(message: Message) -> State:
    if message.msisdn in REFUSED:
        return State.REJECTED
    return State.EXPIRED if message.msisdn == UNDELIVERABLE else State.DELIVERED


def _notes(message: Message):
    return MessageEvent.objects.filter(
        message=message, state="", cause__contains="stopped while the carrier was spoken to"
    )


def _assert_told(message: Message, user: ApiUser, receiver: Receiver, *, may_repeat: bool) -> None:
    """Each change was told, in their order, and nothing else; a repetition says the same."""
    if message.submission.api_user_id != user.pk:
        assert not message.callbacks.exists()
        return
    changes = MessageEvent.objects.filter(
        message=message, state__in=[State.ENROUTE, *FINAL]
    ).order_by("id")
    callbacks = list(Callback.objects.filter(message=message).order_by("sequence"))
    assert [(each.state, each.ptt) for each in callbacks] == list(
        changes.values_list("state", "ptt")
    )
    assert all(each.done_at for each in callbacks)
    heard = [each for each in list(receiver.requests) if each.value("id") == str(message.pk)]
    expected = [str(each.ptt) for each in callbacks]
    assert list(dict.fromkeys(each.value("ptt") for each in heard)) == expected
    assert len({each.target for each in heard}) == len(expected)
    if not may_repeat:
        assert len(heard) == len(expected)
    assert len(heard) <= 2 * len(expected)


def _assert_alerted_once(user: ApiUser, world: World, *, may_repeat: bool) -> Message:
    """One crossing, one mail and one SMS; return the SMS."""
    [alert] = Alert.objects.filter(api_user=user)
    mail, sms = alert.notifications.order_by("channel")
    assert (mail.channel, mail.state) == ("email", Notification.State.DONE)
    assert (sms.channel, sms.state) == ("sms", Notification.State.DONE)
    ids = [message_from_string(each)["Message-ID"] for each in world.mails]
    assert len(set(ids)) == 1
    assert len(ids) == 1 or (may_repeat and len(ids) == 2)
    [order] = Submission.objects.filter(account=user.account, channel=Submission.Channel.ALERT)
    assert sms.submission_id == order.pk
    return order.messages.get()
