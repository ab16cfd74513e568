"""The memory of the simulated carrier, one SQLite file; alone reads and writes it."""

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Any

from sms_accounts.carriers.simulated_numbers import Behaviour, Plan

# `asked` counts how often a reference came, `repeated` how often after it was taken; `busy`
# how often a receiver was put off; `handsets` has a row for each time that a part went out to its
# receiver. Moments are in seconds since 1970, for SQLite to compare.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS submits (
    number INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    carrier_message_id TEXT,
    asked INTEGER NOT NULL DEFAULT 1,
    repeated INTEGER NOT NULL DEFAULT 0,
    wire TEXT NOT NULL,
    seen_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS handsets (
    number INTEGER PRIMARY KEY,
    submit INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS handsets_by_submit ON handsets (submit);
CREATE TABLE IF NOT EXISTS busy (
    receiver TEXT PRIMARY KEY,
    times INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS dlrs (
    number INTEGER PRIMARY KEY,
    submit INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    due_at REAL NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS dlrs_by_lane ON dlrs (lane, due_at, number);
CREATE INDEX IF NOT EXISTS dlrs_by_submit ON dlrs (submit);
"""

_REMEMBERED = timedelta(days=7)
_TIMES_BUSY = 2


class StateInUse(Exception):
    """Another simulated carrier works with this file."""


class Verdict(Enum):
    TAKEN = auto()
    TAKEN_BEFORE = auto()
    REFUSED = auto()
    BUSY = auto()


@dataclass(frozen=True, kw_only=True)
class Taking:
    """What became of a submit; `carrier_message_id` is empty where it was not taken."""

    verdict: Verdict
    number: int
    carrier_message_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A report that the panel has not taken yet, as it travels."""

    number: int
    due_at: datetime
    body: str


class State:
    """Submits, and DLRs and replies that are pending; these have the lane after those of DLRs.

    Safe to share among threads; survives a kill at any moment.
    """

    def __init__(self, path: Path, *, lanes: int) -> None:
        self._lanes = lanes
        self._lock = threading.Lock()
        # The file holds texts and numbers: readable by its owner only, from the start.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=0)
        try:
            # Held for good, so that a second carrier on the same file cannot report twice.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            # A killed process loses nothing; a power cut may cost the last moments.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            self._forget_old()
        except sqlite3.OperationalError as locked:
            self._db.close()
            raise StateInUse(path) from locked

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def take(
        self, *, reference: str, wire: Mapping[str, Any], plan: Plan, pace: float, now: datetime
    ) -> Taking:
        """Store one submit and, unless it is refused or put off, the DLRs to come.

        A reference that was taken before answers the same id again and brings no new DLRs.
        """
        carrier_message_id = secrets.token_hex(8)
        with self._lock, self._db:
            number, repeated, taken_as = self._seen(
                reference, wire, _taken_at_once(plan, carrier_message_id), now
            )
            if repeated:
                return Taking(
                    verdict=Verdict.TAKEN_BEFORE, number=number, carrier_message_id=taken_as
                )
            if plan.behaviour is Behaviour.REFUSED:
                return Taking(verdict=Verdict.REFUSED, number=number)
            if plan.behaviour is Behaviour.TRY_LATER and self._is_busy(wire):
                return Taking(verdict=Verdict.BUSY, number=number)
            if not taken_as:
                self._db.execute(
                    "UPDATE submits SET carrier_message_id = ? WHERE number = ?",
                    (carrier_message_id, number),
                )
            self._db.execute("INSERT INTO handsets (submit) VALUES (?)", (number,))
            self._plan_dlrs(number, carrier_message_id, reference, plan, pace, now)
            if plan.reply and wire["from"].isdecimal():
                # Nobody can answer a name.
                self._plan_reply(number, wire, plan, now + plan.reply_after * pace)
        return Taking(verdict=Verdict.TAKEN, number=number, carrier_message_id=carrier_message_id)

    def due(self, lane: int, *, now: datetime, at_most: int) -> list[Pending]:
        """Return the DLRs of a lane whose time has come, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, due_at, body FROM dlrs WHERE lane = ? AND due_at <= ?"
                " ORDER BY due_at, number LIMIT ?",
                (lane, now.timestamp(), at_most),
            ).fetchall()
        return [
            Pending(number=number, due_at=datetime.fromtimestamp(due_at, UTC), body=body)
            for number, due_at, body in rows
        ]

    def next_due_at(self, lane: int) -> datetime | None:
        with self._lock:
            (due_at,) = self._db.execute(
                "SELECT min(due_at) FROM dlrs WHERE lane = ?", (lane,)
            ).fetchone()
        return None if due_at is None else datetime.fromtimestamp(due_at, UTC)

    def forget(self, reported: Sequence[Pending]) -> None:
        """Drop DLRs that the panel has taken."""
        with self._lock, self._db:
            self._db.executemany(
                "DELETE FROM dlrs WHERE number = ?", [(dlr.number,) for dlr in reported]
            )

    def pending_of(self, submit_number: int) -> int:
        with self._lock:
            (pending,) = self._db.execute(
                "SELECT count(*) FROM dlrs WHERE submit = ? AND lane < ?",
                (submit_number, self._lanes),
            ).fetchone()
        return int(pending)

    @property
    def lane_of_replies(self) -> int:
        return self._lanes

    def lane_of(self, submit_number: int) -> int:
        """Return the lane in which all DLRs of a part travel, so that they keep their order."""
        return submit_number % self._lanes

    def log(self, *, after: int, at_most: int) -> dict[str, Any]:
        """Return what was seen: totals, and the submits that follow the number `after`."""
        with self._lock:
            seen, repeated = self._db.execute(
                "SELECT count(*), total(repeated > 0) FROM submits"
            ).fetchone()
            pending, replies = self._db.execute(
                "SELECT total(lane < ?), total(lane = ?) FROM dlrs", (self._lanes, self._lanes)
            ).fetchone()
            rows = self._db.execute(
                "SELECT number, carrier_message_id, asked, repeated, seen_at,"
                " (SELECT count(*) FROM handsets WHERE submit = submits.number), wire FROM submits"
                " WHERE number > ? ORDER BY number LIMIT ?",
                (after, at_most),
            ).fetchall()
        return {
            "seen": seen,
            "seen_twice": int(repeated),
            "pending_dlrs": int(pending),
            "pending_replies": int(replies),
            "submits": [
                {
                    "number": number,
                    "id": id_,
                    "asked": asked,
                    "repeated": again,
                    "seen_at": seen_at,
                    "sent": sent,
                    **json.loads(wire),
                }
                for number, id_, asked, again, seen_at, sent, wire in rows
            ],
        }

    def _seen(
        self, reference: str, wire: Mapping[str, Any], taken_as: str | None, now: datetime
    ) -> tuple[int, int, str]:
        # One statement for the ordinary case: a carrier is asked thousands of times a second.
        number, repeated, taken_as = self._db.execute(
            "INSERT INTO submits (reference, carrier_message_id, wire, seen_at)"
            " VALUES (?, ?, ?, ?)"
            " ON CONFLICT (reference) DO UPDATE SET asked = asked + 1,"
            " repeated = repeated + (carrier_message_id IS NOT NULL)"
            " RETURNING number, repeated, carrier_message_id",
            (reference, taken_as, json.dumps(wire), now.timestamp()),
        ).fetchone()
        return number, repeated, taken_as or ""

    def _is_busy(self, wire: Mapping[str, Any]) -> bool:
        """Say whether this part of a message to this number is put off once more.

        Counted by number and part: whoever tries again may do so under a new reference.
        """
        receiver = f"{wire['to']}/{wire['part']}"
        (times,) = self._db.execute(
            "INSERT INTO busy (receiver, times) VALUES (?, 1)"
            " ON CONFLICT (receiver) DO UPDATE SET times = times + 1 RETURNING times",
            (receiver,),
        ).fetchone()
        if times <= _TIMES_BUSY:
            return True
        self._db.execute("DELETE FROM busy WHERE receiver = ?", (receiver,))
        return False

    def _plan_dlrs(
        self,
        number: int,
        carrier_message_id: str,
        reference: str,
        plan: Plan,
        pace: float,
        now: datetime,
    ) -> None:
        rows = []
        for report in plan.reports:
            due_at = now + report.after * pace
            body = {
                "id": carrier_message_id,
                "ref": reference,
                "stat": report.stat,
                "err": report.err,
                "done_at": due_at.isoformat(),
            }
            rows.append((number, self.lane_of(number), due_at.timestamp(), json.dumps(body)))
        self._db.executemany(
            "INSERT INTO dlrs (submit, lane, due_at, body) VALUES (?, ?, ?, ?)", rows
        )

    def _plan_reply(
        self, number: int, wire: Mapping[str, Any], plan: Plan, due_at: datetime
    ) -> None:
        body = {
            "id": secrets.token_hex(8),
            "from": wire["to"],
            "to": wire["from"],
            "text": plan.reply,
        }
        self._db.execute(
            "INSERT INTO dlrs (submit, lane, due_at, body) VALUES (?, ?, ?, ?)",
            (number, self._lanes, due_at.timestamp(), json.dumps(body)),
        )

    def _forget_old(self) -> None:
        before = (datetime.now(UTC) - _REMEMBERED).timestamp()
        with self._db:
            self._db.execute(
                "DELETE FROM submits WHERE seen_at < ? AND number NOT IN (SELECT submit FROM dlrs)",
                (before,),
            )
            self._db.execute(
                "DELETE FROM handsets WHERE submit NOT IN (SELECT number FROM submits)"
            )


def _taken_at_once(plan: Plan, carrier_message_id: str) -> str | None:
    if plan.behaviour in (Behaviour.REFUSED, Behaviour.TRY_LATER):
        return None
    return carrier_message_id
