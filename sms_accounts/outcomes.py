"""What became of the messages of one API user lately.

Of most users the messages themselves tell, right up to now. Of one that sends very many, the
figures do that the workers add up, and they are some seconds behind.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from sms_accounts.models import FINAL, ApiUser, Message, State, Submission, UserQuarter

# However many there are, no more is looked at.
MOST_ORDERS = 1_000
MOST_MESSAGES = 10_000

_FAILED = FINAL - {State.DELIVERED, State.CANCELLED}


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How many messages came to which end; `is_live`: whether they are those of this moment."""

    delivered: int
    failed: int
    waiting: int
    cancelled: int
    is_live: bool

    @property
    def total(self) -> int:
        return self.delivered + self.failed + self.waiting + self.cancelled


def of_user(api_user: ApiUser, *, since: datetime) -> Outcomes:
    """Count what a user sent since a moment."""
    orders = Submission.objects.filter(api_user=api_user, created_at__gte=since).order_by("-pk")
    messages = Message.objects.filter(submission__in=orders.values("pk")[:MOST_ORDERS])
    found = messages[:MOST_MESSAGES].aggregate(
        delivered=_count(State.DELIVERED),
        failed=_count(*_FAILED),
        waiting=_count(*(set(State) - FINAL)),
        cancelled=_count(State.CANCELLED),
        all=Count("pk"),
        # Of each order there is a message at least.
        orders=Count("submission", distinct=True),
    )
    if found["orders"] >= MOST_ORDERS or found["all"] >= MOST_MESSAGES:
        return _added_up(api_user, since=since)
    return Outcomes(
        delivered=found["delivered"],
        failed=found["failed"],
        waiting=found["waiting"],
        cancelled=found["cancelled"],
        is_live=True,
    )


def _count(*states: State) -> Count:
    return Count("pk", filter=Q(state__in=states))


def _added_up(api_user: ApiUser, *, since: datetime) -> Outcomes:
    rows = UserQuarter.objects.filter(api_user=api_user, starts_at__gte=since)
    names = ("messages", "delivered", "failed", "cancelled")
    sums = rows.aggregate(**{f"sum_{name}": Sum(name) for name in names})
    # The sum of whole numbers is a decimal in PostgreSQL, and that of no rows is none.
    messages, delivered, failed, cancelled = (int(sums[f"sum_{name}"] or 0) for name in names)
    return Outcomes(
        delivered=delivered,
        failed=failed,
        waiting=messages - delivered - failed - cancelled,
        cancelled=cancelled,
        is_live=False,
    )
