"""Keeps connections to customers' receivers for a moment, for the next call to the same one.

Most of a call, and over TLS nearly all of it, is finding and greeting the other side.
"""

import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sms_accounts.outbound_urls import Target

# How many connections are kept, for how long without a call, since many servers hang up after five
# seconds, and for how long in all: then the name is asked for again.
MOST_KEPT = 128
IDLE = timedelta(seconds=3)
OLDEST = timedelta(minutes=1)


@dataclass(frozen=True)
class Kept:
    """A connection, when it was made, and when something came over it last."""

    line: socket.socket
    made_at: float
    heard_at: float

    @property
    def is_of_use(self) -> bool:
        now = time.monotonic()
        if now - self.heard_at > IDLE.total_seconds():
            return False
        if now - self.made_at > OLDEST.total_seconds():
            return False
        # What comes now was not asked for: nearly always that the other side has hung up.
        poll = select.poll()
        poll.register(self.line, select.POLLIN)
        return not poll.poll(0)


class Connections:
    """Connections that stand idle between calls, by whom they lead to.

    Safe to share among threads; whoever has made them closes them when the last call has ended.
    """

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str, int], list[Kept]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._close(lambda _kept: True)

    def take(self, target: Target) -> Kept | None:
        """Return one that leads there, which is the caller's then, if one is of use."""
        place = _place(target)
        with self._lock:
            while idle := self._idle.get(place):
                kept = idle.pop()
                if not idle:
                    del self._idle[place]
                if kept.is_of_use:
                    return kept
                kept.line.close()
        return None

    def keep(self, target: Target, line: socket.socket, *, made_at: float) -> None:
        """Take over one that was of use."""
        kept = Kept(line, made_at, time.monotonic())
        with self._lock:
            if len(self) >= MOST_KEPT:
                self._close(lambda each: not each.is_of_use)
            if len(self) >= MOST_KEPT:
                line.close()
            else:
                self._idle.setdefault(_place(target), []).append(kept)

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def _close(self, is_wanted: Callable[[Kept], bool]) -> None:
        for place, idle in list(self._idle.items()):
            for kept in filter(is_wanted, list(idle)):
                idle.remove(kept)
                kept.line.close()
            if not idle:
                del self._idle[place]


def _place(target: Target) -> tuple[str, str, int]:
    return target.scheme, target.host, target.port
