"""What API users did in the last day that they did not do before, by four simple rules.

They only warn. Each is told from the figures that are added up, without what came since.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum

from django.db.models import Sum

from sms_accounts.models import Account, Habit, UserDay, UserQuarter

DAY = timedelta(days=1)
# How many users are looked at: those that sent most, and no one who sent less than so much.
MOST_LOOKED_AT = 50
FEWEST_LOOKED_AT = 5
# Before that long ago nothing is usual yet.
SETTLED_AFTER = timedelta(days=3)

# One in four failed, and twice as often as before, of so many that have ended.
FAILURES = Decimal("0.25")
FEWEST_ENDED = 20
# More than three average days, and so many messages.
BURST = 3
FEWEST_IN_BURST = 50
# To a country for the first time, and so many messages.
FEWEST_ABROAD = 5
# In hours in which less than one in a hundred was sent before, and so many messages; of so many
# before.
RARE_HOUR = Decimal("0.01")
FEWEST_IN_RARE_HOURS = 20
FEWEST_BEFORE = 200


class Rule(Enum):
    FAILURES = "failures"
    BURST = "burst"
    COUNTRY = "country"
    HOURS = "hours"


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """One rule that one user broke. Which figures are set depends on the rule.

    `messages` were found odd, `of` so many in the day; `before` is what was usual: a share of
    failures, messages a day, or messages in these hours.
    """

    rule: Rule
    habit: Habit
    messages: int
    of: int = 0
    before: Decimal = Decimal(0)
    countries: Sequence[str] = ()
    hours: Sequence[int] = ()


@dataclass
class _Day:
    """What a user sent in the last day; hours are those of the day in UTC."""

    messages: int = 0
    delivered: int = 0
    failed: int = 0
    hours: Counter[int] = field(default_factory=Counter)


def found(account: Account, *, now: datetime) -> list[Oddity]:
    """Return what is unusual about the users of an account, those that sent most first."""
    days = _last_day(account, now)
    habits = Habit.objects.select_related("api_user").filter(
        api_user__in=days, api_user__deleted_at=None
    )
    by_messages = sorted(habits, key=lambda habit: (-days[habit.pk].messages, habit.pk))
    return [
        oddity
        for habit in by_messages
        if habit.began_at <= now - SETTLED_AFTER
        for oddity in _judged(habit, days[habit.pk], now=now)
    ]


def _last_day(account: Account, now: datetime) -> Mapping[int, _Day]:
    yesterday = (now - DAY).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    busy = (
        UserDay.objects.filter(account=account, starts_at__gte=yesterday)
        .values("api_user")
        .annotate(sent=Sum("messages"))
        .filter(sent__gte=FEWEST_LOOKED_AT)
        .order_by("-sent", "api_user")
    )
    rows = UserQuarter.objects.filter(
        api_user__in=busy.values("api_user")[:MOST_LOOKED_AT], starts_at__gt=now - DAY
    )
    days: defaultdict[int, _Day] = defaultdict(_Day)
    columns = ("api_user_id", "starts_at", "messages", "delivered", "failed")
    for user, at, messages, delivered, failed in rows.values_list(*columns):
        day = days[user]
        day.messages += messages
        day.delivered += delivered
        day.failed += failed
        day.hours[at.astimezone(UTC).hour] += messages
    return days


def _judged(habit: Habit, day: _Day, *, now: datetime) -> Iterator[Oddity]:
    yield from _failures(habit, day)
    yield from _burst(habit, day, now=now)
    yield from _countries(habit, day, now=now)
    yield from _hours(habit, day)


def _failures(habit: Habit, day: _Day) -> Iterable[Oddity]:
    ended = day.delivered + day.failed
    if ended < FEWEST_ENDED or day.failed < FAILURES * ended:
        return
    failed_before = habit.failed - day.failed
    ended_before = habit.delivered - day.delivered + failed_before
    before = Decimal(failed_before) / ended_before if ended_before else Decimal(0)
    if day.failed >= 2 * before * ended:
        yield Oddity(rule=Rule.FAILURES, habit=habit, messages=day.failed, of=ended, before=before)


def _burst(habit: Habit, day: _Day, *, now: datetime) -> Iterable[Oddity]:
    days_before = Decimal((now - DAY - habit.began_at) / DAY)
    before = (sum(habit.hours.values()) - day.messages) / days_before
    if day.messages >= FEWEST_IN_BURST and day.messages > BURST * before:
        yield Oddity(
            rule=Rule.BURST, habit=habit, messages=day.messages, of=day.messages, before=before
        )


def _countries(habit: Habit, day: _Day, *, now: datetime) -> Iterable[Oddity]:
    since = now - DAY
    new = {
        country: messages
        for country, (messages, first_at) in sorted(habit.countries.items())
        if datetime.fromisoformat(first_at) > since and messages >= FEWEST_ABROAD
    }
    if new:
        yield Oddity(
            rule=Rule.COUNTRY,
            habit=habit,
            messages=sum(new.values()),
            of=day.messages,
            countries=tuple(new),
        )


def _hours(habit: Habit, day: _Day) -> Iterable[Oddity]:
    before = {int(hour): sent - day.hours[int(hour)] for hour, sent in habit.hours.items()}
    all_before = sum(before.values())
    if all_before < FEWEST_BEFORE:
        return
    rare = [
        hour
        for hour, sent in sorted(day.hours.items())
        if sent and before.get(hour, 0) < RARE_HOUR * all_before
    ]
    messages = sum(day.hours[hour] for hour in rare)
    if messages >= FEWEST_IN_RARE_HOURS:
        yield Oddity(
            rule=Rule.HOURS,
            habit=habit,
            messages=messages,
            of=day.messages,
            before=Decimal(sum(before.get(hour, 0) for hour in rare)),
            hours=tuple(rare),
        )
