"""Says which parts of a message are still to be handed over, after what was tried before."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sms_accounts import carrier_accounts, routes
from sms_accounts.handover import may_be_on_air
from sms_accounts.models import Attempt, Message

Outcome = Attempt.Outcome


class Earlier:
    """What became of the parts of messages that were tried before."""

    def __init__(self, carrier_name: str, messages: Sequence[Message]) -> None:
        self._carrier_name = carrier_name
        carrier = carrier_accounts.get(carrier_name)
        self._takes_long_texts = carrier.takes_long_texts
        attempts = list(Attempt.objects.filter(message__in=messages).order_by("id"))
        # A part whose answer never came may be on air: it is not handed over again either.
        self._away = {
            (attempt.message_id, attempt.part)
            for attempt in attempts
            if attempt.outcome in (Outcome.TAKEN, Outcome.UNANSWERED, Outcome.REJECTED)
        }
        self._split = {attempt.message_id for attempt in attempts if attempt.part > 1}
        self._refused = {
            attempt.message_id for attempt in attempts if attempt.outcome == Outcome.REJECTED
        }
        again = {Outcome.NOT_SENT}
        if carrier.knows_references:
            again.add(Outcome.NO_ANSWER)
        # To be made under the reference that they have: they never were made, or there was no
        # answer and the account's policy, staff or the carrier's promise decided so. In memory
        # the latter keep that they may be on air already.
        self._again = {
            (attempt.message_id, attempt.part): attempt
            for attempt in attempts
            if attempt.outcome in again and attempt.carrier == carrier_name
        }

    def still_to_make(self, message: Message, now: datetime) -> list[Attempt]:
        """Return the attempts for the parts still to hand over; the new ones are not stored yet."""
        found: list[Attempt] = []
        cost = routes.cost_of(message, self._carrier_name)
        if self._takes_long_texts and message.pk not in self._split:
            cost = cost and cost * message.submission.parts
            # In memory only, for handing it over: the carrier splits it, and reports on the whole.
            message.submission.parts = 1
        for part in range(1, message.submission.parts + 1):
            key = (message.pk, part)
            if key in self._away:
                continue
            known = self._again.get(key)
            if message.pk in self._refused and not (known and may_be_on_air(known)):
                continue
            found.append(known or self._new(message, part, now, cost))
        return found

    def _new(self, message: Message, part: int, now: datetime, cost: Decimal | None) -> Attempt:
        return Attempt(
            message=message,
            part=part,
            carrier=self._carrier_name,
            reference=uuid.uuid4().hex,
            outcome=Outcome.NOT_SENT,
            cost=cost,
            started_at=now,
        )
