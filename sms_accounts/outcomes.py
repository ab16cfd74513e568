"""What became of the messages of one API user lately.

Of most users the messages themselves tell, right up to now. Of one that sends very many, the
figures do that the workers add up, and they are some seconds behind.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from sms_accounts.models import FINAL, ApiUser, Message, State, Submission, UserQuarter

# However many there are, no more is looked at.
MOST_ORDERS = 1_000
MOST_MESSAGES = 10_000

_FAILED = FINAL - {State.DELIVERED, State.CANCELLED}


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How many messages came to which end, and what they cost when they were accepted.

    `is_live` says whether they are those of this moment.
    """

    delivered: int
    failed: int
    waiting: int
    cancelled: int
    credits: Decimal
    is_live: bool

    @property
    def total(self) -> int:
        return self.delivered + self.failed + self.waiting + self.cancelled


def of_user(api_user: ApiUser, *, since: datetime) -> Outcomes:
    """Count what a user sent since a moment."""
    orders = Submission.objects.filter(api_user=api_user, created_at__gte=since).order_by("-pk")
    looked_at = list(orders.values_list("pk", flat=True)[:MOST_ORDERS])
    messages = Message.objects.filter(submission__in=looked_at)
    ends = list(messages.values_list("state", "credits")[:MOST_MESSAGES])
    if len(looked_at) == MOST_ORDERS or len(ends) == MOST_MESSAGES:
        return _added_up(api_user, since=since)
    counted = Counter(state for state, _credits in ends)
    return Outcomes(
        delivered=counted[State.DELIVERED],
        failed=_count(counted, *_FAILED),
        waiting=_count(counted, *(set(State) - FINAL)),
        cancelled=counted[State.CANCELLED],
        credits=sum((credits for _state, credits in ends), Decimal(0)),
        is_live=True,
    )


def _count(counted: Counter[str], *states: State) -> int:
    return sum(counted[state] for state in states)


def _added_up(api_user: ApiUser, *, since: datetime) -> Outcomes:
    rows = UserQuarter.objects.filter(api_user=api_user, starts_at__gte=since)
    names = ("messages", "delivered", "failed", "cancelled", "debited")
    sums = rows.aggregate(**{f"sum_{name}": Sum(name) for name in names})
    # The sum of whole numbers is a decimal in PostgreSQL, and that of no rows is none.
    messages, delivered, failed, cancelled = (int(sums[f"sum_{name}"] or 0) for name in names[:4])
    return Outcomes(
        delivered=delivered,
        failed=failed,
        waiting=messages - delivered - failed - cancelled,
        cancelled=cancelled,
        credits=sums["sum_debited"] or Decimal(0),
        is_live=False,
    )
