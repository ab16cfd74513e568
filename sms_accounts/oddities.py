"""What API users did in the last day that they did not do before, by four simple rules.

Each is told from the figures that are added up, without what came since. What is done about it
is for `pauses`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from sms_accounts.models import (
    Account,
    ApiUser,
    Habit,
    Incident,
    Rule,
    RuleAction,
    RuleChoice,
    UserDay,
    UserQuarter,
)

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


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is unusual by one rule. Which figures are set depends on the rule.

    `messages` were found odd, `of` so many in the day; `before` is what was usual: a share of
    failures, messages a day, or messages in these hours.
    """

    rule: Rule
    messages: int
    of: int = 0
    before: Decimal = Decimal(0)
    countries: Sequence[str] = ()
    hours: Sequence[int] = ()

    def stored(self) -> dict[str, Any]:
        """Return its figures, fit for JSON."""
        return {
            "messages": self.messages,
            "of": self.of,
            "before": str(round(self.before, 2)),
            "countries": list(self.countries),
            "hours": list(self.hours),
        }


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """A rule that one user broke, and what that rule does about this user: warn or pause."""

    habit: Habit
    action: RuleAction
    finding: Finding

    @property
    def rule(self) -> Rule:
        return self.finding.rule


def finding_of(incident: Incident) -> Finding:
    """Return what was found when an incident began, or when it stopped its user."""
    figures = incident.figures
    return Finding(
        rule=Rule(incident.rule),
        messages=figures["messages"],
        of=figures["of"],
        before=Decimal(figures["before"]),
        countries=tuple(figures["countries"]),
        hours=tuple(figures["hours"]),
    )


@dataclass
class _Day:
    """What a user sent in the last day; hours are those of the day in UTC."""

    messages: int = 0
    delivered: int = 0
    failed: int = 0
    hours: Counter[int] = field(default_factory=Counter)


def found(account: Account, *, now: datetime) -> list[Oddity]:
    """Return what is unusual about the users of an account, those that sent most first."""
    busiest = _busy(UserDay.objects.filter(account=account), now=now)
    return _found(busiest.order_by("-sent", "api_user")[:MOST_LOOKED_AT], now=now)


def found_of(users: Sequence[int], *, now: datetime) -> list[Oddity]:
    """Return what is unusual about some API users."""
    return _found(_busy(UserDay.objects.filter(api_user__in=users), now=now), now=now)


def _busy(days: QuerySet[Any], *, now: datetime) -> QuerySet[Any, Any]:
    """Return the users that sent enough since yesterday, each with `sent`."""
    yesterday = (now - DAY).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    busy: QuerySet[Any, Any] = (
        days.filter(starts_at__gte=yesterday)
        .values("api_user")
        .annotate(sent=Sum("messages"))
        .filter(sent__gte=FEWEST_LOOKED_AT)
    )
    return busy


def _found(users: QuerySet[Any, Any], *, now: datetime) -> list[Oddity]:
    days = _last_day(users, now)
    habits = Habit.objects.select_related("api_user").filter(
        api_user__in=days, api_user__deleted_at=None
    )
    known: Iterable[Any] = habits.annotate(**{f"action_{rule}": _action(rule) for rule in Rule})
    found = []
    for habit in sorted(known, key=lambda habit: (-days[habit.pk].messages, habit.pk)):
        if habit.began_at > now - SETTLED_AFTER:
            continue
        for finding in _judged(habit, days[habit.pk], now=now):
            action = RuleAction(getattr(habit, f"action_{finding.rule}"))
            if action != RuleAction.OFF:
                found.append(Oddity(habit=habit, action=action, finding=finding))
    return found


def _action(rule: Rule) -> Coalesce:
    """Return what a rule does about the user of a habit: its own choice, or the account's."""
    choices = RuleChoice.objects.filter(rule=rule).values("action")
    return Coalesce(
        Subquery(choices.filter(api_user=OuterRef("api_user"))),
        Subquery(choices.filter(api_user=None, account=OuterRef("api_user__account"))),
        Value(RuleAction.WARN.value),
    )


def actions_of(user: ApiUser) -> dict[Rule, RuleAction]:
    """Return what each rule does about a user."""
    of_account = Q(account=user.account_id, api_user=None)
    stored = RuleChoice.objects.filter(of_account | Q(api_user=user))
    chosen = {(each.api_user_id, each.rule): RuleAction(each.action) for each in stored}
    return {
        rule: chosen.get((user.pk, rule)) or chosen.get((None, rule), RuleAction.WARN)
        for rule in Rule
    }


def _last_day(users: QuerySet[Any, Any], now: datetime) -> Mapping[int, _Day]:
    rows = UserQuarter.objects.filter(
        api_user__in=users.values("api_user"), starts_at__gt=now - DAY
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


def _judged(habit: Habit, day: _Day, *, now: datetime) -> Iterator[Finding]:
    yield from _failures(habit, day)
    yield from _burst(habit, day, now=now)
    yield from _countries(habit, day, now=now)
    yield from _hours(habit, day)


def _failures(habit: Habit, day: _Day) -> Iterable[Finding]:
    ended = day.delivered + day.failed
    if ended < FEWEST_ENDED or day.failed < FAILURES * ended:
        return
    failed_before = habit.failed - day.failed
    ended_before = habit.delivered - day.delivered + failed_before
    before = Decimal(failed_before) / ended_before if ended_before else Decimal(0)
    if day.failed >= 2 * before * ended:
        yield Finding(rule=Rule.FAILURES, messages=day.failed, of=ended, before=before)


def _burst(habit: Habit, day: _Day, *, now: datetime) -> Iterable[Finding]:
    days_before = Decimal((now - DAY - habit.began_at) / DAY)
    before = (sum(habit.hours.values()) - day.messages) / days_before
    if day.messages >= FEWEST_IN_BURST and day.messages > BURST * before:
        yield Finding(rule=Rule.BURST, messages=day.messages, of=day.messages, before=before)


def _countries(habit: Habit, day: _Day, *, now: datetime) -> Iterable[Finding]:
    since = now - DAY
    new = {
        country: messages
        for country, (messages, first_at) in sorted(habit.countries.items())
        if datetime.fromisoformat(first_at) > since and messages >= FEWEST_ABROAD
    }
    if new:
        yield Finding(
            rule=Rule.COUNTRY,
            messages=sum(new.values()),
            of=day.messages,
            countries=tuple(new),
        )


def _hours(habit: Habit, day: _Day) -> Iterable[Finding]:
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
        yield Finding(
            rule=Rule.HOURS,
            messages=messages,
            of=day.messages,
            before=Decimal(sum(before.get(hour, 0) for hour in rare)),
            hours=tuple(rare),
        )
