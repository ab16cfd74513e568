"""The program is killed at each named point; whatever is left goes on from what it had stored."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from django.db.models import Q
from django.utils import timezone

from sms_accounts.models import ApiUser, Callback, DlrPost, Message, Notification, State
from tests.crash.afterwards import KINDS, Kind, World, assert_all_is_well
from tests.crash.child import Ended, Lives, Step
from tests.crash.points import ALL, POINTS, Point
from tests.factories import API_PASSWORD, SENDER, make_account, make_api_user
from tests.receiver import Receiver
from tests.simulator_rig import SimulatorRig, wait_until
from tests.sizes import in_full, in_full_on

pytestmark = pytest.mark.django_db(transaction=True)

PROMISES = Path(__file__).resolve().parents[2] / "docs" / "promises.md"
# What comes before each step, one process after the other.
LIVES = {
    "submit": (("submit",),),
    "alert": (("submit",), ("alert",)),
    "deliver": (("submit",), ("deliver",)),
    "dlr": (("submit",), ("deliver",), ("dlr",)),
    "read": (("submit",), ("deliver",), ("dlr", "read")),
    "call": (("submit",), ("deliver",), ("dlr", "read", "call")),
}
# How long the rest of the program may take until nothing is left to do.
PATIENCE = 30


def kinds_of(point: Point) -> list[Kind]:
    """The kinds of orders that come to a point."""
    return [
        kind
        for kind in KINDS
        if kind.is_scheduled or not point.name.startswith("delivery.queue_scheduled")
        # What is refused is so at once: no DLR comes of it.
        if kind.name != "refused" or point.step not in ("dlr", "read")
    ]


def visits() -> Iterator[ParameterSet]:
    """Each point with each kind of order, or with one of them; where a person waits, each third."""
    for number, point in list(enumerate(POINTS))[:: in_full(1, otherwise=3)]:
        kinds = kinds_of(point)
        for kind in in_full_on("postgresql", kinds, otherwise=[kinds[number % len(kinds)]]):
            yield pytest.param(point, kind, id=f"{point.name}, {kind.name}")


class Story:
    """One order from the call of a script to the last callback, with one death on the way."""

    def __init__(self, lives: Lives, rig: SimulatorRig, kind: Kind, point: Point):
        self.lives = lives
        self.rig = rig
        self.kind = kind
        self.point = point
        self.answer: dict[str, object] = {}
        self.was_killed = False

    def tell(self, words: dict[str, str]) -> None:
        *before, last = LIVES[self.point.step]
        for life in before:
            self._go(life, words)
        self._go(last, words, die=True)
        assert self.was_killed, "the point was never reached"
        if not self.answer:
            # Whoever got no answer asks again.
            self._go(("submit",), words)
        end_claims()
        until = time.monotonic() + PATIENCE
        while not self._is_quiet():
            assert time.monotonic() < until, "there is always something left to do"
            # What nobody knows is noted before the carrier tells of it.
            self._go(("alert", "deliver"), words)
            self._go(("dlr", "read", "call"), words)

    def _go(self, steps: Sequence[str], words: dict[str, str], *, die: bool = False) -> None:
        calls = self._dlrs() if "dlr" in steps else []
        others: list[Step] = [(step, words) for step in steps if step != "dlr"]
        ended = self._live(*calls, *others, die=die)
        if "submit" in steps:
            [self.answer] = ended.results or [{}]
            let_scheduled_come()
        # The carrier repeats what got no answer.
        taken = ended.results[: len(calls)]
        assert set(taken) <= {200}
        del self.rig.receiver.calls[: len(taken)]

    def _live(self, *steps: Step, die: bool) -> Ended:
        nth = 2 if self.kind.name in self.point.recurs_for else 1
        ended = self.lives.live(*steps, point=self.point if die else None, nth=nth)
        self.was_killed |= ended.was_killed
        return ended

    def _dlrs(self) -> list[Step]:
        """What the carrier calls the program with; it stays in the list until it was taken."""
        self._wait_for_carrier()
        return [
            ("dlr", {"body": body.decode(), "authorization": headers["Authorization"]})
            for headers, body in self.rig.receiver.calls
        ]

    def _wait_for_carrier(self) -> None:
        wait_until(lambda: not self.rig.log()["pending_dlrs"], reason="the carrier keeps DLRs")

    def _is_quiet(self) -> bool:
        self._wait_for_carrier()
        return not (
            self.rig.receiver.calls
            or Message.objects.filter(
                Q(state__in=[State.SCHEDULED, State.QUEUED]) | Q(claimed_until__isnull=False)
            ).exists()
            or DlrPost.objects.filter(read_at=None).exists()
            or Callback.objects.filter(done_at=None, given_up_at=None).exists()
            or Notification.objects.filter(state=Notification.State.WAITING).exists()
        )


def let_scheduled_come() -> None:
    Message.objects.filter(state=State.SCHEDULED).update(due_at=timezone.now())


def end_claims() -> None:
    """Let the time pass after which a worker that was not heard of counts as gone."""
    before = timezone.now() - timedelta(seconds=1)
    for rows in (Message.objects, Callback.objects, Notification.objects):
        rows.filter(claimed_until__isnull=False).update(claimed_until=before)


def make_sender(kind: Kind, receiver: Receiver):
    """A user whose threshold this order crosses, and whose account pays the alert SMS."""
    user = make_api_user(
        account=make_account(credits=500),
        quota=100,
        threshold=99,
        support=ApiUser.Support.BOTH,
        email="alerts@example.com",
        callback=receiver.url,
    )
    words = {
        "account": user.account.name,
        "login": user.login,
        "password": API_PASSWORD,
        "from": SENDER,
        "to": ",".join(kind.receivers),
        "message": kind.text,
        "noStop": "1",
        "contentType": "application/json",
        "idempotencyKey": "order-1",
    }
    if kind.is_scheduled:
        words["deferred"] = f"{timezone.now() + timedelta(hours=1):%H%M%d%m%Y}"
    return user, words


@pytest.mark.parametrize(("point", "kind"), list(visits()))
def test_an_order_outlives_a_kill(point, kind, lives, rig, receiver, mail):
    user, words = make_sender(kind, receiver)
    seen_before, heard_before = rig.log()["seen"], len(receiver.requests)
    mail.taken.clear()
    story = Story(lives, rig, kind, point)

    story.tell(words)

    world = World(
        receiver=receiver,
        submits=rig.log(after=seen_before)["submits"],
        mails=mail.taken,
    )
    del receiver.requests[:heard_before]
    assert_all_is_well(user, kind, story.answer, world, repeats=point.repeats)


def test_the_table_of_points_is_complete():
    rows = [line.split("|")[1].strip() for line in PROMISES.read_text().splitlines() if "|" in line]

    names = [point.name for point in ALL]
    assert [row.strip("`") for row in rows if row.strip("`") in names] == names
