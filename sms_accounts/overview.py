"""How an account stands: what is sent, spent, held and in trouble, by few questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from sms_accounts import figures, oddities
from sms_accounts.figures import Mark, Totals
from sms_accounts.models import (
    Account,
    ApiUser,
    CallbackEndpoint,
    FiguresMark,
    Incident,
    LedgerEntry,
    Membership,
    MessageEvent,
    Notification,
    QuotaRenewal,
    User,
    Wallet,
)
from sms_accounts.oddities import Oddity

DAYS = 30
WEEK = 7
# How many API users are drawn by name; the others are one.
MOST_DRAWN = 6
# How many API users are shown that rules have stopped.
MOST_PAUSED = 50
# How far back an alert that reached nobody is pointed at.
TROUBLE_FOR = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one API user holds or spent; all others, and who sends without one, have no login."""

    login: str
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day: all of the account, and what those who are drawn spent, in the order of these."""

    day: date
    totals: Totals
    spent: Sequence[Decimal]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """How many receivers are switched off or failing, and how many alerts reached nobody.

    So many quotas that renew could not be filled up, by `missing` credits in all.
    """

    switched_off: int
    failing: int
    undelivered: int
    unfilled: int
    missing: Decimal

    def __bool__(self) -> bool:
        return any((self.switched_off, self.failing, self.undelivered, self.unfilled))


@dataclass(frozen=True, kw_only=True)
class Spending:
    """`users` are those who spent most in these days, and all others as the last of them."""

    days: Sequence[Day]
    users: Sequence[Share]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Today, the last 7 and the last 30 days, each up to now.

    `held` is what all quotas hold, and `quotas` are those that hold most. `is_behind` says that
    figures are still being added up: what came since is not in them. `paused` are the events that
    stop API users now, and `oddities` what is unusual about the others.
    """

    may_change: bool
    held: Decimal
    has_users: bool
    is_behind: bool
    today: Totals
    week: Totals
    month: Totals
    spending: Spending
    quotas: Sequence[Share]
    trouble: Trouble
    paused: Sequence[Incident]
    oddities: Sequence[Oddity]


def accounts(user: User, *, now: datetime) -> QuerySet[Account]:
    """Return the accounts that a person sees, each with what `of` needs to know beforehand."""
    endpoints = CallbackEndpoint.objects.filter(account=OuterRef("pk"))
    undelivered = Notification.objects.filter(
        alert__account=OuterRef("pk"),
        alert__crossed_at__gte=now - TROUBLE_FOR,
        state=Notification.State.GIVEN_UP,
    )
    unfilled = QuotaRenewal.objects.filter(missing__gt=0, api_user__account=OuterRef("pk"))
    pausing = Incident.objects.pausing().filter(account=OuterRef("pk"))
    entries = LedgerEntry.objects.filter(account=OuterRef("pk")).order_by("-pk")
    mark = FiguresMark.objects.all()
    managers = Membership.objects.filter(account=OuterRef("pk"), user=user).exclude(
        role=Membership.Role.VIEWER
    )
    return (
        Account.objects.visible_to(user)
        .select_related("wallet")
        .annotate(
            may_change=Exists(managers),
            has_users=Exists(ApiUser.objects.present().filter(account=OuterRef("pk"))),
            switched_off=_count(endpoints.filter(off_at__isnull=False)),
            failing=_count(endpoints.filter(off_at=None, failing_since__isnull=False)),
            undelivered=_count(undelivered),
            held=held_by_quotas(OuterRef("pk")),
            unfilled=_count(unfilled),
            missing=_sum(unfilled, "missing"),
            has_paused=Exists(pausing),
            latest_entry=_or_0(Subquery(entries.values("pk")[:1])),
            latest_event=_or_0(Subquery(MessageEvent.objects.order_by("-pk").values("pk")[:1])),
            mark_of_entries=_or_0(Subquery(mark.values("entry_id")[:1])),
            mark_of_events=_or_0(Subquery(mark.values("event_id")[:1])),
        )
    )


