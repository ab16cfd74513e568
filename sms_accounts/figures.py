"""Reads figures of accounts and API users: what is added up, and live what came since."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import (
    Case,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from sms_accounts.counting import COLUMNS, ENDS, SUMS
from sms_accounts.models import (
    FINAL,
    Account,
    AccountQuarter,
    ApiUser,
    FiguresMark,
    LedgerEntry,
    Message,
    MessageEvent,
    UserDay,
    UserQuarter,
)
from sms_accounts.models.fields import CreditsField

Kind = LedgerEntry.Kind
Found = TypeVar("Found")

# How often figures are read anew where more of them were added up meanwhile.
TRIES = 3
# So many entries and events of all accounts are read live at most.
MOST_LIVE = 300_000


class CountedMeanwhile(Exception):
    """Two questions found figures added up to different marks."""


@dataclass(frozen=True)
class Totals:
    """What was sent and moved. All credits are above zero; the names say which way they went."""

    messages: int = 0
    parts: int = 0
    delivered: int = 0
    failed: int = 0
    cancelled: int = 0
    topped_up: Decimal = Decimal(0)
    corrected: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    passed_on: Decimal = Decimal(0)
    quota_given: Decimal = Decimal(0)
    quota_returned: Decimal = Decimal(0)
    debited: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)

    @property
    def waiting(self) -> int:
        return self.messages - self.delivered - self.failed - self.cancelled

    @property
    def spent(self) -> Decimal:
        return self.debited - self.refunded

    def __add__(self, other: "Totals") -> "Totals":
        return self._with(other, sign=1)

    def __sub__(self, other: "Totals") -> "Totals":
        return self._with(other, sign=-1)

    def _with(self, other: "Totals", *, sign: int) -> "Totals":
        pairs = ((each.name, getattr(self, each.name), getattr(other, each.name)) for each in _ALL)
        return Totals(**{name: mine + sign * theirs for name, mine, theirs in pairs})


_ALL = fields(Totals)
_COUNTS = ("messages", "parts", "delivered", "failed", "cancelled")


@dataclass(frozen=True)
class Mark:
    """Up to which ledger entry and event figures are added up."""

    entry_id: int
    event_id: int


@dataclass(frozen=True)
class Movements:
    """What was moved in a span of time, and between which keys its ledger entries are.

    `last` is None where the latest ones may be among them, `first` where there are none.
    """

    totals: Totals
    first: int | None
    last: int | None


# By day, and by API user (None: none, as from the panel).
ByDayAndUser = Mapping[tuple[date, int | None], Totals]


def _mark(field: str) -> Coalesce:
    # In one question with the figures, so that both are of the same moment. The count makes an
    # aggregate of it, and counts nothing: without a mark there are no figures.
    return Coalesce(Subquery(FiguresMark.objects.values(field)[:1]), Count("pk"))


def movements(
    account: Account,
    *,
    users: Sequence[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Movements:
    """Return what was moved in an account, or for some of its API users, from and to a moment.

    Moments are those at which a quarter of an hour begins.
    """
    rows: QuerySet[Any] = (
        AccountQuarter.objects.filter(account=account)
        if users is None
        else UserQuarter.objects.filter(api_user__in=users)
    )
    if since is not None:
        rows = rows.filter(starts_at__gte=since)
    if until is not None:
        rows = rows.filter(starts_at__lt=until)
    added = rows.aggregate(
        **_sums(), first=Min("first_entry_id"), last=Max("last_entry_id"), mark=_mark("entry_id")
    )
    rest = LedgerEntry.objects.filter(account=account, pk__gt=added["mark"])
    if users is not None:
        rest = rest.filter(api_user__in=users)
    if since is not None:
        rest = rest.filter(created_at__gte=since)
    if until is not None:
        rest = rest.filter(created_at__lt=until)
    live = rest.values("kind").annotate(
        first=Min("pk"),
        latest=Max("pk"),
        given=Sum("credits", filter=_ONE_SIDED & Q(credits__gt=0)),
        taken=Sum("credits", filter=_ONE_SIDED & Q(credits__lt=0)),
    )
    totals = _totals(added)
    keys = [key for key in (added["first"], added["last"]) if key is not None]
    for row in live:
        keys += [row["first"], row["latest"]]
        totals += _moved(row["kind"], row["given"], row["taken"])
    return Movements(totals=totals, first=min(keys, default=None), last=max(keys, default=None))


# A quota moves between two purses of one account: the account's side tells of it.
_ONE_SIDED = ~Q(kind=Kind.QUOTA) | Q(wallet=F("account__wallet"))


def _moved(kind: str, given: Decimal | None, taken: Decimal | None) -> Totals:
    added, removed = COLUMNS[kind]
    both: dict[str, Any] = {added: given or Decimal(0), removed: -(taken or Decimal(0))}
    return Totals(**both)


_SPENT = ExpressionWrapper(Sum("debited") - Sum("refunded"), output_field=CreditsField())


def _sums() -> dict[str, Sum]:
    return {f"sum_{name}": Sum(name) for name in SUMS}


def _totals(row: Mapping[str, Any]) -> Totals:
    read: dict[str, Any] = {}
    for name in SUMS:
        # The sum of whole numbers is a decimal in PostgreSQL, and that of no rows is none.
        kind = int if name in _COUNTS else Decimal
        read[name] = kind(row[f"sum_{name}"] or 0)
    return Totals(**read)


class Days:
    """Some days up to today, in a time zone."""

    def __init__(self, last: date, count: int, zone: ZoneInfo) -> None:
        self.days = [last - timedelta(days=ago) for ago in reversed(range(count))]
        self._midnights = [datetime.combine(day, time(), tzinfo=zone) for day in self.days]

    @property
    def since(self) -> datetime:
        return self._midnights[0]

    def number(self, field: str) -> Case:
        """Return the number of the day that a moment is on; what comes later is on the last."""
        later = enumerate(self._midnights[1:])
        return Case(
            *(When(**{f"{field}__lt": midnight}, then=Value(place)) for place, midnight in later),
            default=Value(len(self.days) - 1),
        )


def consistently(read: Callable[[], Found]) -> Found:
    """Read figures by several questions, anew where more were added up in between."""
    for _ in range(TRIES - 1):
        try:
            return read()
        except CountedMeanwhile:
            continue
    return read()


def of_account(account: Account, days: Days, mark: Mark) -> tuple[dict[date, Totals], Mark]:
    """Return what is added up for an account by days, and up to where.

    `mark` is one of a moment ago, for an account of which nothing was added up in these days.
    """
    rows = (
        AccountQuarter.objects.filter(account=account, starts_at__gte=days.since)
        .values(day=days.number("starts_at"))
        .annotate(**_sums(), entry=_mark("entry_id"), event=_mark("event_id"))
        .order_by("day")
    )
    found = {}
    for row in rows:
        found[days.days[row["day"]]] = _totals(row)
        mark = Mark(row["entry"], row["event"])
    return found, mark


def of_top_users(
    account: Account, days: Days, mark: Mark, *, most: int
) -> tuple[dict[tuple[date, int | None], Decimal], dict[int, str]]:
    """Return what those spent who spent most, as added up, and their logins by their keys.

    Raises CountedMeanwhile where that is up to another mark.
    """
    top = (
        UserDay.objects.filter(account=account, starts_at__gte=days.since)
        .values("api_user")
        .annotate(spent=_SPENT)
        .order_by("-spent", "api_user")
    )
    rows = (
        UserQuarter.objects.filter(
            api_user__in=top.values("api_user")[:most], starts_at__gte=days.since
        )
        .values("api_user", "api_user__login", day=days.number("starts_at"))
        .annotate(spent=_SPENT, entry=_mark("entry_id"), event=_mark("event_id"))
        .order_by("api_user", "day")
    )
    found: dict[tuple[date, int | None], Decimal] = {}
    logins: dict[int, str] = {}
    for row in rows:
        if Mark(row["entry"], row["event"]) != mark:
            raise CountedMeanwhile
        found[days.days[row["day"]], row["api_user"]] = row["spent"]
        logins[row["api_user"]] = row["api_user__login"]
    return found, logins


def of_user(api_user: ApiUser, days: Days) -> dict[date, Totals]:
    """Return what an API user paid and was refunded by days, right up to now.

    One question asks both for what is added up and for what came since, so that nothing is
    missed or counted twice where more is added up meanwhile.
    """
    found: defaultdict[date, Totals] = defaultdict(Totals)
    added, live = _added_of_user(api_user, days), _live_of_user(api_user, days)
    for row in added.union(live, all=True):
        paid, returned = row["paid"] or Decimal(0), row["returned"] or Decimal(0)
        found[days.days[row["day"]]] += Totals(debited=paid, refunded=returned)
    return found


def _added_of_user(api_user: ApiUser, days: Days) -> QuerySet[Any, Any]:
    rows = UserQuarter.objects.filter(api_user=api_user, starts_at__gte=days.since)
    return rows.values(day=days.number("starts_at")).annotate(
        paid=Sum("debited"), returned=Sum("refunded")
    )


def _live_of_user(api_user: ApiUser, days: Days) -> QuerySet[Any, Any]:
    taken = Sum("credits", filter=Q(credits__lt=0))
    return (
        LedgerEntry.objects.filter(
            account=api_user.account_id,
            api_user=api_user,
            pk__gt=Coalesce(Subquery(FiguresMark.objects.values("entry_id")[:1]), 0),
            kind__in=(Kind.DEBIT, Kind.REFUND),
            created_at__gte=days.since,
        )
        .values(day=days.number("created_at"))
        .annotate(
            paid=ExpressionWrapper(-taken, output_field=CreditsField()),
            returned=Sum("credits", filter=Q(credits__gt=0)),
        )
    )


def live(account: Account, days: Days, mark: Mark) -> ByDayAndUser:
    """Return what came after the mark, by days and API users."""
    found: defaultdict[tuple[date, int | None], Totals] = defaultdict(Totals)
    for row in _live_entries(account, days, mark):
        sent = Totals(messages=int(row["messages"] or 0), parts=int(row["parts"] or 0))
        moved = _moved(row["kind"], row["given"], row["taken"])
        found[days.days[row["day"]], row["api_user"]] += sent + moved
    for row in _live_ends(account, days, mark):
        ended: dict[str, Any] = {ENDS[row["state"]]: row["count"]}
        found[days.days[row["day"]], row["user"]] += Totals(**ended)
    return found


def _live_entries(account: Account, days: Days, mark: Mark) -> QuerySet[Any, Any]:
    sent = Message.objects.filter(submission=OuterRef("submission")).values("submission")
    return (
        LedgerEntry.objects.filter(
            _ONE_SIDED, account=account, pk__gt=mark.entry_id, created_at__gte=days.since
        )
        .annotate(
            sent=Case(
                When(kind=Kind.DEBIT, then=Subquery(sent.values(n=Count("pk")))),
                default=Value(0),
            )
        )
        .values("api_user", "kind", day=days.number("created_at"))
        .annotate(
            given=Sum("credits", filter=Q(credits__gt=0)),
            taken=Sum("credits", filter=Q(credits__lt=0)),
            messages=Sum("sent"),
            parts=Sum(F("sent") * F("submission__parts")),
        )
        .order_by("day")
    )


def _live_ends(account: Account, days: Days, mark: Mark) -> QuerySet[Any, Any]:
    return (
        # A sum has no index: else SQLite would begin with all messages of the account, and look
        # for new events of each, where it should begin with the new events.
        MessageEvent.objects.alias(of_account=F("message__account_id") + 0)
        .filter(
            pk__gt=mark.event_id,
            state__in=FINAL,
            of_account=account.pk,
            message__submission__created_at__gte=days.since,
        )
        .values(
            "state",
            user=F("message__submission__api_user"),
            day=days.number("message__submission__created_at"),
        )
        .annotate(count=Count("pk"))
        .order_by("day")
    )
