"""Alone says how many messages an API user may submit in a minute, where it has such a limit."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from sms_accounts.models import ApiUser, Pace

MINUTE = 60


class TooFast(Exception):
    """The messages of the last minute and these would be more than the limit.

    They are welcome after `wait`; None where they are too many for any minute.
    """

    def __init__(self, most: int, wait: timedelta | None) -> None:
        super().__init__(f"at most {most} messages a minute")
        self.most = most
        self.wait = wait


class Minute:
    """What a user has sent in the last minute, second by second."""

    def __init__(self, row: Pace, most: int) -> None:
        self._row = row
        self._most = most

    def keep(self, messages: int, *, now: datetime) -> None:
        """Count messages against the limit; raises TooFast, and then counts nothing.

        In no sixty seconds are there more than the limit.
        """
        if messages > self._most:
            raise TooFast(self._most, None)
        second = math.floor(now.timestamp())
        # The oldest second counts whole, although a part of it is more than a minute ago.
        sent = {int(at): n for at, n in self._row.sent.items() if int(at) >= second - MINUTE}
        if sum(sent.values()) + messages > self._most:
            wait = _wait(sent, messages, most=self._most, second=second)
            raise TooFast(self._most, timedelta(seconds=wait))
        sent[second] = sent.get(second, 0) + messages
        self._row.sent = sent

    def give_back(self, messages: int, *, now: datetime) -> None:
        """Take back what was kept at a moment: it was not accepted after all."""
        self._row.sent[math.floor(now.timestamp())] -= messages

    def save(self) -> None:
        self._row.save(update_fields=["sent"])


def locked(users: Mapping[int, ApiUser]) -> dict[int, Minute]:
    """Return the minutes of users with a limit, by their keys, until the transaction ends.

    It is the one that stores the messages, so that only those count that were accepted.
    """
    if not users:
        return {}
    Pace.objects.bulk_create([Pace(api_user_id=pk) for pk in users], ignore_conflicts=True)
    rows = Pace.objects.select_for_update().filter(api_user__in=list(users)).order_by("api_user")
    return {
        row.api_user_id: Minute(row, users[row.api_user_id].messages_a_minute or 0) for row in rows
    }


def _wait(sent: dict[int, int], messages: int, *, most: int, second: int) -> int:
    """Return in how many seconds enough of what was sent is a minute old."""
    left = sum(sent.values())
    for at in sorted(sent):
        left -= sent[at]
        if left + messages <= most:
            return at + MINUTE + 1 - second
    return MINUTE + 1