def held_by_quotas(account: OuterRef) -> Subquery:
    """Return what all quotas of an account hold, to be asked for together with its row."""
    return _sum(Wallet.objects.filter(quota_of__account=account), "credits")


def _or_0(subquery: Subquery) -> Coalesce:
    return Coalesce(subquery, 0)


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values(one=Value(1)).annotate(count=Count("pk"))
    return Coalesce(Subquery(counted.values("count")), 0)


def _sum(rows: QuerySet[Any], field: str) -> Subquery:
    summed = rows.order_by().values(one=Value(1)).annotate(sum=Sum(field))
    return Subquery(summed.values("sum"))


def of(account: Account, *, now: datetime) -> Overview:
    """Return how an account stands, one of `accounts`; all days are those of its time zone."""
    known: Any = account
    zone = ZoneInfo(account.time_zone)
    days = figures.Days(now.astimezone(zone).date(), DAYS, zone)
    mark = Mark(known.mark_of_entries, known.mark_of_events)
    waiting = max(known.latest_entry - mark.entry_id, known.latest_event - mark.event_id)
    is_behind = waiting > figures.MOST_LIVE
    spending = figures.consistently(lambda: _spending(account, days, mark, with_live=not is_behind))
    month = [day.totals for day in spending.days]
    paused = _paused(account) if known.has_paused else []
    return Overview(
        may_change=known.may_change,
        held=known.held or Decimal(0),
        has_users=known.has_users,
        is_behind=is_behind,
        today=month[-1],
        week=sum(month[-WEEK:], Totals()),
        month=sum(month, Totals()),
        spending=spending,
        quotas=_quotas(account),
        trouble=Trouble(
            switched_off=known.switched_off,
            failing=known.failing,
            undelivered=known.undelivered,
            unfilled=known.unfilled,
            missing=known.missing or Decimal(0),
        ),
        paused=paused,
        oddities=[
            oddity
            for oddity in oddities.found(account, now=now)
            if oddity.habit.pk not in {each.api_user_id for each in paused}
        ],
    )


def _spending(account: Account, days: figures.Days, mark: Mark, *, with_live: bool) -> Spending:
    by_day, mark = figures.of_account(account, days, mark)
    by_user, logins = figures.of_top_users(account, days, mark, most=MOST_DRAWN)
    if with_live:
        for (day, user), totals in figures.live(account, days, mark).items():
            by_day[day] = by_day.get(day, Totals()) + totals
            by_user[day, user] = by_user.get((day, user), Decimal(0)) + totals.spent
    spent = {user: [by_user.get((day, user), Decimal(0)) for day in days.days] for user in logins}
    drawn = [user for user in logins if any(spent[user])]
    drawn.sort(key=lambda user: (-sum(spent[user]), logins[user]))
    shares = [Share(login=logins[user], credits=sum(spent[user], Decimal(0))) for user in drawn]
    told = []
    for place, day in enumerate(days.days):
        totals = by_day.get(day, Totals())
        of_users = [spent[user][place] for user in drawn]
        others = totals.spent - sum(of_users, Decimal(0))
        told.append(Day(day=day, totals=totals, spent=(*of_users, others)))
    others = sum((day.spent[-1] for day in told), Decimal(0))
    return Spending(days=told, users=[*shares, Share(login="", credits=others)])


def _paused(account: Account) -> list[Incident]:
    """Return the events that stop API users now, the latest first."""
    pausing = Incident.objects.pausing().filter(account=account)
    return list(pausing.select_related("api_user").order_by("-pk")[:MOST_PAUSED])


def _quotas(account: Account) -> list[Share]:
    """Return the quotas that hold most, each with its credits; what others hold is the rest."""
    wallets = Wallet.objects.filter(quota_of__account=account, credits__gt=0)
    rows = wallets.order_by("-credits", "pk").values_list("quota_of__login", "credits")
    return [Share(login=login, credits=credits) for login, credits in rows[:MOST_DRAWN]]
