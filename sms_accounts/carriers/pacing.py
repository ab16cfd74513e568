"""How fast a carrier is spoken to: what staff allow, and less while it asks for less."""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Brakes:
    """How hard a carrier that is in trouble is spared."""

    # After a first "too fast", and twice as long after each that follows.
    first_pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(seconds=10)
    # Between two messages afterwards, for a carrier without a stated rate.
    first_space: timedelta = timedelta(milliseconds=20)
    longest_space: timedelta = timedelta(seconds=1)


class Pace:
    """Says to each message when it may go. Safe to share among threads."""

    def __init__(self, rate: int | None, brakes: Brakes | None = None) -> None:
        self._least = 1 / rate if rate else 0.0
        self._space = self._least
        self._brakes = brakes or Brakes()
        self._pause = self._brakes.first_pause
        self._next_at = 0.0
        self._paused_until = 0.0
        self._slowed_at = 0.0
        self._lock = threading.Lock()

    @property
    def is_paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def take(self) -> float:
        """Take the next place if it is free now, and return 0; else in how many seconds to ask."""
        with self._lock:
            now = time.monotonic()
            at = max(self._next_at, self._paused_until)
            if at > now:
                return at - now
            # Whoever comes a little late does not push back all others.
            self._next_at = max(at, now - self._space) + self._space
            return 0.0

    def slow_down(self, *, sent_at: float) -> None:
        """Pause, and leave twice the space from then on.

        What was under way when the carrier first said so brings the same answer: it counts once.
        """
        with self._lock:
            if sent_at <= self._slowed_at:
                return
            self._slowed_at = time.monotonic()
            self._paused_until = self._slowed_at + self._pause.total_seconds()
            self._pause = min(self._pause * 2, self._brakes.longest_pause)
            wider = max(self._space * 2, self._brakes.first_space.total_seconds())
            longest = self._brakes.longest_space.total_seconds()
            self._space = max(min(wider, longest), self._least)

    def speed_up(self, *, sent_at: float) -> None:
        """Come back by a tenth after a message was taken, to what staff allow at most."""
        with self._lock:
            if sent_at <= self._slowed_at:
                return
            self._pause = self._brakes.first_pause
            if self._space > self._least:
                faster = self._space * 0.9
                is_near = faster <= max(self._least, self._brakes.first_space.total_seconds() / 4)
                self._space = self._least if is_near else faster
