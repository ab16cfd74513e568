"""Moves many messages on at once, each as `Message.advance` would; alone writes their events so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sms_accounts import bulk
from sms_accounts.models import Message, MessageEvent, State


@dataclass(frozen=True, kw_only=True, eq=False)
class Move:
    """A message on its way to a state, and why its credits go back, where they do."""

    message: Message
    to: State
    since: datetime
    ptt: int | None = None
    code: str = ""
    cause: str = ""
    is_taken: bool = False
    refund_because: str = ""


_COLUMNS = (
    "state",
    "ptt",
    "carrier_code",
    "state_since",
    "decide_at",
    "submitted_at",
    "final_at",
    "claimed_until",
    "parked_at",
)
_MESSAGES = bulk.Changes(Message, *_COLUMNS, still=("state",))
_EVENTS = bulk.Table(MessageEvent, "message_id", "state", "ptt", "code", "cause", "at")


def make(moves: Iterable[Move]) -> list[Move]:
    """Move locked messages on, each once; return the moves that were not too late.

    What is stored with a move is the whole of what stands in memory: a claim that was let go
    there ends with it.
    """
    possible = [move for move in moves if move.message.may_advance(move.to, ptt=move.ptt)]
    changes = [
        move.message.changes_on(
            move.to, since=move.since, ptt=move.ptt, code=move.code, is_taken=move.is_taken
        )
        for move in possible
    ]
    changed = _MESSAGES.store(
        (
            move.message.pk,
            move.message.state,
            *(each[name] if name in each else getattr(move.message, name) for name in _COLUMNS),
        )
        for move, each in zip(possible, changes, strict=True)
    )
    made = []
    for move, each in zip(possible, changes, strict=True):
        if move.message.pk in changed:
            for name, value in each.items():
                setattr(move.message, name, value)
            made.append(move)
    _EVENTS.insert(
        (move.message.pk, move.to, move.ptt, move.code[:40], move.cause[:200], move.since)
        for move in made
    )
    return made


def note(notes: Sequence[tuple[int, str, datetime]]) -> None:
    """Note something of messages, given by their keys, beside their states."""
    _EVENTS.insert((key, "", None, "", cause[:200], at) for key, cause, at in notes)
