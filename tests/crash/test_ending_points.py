"""The program is killed while it ends messages: by a policy, a cancellation, the sweep."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sms_accounts import delivery, submission
from sms_accounts.models import Account, Activity, ApiUser, Attempt, Message, State
from tests.crash.points import BY_NAME
from tests.factories import make_account, make_api_user, make_message, make_order
from tests.sizes import in_full_on
from tests.traces import notes, outcomes, purse, refunds, told

pytestmark = pytest.mark.django_db(transaction=True)

# Numbers of the simulated carrier: taken without an answer, and taken with no end to come.
UNANSWERED, ENDLESS = "33639987004", "33639980003"
SIDES = ("before the commit", "after the commit")
HOLD, RESEND, GIVE_BACK = "hold", "resend", "give_back"
PAST = timedelta(days=30)

# The kill comes over the first or over the second of two messages.
at_each_commit = pytest.mark.parametrize(
    ("side", "nth"),
    in_full_on(
        "postgresql",
        [(side, nth) for side in SIDES for nth in (1, 2)],
        otherwise=[("before the commit", 2), ("after the commit", 1)],
    ),
)


@pytest.fixture
def user(receiver) -> ApiUser:
    return make_api_user(account=make_account(credits=50), quota=20, callback=receiver.url)


class Program:
    """The program from outside: steps in a process of their own, one of which may kill it."""

    def __init__(self, lives, rig, receiver):
        self._lives = lives
        self._rig = rig
        self._receiver = receiver
        self._seen_before = rig.log()["seen"]
        self._heard_before = len(receiver.requests)
        rig.receiver.calls.clear()

    def live(self, step: str, **given: str):
        return self._lives.live((step, given)).results

    def die(self, step: str, point: str, *, nth: int, **given: str) -> None:
        ended = self._lives.live((step, given), point=BY_NAME[point], nth=nth)
        assert ended.was_killed, "the point was never reached"

    def hear_reports(self) -> None:
        """Let the carrier report what it has kept until now, and tell the customers of all."""
        self._rig.wait_for_dlrs(2)
        for headers, body in list(self._rig.receiver.calls):
            self.live("dlr", body=body.decode(), authorization=headers["Authorization"])
        self.live("read")
        self.live("call")

    @property
    def submits(self):
        """How often the carrier was asked for each part, and how often it sent it."""
        page = self._rig.log(after=self._seen_before)
        return [(each["asked"], each["sent"]) for each in page["submits"]]

    def heard_of(self, message: Message) -> list[str]:
        heard = list(self._receiver.requests)[self._heard_before :]
        return [each.value("ptt") for each in heard if each.value("id") == str(message.pk)]


@pytest.fixture
def program(lives, rig, receiver):
    return Program(lives, rig, receiver)


def unanswered(user: ApiUser, program: Program, *, policy: str) -> list[Message]:
    """Two messages that the carrier has and never answered, over which the policy is due."""
    Account.objects.filter(pk=user.account_id).update(unknown_outcome=policy)
    messages = [make_message(user=user, msisdn=UNANSWERED) for _ in range(2)]
    program.live("deliver")
    Message.objects.update(decide_at=timezone.now() - timedelta(seconds=1))
    return messages


def refreshed(messages: list[Message]) -> list[Message]:
    for message in messages:
        message.refresh_from_db()
    return messages


@at_each_commit
class TestUnknownOutcome:
    def test_is_noted_once(self, side, nth, user, program):
        messages = [make_message(user=user) for _ in range(2)]
        delivery._claim("simulator", 2)
        Message.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

        program.die("deliver", f"unresolved.note: {side}", nth=nth)
        program.live("deliver")

        for message in refreshed(messages):
            assert (message.state, message.claimed_until) == (State.SUBMITTING, None)
            assert len(notes(message)) == 1
            assert message.faults == 1
        assert program.submits == []

    def test_is_held(self, side, nth, user, program):
        messages = unanswered(user, program, policy=RESEND)
        Account.objects.update(unknown_outcome=HOLD)

        program.die("deliver", f"unresolved.decide: {side}", nth=nth)
        program.live("deliver")

        for message in refreshed(messages):
            assert (message.state, message.decide_at) == (State.SUBMITTING, None)
            assert notes(message)[1:] == [
                "The account's policy is to hold now; its report will tell"
            ]
        assert program.submits == [(1, 1)] * 2
        program.hear_reports()
        for message in refreshed(messages):
            assert message.state == State.DELIVERED
            assert refunds(message) == 0

    def test_is_handed_over_again(self, side, nth, user, program):
        messages = unanswered(user, program, policy=RESEND)

        program.die("deliver", f"unresolved.decide: {side}", nth=nth)
        program.live("deliver")

        for message in refreshed(messages):
            assert message.state == State.ENROUTE
            assert message.events.filter(state=State.QUEUED).count() == 1
            assert outcomes(message) == [(1, "taken")]
        assert program.submits == [(2, 1)] * 2
        program.hear_reports()
        for message in refreshed(messages):
            assert told(message) == [("enroute", 3), ("delivered", 4)]
            assert program.heard_of(message) == ["3", "4"]
            assert refunds(message) == 0
        assert purse(user) == 18

    def test_is_given_back(self, side, nth, user, program):
        messages = unanswered(user, program, policy=GIVE_BACK)

        program.die("deliver", f"unresolved.decide: {side}", nth=nth)
        program.live("deliver")
        program.hear_reports()

        for message in refreshed(messages):
            assert (message.state, message.ptt) == (State.REJECTED, 6)
            assert told(message) == [("rejected", 6)]
            assert program.heard_of(message) == ["6"]
            assert refunds(message) == 1
        assert program.submits == [(1, 1)] * 2
        assert purse(user) == 20


@at_each_commit
class TestCancellation:
    def test_gives_back_once(self, side, nth, user, program):
        order = make_order(user, receivers=["33639980004", "33639980005"])
        later = timezone.now() + timedelta(hours=1)
        receipt = submission.submit(order._replace(scheduled_at=later))
        messages = list(receipt.submission.messages.order_by("pk"))
        ids = ",".join(str(message.pk) for message in messages)

        program.die("cancel", f"cancellation.cancel: {side}", nth=nth, ids=ids)
        cancelled_before = Message.objects.filter(state=State.CANCELLED).count()
        [cancelled] = program.live("cancel", ids=ids)
        Message.objects.update(due_at=timezone.now())
        program.live("deliver")
        program.live("call")

        assert cancelled + cancelled_before == 2
        for message in refreshed(messages):
            assert message.state == State.CANCELLED
            assert [each for each, _ptt in told(message)] == ["cancelled"]
            assert len(program.heard_of(message)) == 1
            assert refunds(message) == 1
        assert Activity.objects.filter(action="message cancelled").count() == 2
        assert program.submits == []
        assert purse(user) == 20


@at_each_commit
class TestSweep:
    def test_ends_what_the_carrier_has_and_keeps_it_paid(self, side, nth, user, program):
        messages = [make_message(user=user, msisdn=ENDLESS) for _ in range(2)]
        program.live("deliver")
        Message.objects.update(state_since=timezone.now() - PAST)

        program.die("sweep", f"validity.end: {side}", nth=nth)
        program.live("sweep")
        program.live("call")

        for message in refreshed(messages):
            assert (message.state, message.ptt) == (State.UNKNOWN, 6)
            assert told(message) == [("enroute", 3), ("unknown", 6)]
            assert program.heard_of(message) == ["3", "6"]
            assert refunds(message) == 0
        assert purse(user) == 18

    def test_ends_what_was_parked_and_gives_it_back_once(self, side, nth, user, program):
        messages = [make_message(user=user) for _ in range(2)]
        long_ago = timezone.now() - PAST
        Message.objects.update(parked_at=long_ago, state_since=long_ago)
        for message in messages:
            Attempt.objects.create(
                message=message,
                part=1,
                reference=f"parked-{message.pk}",
                outcome=Attempt.Outcome.NOT_SENT,
                started_at=long_ago,
            )

        program.die("sweep", f"validity.end: {side}", nth=nth)
        program.live("sweep")
        program.live("call")

        for message in refreshed(messages):
            assert message.state == State.REJECTED
            assert [each for each, _ptt in told(message)] == ["rejected"]
            assert len(program.heard_of(message)) == 1
            assert refunds(message) == 1
        assert program.submits == []
        assert purse(user) == 20
