"""Alone says how many messages an API user may submit in a minute, where it has such a limit."""

import math
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


def keep(user: ApiUser, messages: int, *, now: datetime) -> None:
    """Count messages against the limit of a user who has one; raises TooFast.

    To be called in the transaction that stores them, so that only those count that were
    accepted. In no sixty seconds are there more than the limit: the row is locked, and the
    seconds of the last minute are counted one by one.
    """
    most = user.messages_a_minute
    if most is None:
        return
    if messages > most:
        raise TooFast(most, None)
    Pace.objects.get_or_create(api_user=user)
    pace = Pace.objects.select_for_update().get(api_user=user)
    second = math.floor(now.timestamp())
    # The oldest second counts whole, although a part of it is more than a minute ago.
    sent = {int(at): count for at, count in pace.sent.items() if int(at) >= second - MINUTE}
    if sum(sent.values()) + messages > most:
        raise TooFast(most, timedelta(seconds=_wait(sent, messages, most=most, second=second)))
    sent[second] = sent.get(second, 0) + messages
    pace.sent = sent
    pace.save(update_fields=["sent"])


def _wait(sent: dict[int, int], messages: int, *, most: int, second: int) -> int:
    """Return in how many seconds enough of what was sent is a minute old."""
    left = sum(sent.values())
    for at in sorted(sent):
        left -= sent[at]
        if left + messages <= most:
            return at + MINUTE + 1 - second
    return MINUTE + 1
