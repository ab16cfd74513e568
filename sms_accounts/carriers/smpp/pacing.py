"""How fast a carrier is spoken to: what staff allow, and less while it asks for less."""

import threading
import time
from datetime import timedelta

# After a first "too fast" and after each that follows, up to the longest.
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
# The space between two messages, when a carrier without a stated rate asks to slow down.
_FIRST_SPACE = timedelta(milliseconds=20)
_LONGEST_SPACE = timedelta(seconds=1)


class Pace:
    """Says to each message when it may go. Safe to share among threads."""

    def __init__(self, rate: int | None, *, first_pause: timedelta = FIRST_PAUSE) -> None:
        self._least = 1 / rate if rate else 0.0
        self._space = self._least
        self._first_pause = first_pause.total_seconds()
        self._pause = self._first_pause
        self._next_at = 0.0
        self._paused_until = 0.0
        self._slowed_at = 0.0
        self._lock = threading.Lock()

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
            longest = _LONGEST_SPACE.total_seconds()
            self._space = min(max(self._space * 2, _FIRST_SPACE.total_seconds()), longest)
            self._space = max(self._space, self._least)
            self._paused_until = self._slowed_at + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE.total_seconds())

    def speed_up(self, *, sent_at: float) -> None:
        """Come back by a tenth after a message was taken, to what staff allow at most."""
        with self._lock:
            if sent_at <= self._slowed_at:
                return
            self._pause = self._first_pause
            if self._space > self._least:
                faster = self._space * 0.9
                is_near = faster <= max(self._least, _FIRST_SPACE.total_seconds() / 4)
                self._space = self._least if is_near else faster
