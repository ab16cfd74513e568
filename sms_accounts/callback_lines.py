"""Decides which callbacks are called next: a few of each endpoint, so that none delays the others.

An endpoint that has shown nothing yet, or whose last call failed, has one call under way; one
that answers well has a few, and rows are taken for it ahead. Those that fail or are slow share a
part of a worker's places, and what they do not take at once is set aside in the table, so that
nobody walks over it to find the callbacks of others.
"""

import math
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from django.db.models import Exists, OuterRef, Q

from sms_accounts import callback_endpoints
from sms_accounts.callback_endpoints import Key
from sms_accounts.models import Callback, CallbackEndpoint

# How many calls one worker has under way; how many of these may be to endpoints that fail or
# are slow, and with them to such as have shown nothing yet.
PLACES = 128
OF_TROUBLED = 32
OF_UNPROVEN = 64

# How long after one call to those in trouble the next one begins, while others were told well so
# lately. What began together would time out together, and news for these others wait until all of
# that was recorded and begun again.
APART = timedelta(milliseconds=50)
LATELY = timedelta(seconds=2)

# How many of one endpoint that answers well: under way at first, one more with every so many good
# answers, and at most; and taken ahead for each of them.
OF_ONE_URL = 8
MOST_OF_ONE_URL = 32
AHEAD = 32
# How many more a place makes at most, one after the other, without asking again: while many wait,
# and for as long as each is answered well at once.
MOST_ALONG = 7
SLOW = timedelta(seconds=1)

# How many rows are looked at in one go, and how often a backlog without anything due.
LOOKED_AT = 1024
LOOK_AGAIN = timedelta(seconds=2)

# How long a worker that has calls to make does not look for others, and how many times as long as
# the last look took: looking costs as much for one row as for many, and it is no more than a part
# of its work.
BETWEEN_LOOKS = timedelta(milliseconds=50)
REST = 4

# How long a worker with calls under way waits at most until it looks for what is due since.
LOOK_EVERY = timedelta(seconds=1)


class Standing(Enum):
    """What an endpoint has shown lately."""

    UNPROVEN = auto()
    GOOD = auto()
    SLOW = auto()
    FAILING = auto()


@dataclass
class Line:
    """What this worker has of one endpoint: waiting for a place, and under way."""

    endpoint: CallbackEndpoint
    standing: Standing
    waiting: deque[Callback] = field(default_factory=deque)
    under_way: int = 0
    # Those that are to be made by the places of others under way, after these.
    along: int = 0
    # How many may be under way while it answers well, and how many good answers there were since
    # that grew.
    width: int = OF_ONE_URL
    well: int = 0
    # Nothing of its backlog is due before that, by the monotonic clock.
    idle_until: float = 0

    @property
    def taken(self) -> int:
        return len(self.waiting) + self.under_way + self.along

    @property
    def at_once(self) -> int:
        """Return how many calls it may have under way."""
        if self.standing is Standing.GOOD:
            return self.width
        return OF_ONE_URL if self.standing is Standing.SLOW else 1

    @property
    def is_in_trouble(self) -> bool:
        return self.standing in (Standing.FAILING, Standing.SLOW)

    @property
    def has_enough(self) -> bool:
        """Say whether a look into its backlog can wait: many rows in one go are cheaper."""
        return self.standing is Standing.GOOD and 2 * self.taken > self.most_taken

    @property
    def most_taken(self) -> int:
        # Each place has as many ahead as it can make while the claim lasts, also where every call
        # takes as long as it may of one that answers well.
        return AHEAD * self.width if self.standing is Standing.GOOD else self.at_once

    def answered(self, standing: Standing) -> None:
        """Note what the end of a call has shown."""
        self.standing = standing
        self.well += 1
        if standing is not Standing.GOOD:
            self.width, self.well = OF_ONE_URL, 0
        elif self.well >= self.width and self.width < MOST_OF_ONE_URL:
            self.width, self.well = self.width + 1, 0


