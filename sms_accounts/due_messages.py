"""Finds and locks what is due for a carrier: alone decides that a message has to stay with another.

To be called in the transaction that claims what was found.
"""

import itertools
from collections.abc import Sequence
from datetime import datetime

from sms_accounts import lanes
from sms_accounts.models import Attempt, Lane, Message

Outcome = Attempt.Outcome

# After these a carrier has a part, or may have it.
_MAY_BE_ON_AIR = (Outcome.TAKEN, Outcome.UNANSWERED, Outcome.NO_ANSWER)

# Where carriers serve several lanes, each time another one is looked at first.
_turns = itertools.count()


def locked(carrier_name: str, size: int, now: datetime) -> list[Message]:
    """Lock messages that are due for a carrier, out of the lanes that it serves."""
    served = lanes.served_by(carrier_name)
    turn = next(_turns) % max(len(served), 1)
    found: list[Message] = []
    for lane in (*served[turn:], *served[:turn]):
        if len(found) < size:
            found += _due_in(lane, carrier_name, size - len(found), now)
    return found


def _due_in(lane: int, carrier_name: str, most: int, now: datetime) -> list[Message]:
    due = (
        Message.objects.due_in(lane, now)
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("submission")
    )
    while some := list(due[:most]):
        elsewhere = _stay_elsewhere(some, carrier_name)
        # Those are in another lane from here on: what is found next are others.
        if kept := [message for message in some if message.pk not in elsewhere]:
            return kept
    return []


def _stay_elsewhere(messages: Sequence[Message], carrier_name: str) -> set[int]:
    """Put messages into the lane of another carrier, if that may have a part of them.

    Nothing is sent twice by a change of the carrier: who may have put a part on air, or never
    answered, keeps the message, and the parts of one text go one way.
    """
    before = [message.pk for message in messages if message.carrier]
    if not before:
        return set()
    keepers: dict[str, set[int]] = {}
    held = Attempt.objects.filter(message__in=before, outcome__in=_MAY_BE_ON_AIR)
    for message_id, name in dict(held.order_by("id").values_list("message", "carrier")).items():
        keepers.setdefault(name, set()).add(message_id)
    keepers.pop(carrier_name, None)
    for name, kept in keepers.items():
        lane, _is_new = Lane.objects.get_or_create(carriers=Lane.written((name,)))
        Message.objects.filter(pk__in=kept).update(lane=lane.pk)
    return set().union(*keepers.values())
