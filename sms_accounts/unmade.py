"""Attempts that the database may have as begun although nothing was handed over.

When the connection breaks in the commit that begins them, nobody says whether they were stored.
The process that failed knows that it sent nothing, and says so when the database is back: without
that, the policy for unknown outcomes would have to decide over messages that never left.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from sms_accounts import settling
from sms_accounts.handover import may_be_on_air
from sms_accounts.models import Attempt

log = structlog.get_logger(__name__)

# A server that lost its client may still be at the commit.
LATE = timedelta(seconds=10)

Outcome = Attempt.Outcome

_unmade: deque[tuple[datetime, list[Attempt]]] = deque()


@contextmanager
def unless_stored(attempts: Iterable[Attempt], *, begun_at: datetime) -> Iterator[None]:
    """Remember attempts that are begun at that moment, if storing that fails."""
    try:
        yield
    except Exception:
        if found := list(attempts):
            _unmade.append((begun_at, found))
        raise


def take_back() -> None:
    """Store that they were not made; never fails, and goes on the next time where it must."""
    try:
        for begun_at, attempts in list(_unmade):
            _take_back(begun_at, {attempt.reference: attempt for attempt in attempts})
            if begun_at < timezone.now() - LATE:
                # Another thread may have done the same meanwhile.
                with suppress(ValueError):
                    _unmade.remove((begun_at, attempts))
    except Exception:
        # Logged; they are remembered.
        log.exception("attempts_not_taken_back")


@transaction.atomic
def _take_back(begun_at: datetime, attempts: dict[str, Attempt]) -> None:
    # Begun by nobody else since then, and unanswered.
    stored = Attempt.objects.filter(
        reference__in=attempts, outcome=Outcome.UNANSWERED, started_at=begun_at, state=""
    )
    messages = settling.locked_all(stored.values_list("message", flat=True))
    if not messages:
        return
    on_air = [reference for reference, each in attempts.items() if may_be_on_air(each)]
    stored.filter(reference__in=on_air).update(outcome=Outcome.NO_ANSWER)
    stored.update(outcome=Outcome.NOT_SENT)
    now = timezone.now()
    for message in messages:
        settling.note(message, "It was not handed over: the database was away", now)
    # The others are due again when their claim ends.
    held = [(message, now) for message in messages if message.claimed_until is None]
    settling.settle_all(held, settling.attempts_of([message for message, _at in held]))
