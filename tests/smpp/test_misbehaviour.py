"""An SMSC that misbehaves: whatever it does, our states agree with its log."""

import pytest

from sms_accounts import reports, submission
from sms_accounts.carriers.smpp import receipts
from sms_accounts.models import Attempt, DlrReport, Message, State
from tests.factories import make_account, make_api_user, make_order
from tests.sizes import in_full
from tests.smpp.panel import panel_at
from tests.smpp.rig import AMPLE, BRIEF
from tests.smpp.smsc import Smsc
from tests.traces import refunds

pytestmark = pytest.mark.django_db

COUNT = in_full(20, otherwise=6)


def make_messages(count=COUNT):
    user = make_api_user(account=make_account(credits=count))
    receivers = [f"336399{number:05}" for number in range(count)]
    receipt = submission.submit(make_order(user, receivers=receivers))
    return list(receipt.submission.messages.order_by("id"))


def agree(message, smsc):
    """Check what we know of a message against what the SMSC did with it."""
    message.refresh_from_db()
    heard = [each for each in smsc.heard if each.msisdn == message.msisdn]
    taken = [each for each in heard if each.carrier_id]
    attempts = list(message.attempts.order_by("id"))
    assert len(taken) <= 1
    if message.state == State.ENROUTE:
        assert len(taken) == 1
        known = receipts.canonical_id(taken[0].carrier_id, "caseless")
        assert attempts[-1].carrier_message_id in (known, "")
        assert attempts[-1].outcome == Attempt.Outcome.TAKEN
    elif message.state == State.REJECTED:
        assert not taken
        assert refunds(message) == 1
    else:
        # Not known, and the SMSC said nothing that could be understood.
        assert message.state == State.SUBMITTING
        assert not any(each.is_answered for each in heard[-1:])
        assert attempts[-1].outcome == Attempt.Outcome.UNANSWERED
        assert refunds(message) == 0
    return message.state


# Those that say nothing, or nothing that can be understood, and leave the connection as it is.
SILENT = {"take_silently", "answer_to_another", "half", "garbage"}

ENROUTE, REJECTED, OPEN = {State.ENROUTE}, {State.REJECTED}, {State.SUBMITTING}

# What the SMSC does to every message, and in which states they may be at the end.
CONDUCTS = {
    "take": ENROUTE,
    "take_silently": OPEN,
    "answer_twice": ENROUTE,
    "answer_without_id": ENROUTE,
    "answer_to_another": OPEN,
    "refuse": REJECTED,
    "refuse_strangely": REJECTED,
    "throttle_twice": ENROUTE,
    "full_twice": ENROUTE,
    "nack_once": ENROUTE,
    "drop_before": OPEN,
    "drop_within": OPEN,
    "drop_after": OPEN,
    "half": OPEN,
    "garbage": OPEN,
    "unbind_then_answer": ENROUTE,
}


@pytest.mark.parametrize("conduct", CONDUCTS)
def test_states_agree_with_the_log_of_the_carrier(conduct):
    messages = make_messages()
    smsc = Smsc(lambda heard: conduct)

    with panel_at(smsc, answer_within=BRIEF if conduct in SILENT else AMPLE) as panel:
        panel.deliver_all()

    assert {agree(message, smsc) for message in messages} <= CONDUCTS[conduct]


def test_a_bind_that_is_refused_at_first_costs_no_message_a_try():
    messages = make_messages()
    smsc = Smsc()
    smsc.refused_binds = 3

    with panel_at(smsc) as panel:
        panel.deliver_all()

    assert {agree(message, smsc) for message in messages} == ENROUTE
    assert {message.tries for message in messages} == {0}


@pytest.mark.parametrize(
    ("conduct", "state"),
    [
        ("answer_late", State.ENROUTE),
        ("refuse_late", State.REJECTED),
    ],
)
def test_an_answer_that_comes_late_still_counts(conduct, state):
    messages = make_messages()
    smsc = Smsc(lambda heard: conduct)
    smsc.late = 0.4

    with panel_at(smsc, answer_within=BRIEF) as panel:
        panel.deliver_all()
        panel.work_until(
            lambda: not Message.objects.exclude(state=state).exists(), reason="not resolved"
        )

    assert {agree(message, smsc) for message in messages} == {state}


def test_an_answer_that_comes_after_a_reconnect_still_counts():
    messages = make_messages(10)
    smsc = Smsc(lambda heard: "answer_on_the_next_bind")

    # One by one: what else was under way at the drop would never be answered.
    with panel_at(smsc, window=1) as panel:
        panel.deliver_all()
        panel.work_until(
            lambda: not Message.objects.exclude(state=State.ENROUTE).exists(), reason="unresolved"
        )

    assert {agree(message, smsc) for message in messages} == ENROUTE


def test_a_request_to_try_later_that_comes_late_queues_the_message_again():
    [message] = make_messages(1)
    smsc = Smsc()
    smsc.script = lambda heard: "throttle_late" if len(smsc.heard) == 1 else "take"
    smsc.late = 0.4

    with panel_at(smsc, answer_within=BRIEF) as panel:
        panel.deliver_all()
        panel.work_until(
            lambda: Message.objects.filter(tries=1).exists(), reason="not queued again"
        )
        panel.deliver_all()

    assert agree(message, smsc) == State.ENROUTE


class TestReceipts:
    def test_resolve_what_was_never_answered(self):
        messages = make_messages()
        smsc = Smsc(lambda heard: "take_silently_and_report")

        with panel_at(smsc, answer_within=BRIEF) as panel:
            panel.deliver_all()
            panel.work_until(lambda: not smsc.receipts, reason="receipts not taken")
            reports.record_dlrs()

        assert {each.state for each in Message.objects.all()} == {State.DELIVERED}
        assert len(smsc.heard) == len(messages)

    def test_that_share_a_reference_are_left_to_their_ids(self):
        messages = make_messages(2)
        smsc = Smsc(lambda heard: "take_silently")
        with panel_at(smsc, answer_within=BRIEF) as panel:
            panel.deliver_all()
            for number, attempt in enumerate(Attempt.objects.all()):
                Attempt.objects.filter(pk=attempt.pk).update(reference=f"beef{number}")
            Message.objects.update(msisdn=messages[0].msisdn)
            smsc.heard[0].reference = "beef"
            smsc.report(smsc.heard[0])
            panel.work_until(lambda: not smsc.receipts, reason="receipt not taken")
            reports.record_dlrs()

        assert {each.state for each in Message.objects.all()} == {State.SUBMITTING}

    def test_are_sent_again_while_the_database_does_not_take_them(self, monkeypatch):
        make_messages(1)
        smsc = Smsc(lambda heard: "take_and_report")
        failures = iter([ValueError, None])
        store = reports.store_posts

        def fail_once(*given):
            if (failure := next(failures, None)) is not None:
                raise failure
            store(*given)

        monkeypatch.setattr(reports, "store_posts", fail_once)
        monkeypatch.setattr("sms_accounts.smpp_process.connection.close", lambda: None)
        with panel_at(smsc) as panel:
            panel.deliver_all()
            panel.work_until(lambda: not smsc.receipts, reason="receipts not taken")
            reports.record_dlrs()

        assert Message.objects.get().state == State.DELIVERED
        assert DlrReport.objects.count() >= 2
        assert set(DlrReport.objects.values_list("code", flat=True)) == {
            "ACCEPTD err:000",
            "DELIVRD err:000",
        }