class _Plan:
    """Which rows are to be taken, beside what is taken already, and for whom there is room."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.rows: list[tuple[int, Line]] = []
        self._own: Counter[Key] = Counter()
        self._of: Counter[Standing] = Counter()
        for line in lines:
            self._of[line.standing] += line.taken

    def add(self, pk: int, line: Line) -> None:
        self.rows.append((pk, line))
        self._own[_key(line.endpoint)] += 1
        self._of[line.standing] += 1

    def room(self, line: Line) -> int:
        room = line.most_taken - line.taken - self._own[_key(line.endpoint)]
        if line.standing is Standing.GOOD:
            # Of many endpoints each has as much as it calls at once, and no more ahead than all
            # places make while the claims last.
            ahead = AHEAD * PLACES - self._of[Standing.GOOD]
            room = min(room, max(ahead, room - line.most_taken + line.at_once))
        else:
            troubled = self._of[Standing.FAILING] + self._of[Standing.SLOW]
            room = min(room, OF_UNPROVEN - troubled - self._of[Standing.UNPROVEN])
            if line.standing is not Standing.UNPROVEN:
                room = min(room, OF_TROUBLED - troubled)
        return max(0, room)


class Lines:
    """What one worker has taken; not for several threads at once."""

    def __init__(self) -> None:
        self._lines: dict[Key, Line] = {}
        self._under_way = 0
        # When the next call to one in trouble may begin, and whether one waits for that.
        self._next_in_trouble = 0.0
        self._holds_back = False
        self._told_well_at = -math.inf
        # When the next look may be, and whether somebody wanted one sooner.
        self._next_look = 0.0
        self._look_is_put_off = False

    @property
    def may_wait(self) -> timedelta:
        """Return for how long nothing is to be done, unless a call ends or something new comes."""
        longest = APART if self._holds_back else LOOK_EVERY
        if not self._look_is_put_off:
            return longest
        return min(longest, timedelta(seconds=max(0.0, self._next_look - time.monotonic())))

    def line_of(self, callback: Callback) -> Line:
        return self._lines[callback.account_id, callback.url]

    @property
    def is_empty(self) -> bool:
        return not any(line.taken for line in self._lines.values())

    def may_look(self) -> bool:
        """Say whether it is time to look for what is due."""
        is_busy = any(
            line.standing is Standing.GOOD and line.taken for line in self._lines.values()
        )
        self._look_is_put_off = is_busy and time.monotonic() < self._next_look
        return not self._look_is_put_off

    def looked(self, took: timedelta) -> None:
        """Put the next look off: after one that took so long."""
        self._next_look = time.monotonic() + max(BETWEEN_LOOKS, took * REST).total_seconds()

    def has_due(self, now: datetime) -> bool:
        """Say whether a look is worth a transaction."""
        if Callback.objects.due(now).filter(backlog_of=None).exists():
            return True
        plan = _Plan(self._lines.values())
        return any(plan.room(line) for line in self._backlogs())

    def next_calls(self) -> list[Callback]:
        """Return what is to be called at once, one of each line in turn."""
        ready: list[Callback] = []
        self._holds_back = False
        in_turn = deque(line for line in self._lines.values() if line.waiting)
        while in_turn and self._under_way < PLACES:
            line = in_turn.popleft()
            if not line.waiting or line.under_way >= line.at_once:
                continue
            if line.is_in_trouble and not self._is_its_time():
                self._holds_back = True
                continue
            line.under_way += 1
            self._under_way += 1
            ready.append(line.waiting.popleft())
            in_turn.append(line)
        return ready

    def along_with(self, callback: Callback) -> list[Callback]:
        """Return what the place of one that is to be called makes after it.

        Only of endpoints that answer well more is taken than is called at once.
        """
        line = self.line_of(callback)
        share = min(MOST_ALONG, len(line.waiting) // line.at_once)
        line.along += share
        return [line.waiting.popleft() for _ in range(share)]

    def came_back(self, called: Sequence[Callback], left: Sequence[Callback]) -> None:
        """Note what one place has called, which is yet to be noted as ended, and what it left."""
        line = self.line_of(called[0])
        made_along = len(called) - 1
        line.along -= made_along + len(left)
        line.under_way += made_along
        self._under_way += made_along
        line.waiting.extendleft(reversed(left))

    def _is_its_time(self) -> bool:
        """Say whether a call to one in trouble may begin now; the next one has to wait then."""
        now = time.monotonic()
        is_alone = now - self._told_well_at > LATELY.total_seconds()
        if now < self._next_in_trouble and not is_alone:
            return False
        self._next_in_trouble = now + APART.total_seconds()
        return True

    def ended(self, callback: Callback, standing: Standing | None) -> list[Callback]:
        """Note the end of a call; return what was taken ahead of it and is better put back."""
        line = self.line_of(callback)
        line.under_way -= 1
        self._under_way -= 1
        # What waited for this call may be due now.
        line.idle_until = 0
        if standing is None:
            return []
        line.answered(standing)
        if standing is Standing.GOOD:
            self._told_well_at = time.monotonic()
        put_back = []
        while line.waiting and line.taken > line.most_taken:
            put_back.append(line.waiting.pop())
        return put_back

    def take(self, now: datetime, *, until: datetime) -> None:
        """Claim what is due and has room until a moment. To be called in a transaction."""
        backlogs = self._backlogs()
        looked_at = list(
            Callback.objects.due(now)
            .filter(backlog_of=None)
            .values_list("pk", "account_id", "url")[:LOOKED_AT]
        )
        endpoints = callback_endpoints.known((account, url) for _pk, account, url in looked_at)
        self._see(endpoints.values())
        plan = _Plan(self._lines.values())
        self._choose(looked_at, now, plan)
        for line in backlogs:
            self._choose_of_backlog(line, now, plan)
        self._claim(plan.rows, now, until)

    def _see(self, endpoints: Iterable[CallbackEndpoint]) -> None:
        """Keep in mind how endpoints are by the table; what they showed here counts as well."""
        for endpoint in endpoints:
            key = _key(endpoint)
            line = self._lines.get(key)
            if line is None:
                is_failing = endpoint.failing_since is not None
                standing = Standing.FAILING if is_failing else Standing.UNPROVEN
                self._lines[key] = Line(endpoint, standing)
            else:
                line.endpoint = endpoint

    def _backlogs(self) -> list[Line]:
        """Return the lines of endpoints that have a backlog and may be looked at again."""
        # In no order: where there are more than have room, each has its turn.
        endpoints = list(CallbackEndpoint.objects.filter(has_backlog=True).order_by("?"))
        self._see(endpoints)
        lines = (self._lines[_key(endpoint)] for endpoint in endpoints)
        now = time.monotonic()
        return [line for line in lines if line.idle_until <= now and not line.has_enough]

    def _choose(
        self, looked_at: Sequence[tuple[int, int, str]], now: datetime, plan: _Plan
    ) -> None:
        """Choose among rows those with room; set aside, or give up, those without."""
        blocked = _blocked([pk for pk, _account, _url in looked_at])
        aside: dict[int, list[int]] = {}
        refused = []
        for pk, account, url in looked_at:
            line = self._lines[account, url]
            if line.endpoint.off_at is not None:
                refused.append(pk)
            elif _is_paused(line, now) or not plan.room(line):
                aside.setdefault(line.endpoint.pk, []).append(pk)
                line.idle_until = 0
            elif pk not in blocked:
                plan.add(pk, line)
        _set_aside(aside)
        Callback.objects.open().filter(pk__in=refused).update(given_up_at=now)

    def _choose_of_backlog(self, line: Line, now: datetime, plan: _Plan) -> None:
        endpoint, room = line.endpoint, plan.room(line)
        if endpoint.off_at is not None:
            if not callback_endpoints.give_up_some(endpoint, most=LOOKED_AT):
                _end_backlog(endpoint)
            return
        if not room or _is_paused(line, now):
            return
        due = Callback.objects.due(now).filter(~_is_blocked(), backlog_of=endpoint)
        found = list(due.values_list("pk", flat=True)[:room])
        if len(found) < room:
            line.idle_until = time.monotonic() + LOOK_AGAIN.total_seconds()
            if not found and not line.taken:
                _end_backlog(endpoint)
        for pk in found:
            plan.add(pk, line)

    def _claim(self, chosen: Sequence[tuple[int, Line]], now: datetime, until: datetime) -> None:
        rows = (
            Callback.objects.due(now)
            .filter(pk__in=[pk for pk, _line in chosen])
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("message__submission")
            # Of these there are few, and many callbacks of each.
            .prefetch_related("account", "api_user", "received__message__submission")
        )
        claimed = {callback.pk: callback for callback in rows}
        Callback.objects.filter(pk__in=claimed).update(claimed_until=until)
        for pk, line in chosen:
            if callback := claimed.get(pk):
                line.waiting.append(callback)


def _key(endpoint: CallbackEndpoint) -> Key:
    return endpoint.account_id, endpoint.url


def _is_paused(line: Line, now: datetime) -> bool:
    return line.endpoint.paused_until is not None and line.endpoint.paused_until > now


def _is_blocked() -> Q:
    """Say what keeps a callback back: news is told in its order.

    The first call for a change waits until the change before it was called once; what is sent
    again as one of many, until the one before it was.
    """
    same_url = Callback.objects.open().filter(url=OuterRef("url"), tries=0)
    change = same_url.filter(message=OuterRef("message"), sequence__lt=OuterRef("sequence"))
    sent_again = same_url.filter(replay=OuterRef("replay"), pk__lt=OuterRef("pk"))
    return Q(Exists(change)) | Q(Exists(sent_again))


def _blocked(pks: Sequence[int]) -> set[int]:
    blocked = Callback.objects.filter(_is_blocked(), pk__in=pks)
    return set(blocked.values_list("pk", flat=True))


def _set_aside(aside: dict[int, list[int]]) -> None:
    """Move rows to the backlogs of their endpoints.

    The endpoint is locked first: whoever finds its backlog empty meanwhile sees them too.
    """
    endpoints = CallbackEndpoint.objects.filter(pk__in=aside)
    list(endpoints.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    endpoints.filter(has_backlog=False).update(has_backlog=True)
    for endpoint, pks in aside.items():
        Callback.objects.open().filter(pk__in=pks).update(backlog_of=endpoint)


def _end_backlog(endpoint: CallbackEndpoint) -> None:
    """Forget a backlog that is empty."""
    list(
        CallbackEndpoint.objects.filter(pk=endpoint.pk)
        .select_for_update(no_key=True)
        .values_list("pk")
    )
    if not Callback.objects.open().filter(backlog_of=endpoint).exists():
        CallbackEndpoint.objects.filter(pk=endpoint.pk).update(has_backlog=False)
