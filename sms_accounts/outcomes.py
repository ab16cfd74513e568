"""What became of the messages of one API user lately, as far as its latest orders tell."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Q, Sum

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
    messages = Message.objects.filter(submission__in=orders.values("pk")[:MOST_ORDERS])
    found = messages[:MOST_MESSAGES].aggregate(
        delivered=_count(State.DELIVERED),
        failed=_count(*_FAILED),
        waiting=_count(*(set(State) - FINAL)),
        cancelled=_count(State.CANCELLED),
        credits=Sum("credits"),
        all=Count("pk"),
        # Of each order there is a message at least.
        orders=Count("submission", distinct=True),
    )
    return Outcomes(
        delivered=found["delivered"],
        failed=found["failed"],
        waiting=found["waiting"],
        cancelled=found["cancelled"],
        credits=found["credits"] or Decimal(0),
        is_all=found["orders"] < MOST_ORDERS and found["all"] < MOST_MESSAGES,
    )


def _count(*states: State) -> Count:
    return Count("pk", filter=Q(state__in=states))
