"""What became of the messages of one API user lately, as far as its latest orders tell."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sms_accounts.models import FINAL, ApiUser, Message, State, Submission

# However many there are, no more is looked at, the latest first.
MOST_ORDERS = 1_000
MOST_MESSAGES = 10_000

_FAILED = FINAL - {State.DELIVERED, State.CANCELLED}


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How many messages came to which end, and what they cost when they were accepted.

    `is_all` says whether these are all; otherwise the latest ones were counted.
    """

    delivered: int
    failed: int
    waiting: int
    cancelled: int
    credits: Decimal
    is_all: bool

    @property
    def total(self) -> int:
        return self.delivered + self.failed + self.waiting + self.cancelled


def of_user(api_user: ApiUser, *, since: datetime) -> Outcomes:
    """Count what a user sent since a moment, up to the latest orders and messages."""
    orders = Submission.objects.filter(api_user=api_user, created_at__gte=since).order_by("-pk")
    looked_at = list(orders.values_list("pk", flat=True)[:MOST_ORDERS])
    messages = Message.objects.filter(submission__in=looked_at)
    ends = list(messages.values_list("state", "credits")[:MOST_MESSAGES])
    counted = Counter(state for state, _credits in ends)
    return Outcomes(
        delivered=counted[State.DELIVERED],
        failed=_count(counted, *_FAILED),
        waiting=_count(counted, *(set(State) - FINAL)),
        cancelled=counted[State.CANCELLED],
        credits=sum((credits for _state, credits in ends), Decimal(0)),
        is_all=_is_all(looked_at, ends),
    )


def _count(counted: Counter[str], *states: State) -> int:
    return sum(counted[state] for state in states)


def _is_all(orders: Sequence[int], ends: Sequence[object]) -> bool:
    return len(orders) < MOST_ORDERS and len(ends) < MOST_MESSAGES
