"""Adds up ledger entries and the ends of messages: alone writes figures, habits and days' spending.

Entries and events are only ever added, so each is counted once: up to a mark, in the transaction
that moves the mark. What a run does not come to, or a crash undoes, the next run does. Nobody who
sends or delivers a message waits for it or does anything for it.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from sms_accounts import carrier_costs, counted_rows
from sms_accounts.counted_rows import Entry, Event, Sent
from sms_accounts.models import (
    FINAL,
    AccountQuarter,
    DaySpent,
    Figures,
    FiguresMark,
    Habit,
    LedgerEntry,
    MessageEvent,
    State,
    UserDay,
    UserQuarter,
)

Kind = LedgerEntry.Kind

# How long one run goes on, and how long it waits for those who are storing at its beginning.
A_RUN = timedelta(seconds=20)
PATIENCE = timedelta(seconds=2)
QUARTER = timedelta(minutes=15)
# How many days' spending is kept for the pace.
DAYS_OF_PACE = 7

# Which column an entry adds to: where it adds credits to the purse, and where it takes them.
COLUMNS: dict[str, tuple[str, str]] = {
    Kind.TOP_UP: ("topped_up", "corrected"),
    Kind.CORRECTION: ("topped_up", "corrected"),
    Kind.DEBIT: ("refunded", "debited"),
    Kind.REFUND: ("refunded", "debited"),
    Kind.QUOTA: ("quota_returned", "quota_given"),
    Kind.TRANSFER: ("received", "passed_on"),
}
# What becomes of the messages that are not waiting any more.
ENDS: dict[str, str] = {
    **dict.fromkeys(FINAL, "failed"),
    State.DELIVERED: "delivered",
    State.CANCELLED: "cancelled",
}
SUMS = tuple(
    field.name
    for field in Figures._meta.fields
    if field.name not in ("starts_at", "first_entry_id", "last_entry_id")
)


def quarter(at: datetime) -> datetime:
    """Return when the quarter of an hour began that a moment is in."""
    utc = at.astimezone(UTC)
    return utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)


def count(*, within: timedelta = A_RUN) -> int:
    """Add up what was stored since the last time; return how many entries and events."""
    began = time.monotonic()
    entry_id, event_id = _latest(LedgerEntry), _latest(MessageEvent)
    if not _are_stored_before():
        return 0
    counted = 0
    while batch := _count_batch(entry_id, event_id):
        counted += batch
        if time.monotonic() - began >= within.total_seconds():
            break
    return counted


def _latest(model: type[LedgerEntry] | type[MessageEvent]) -> int:
    latest: int | None = model._default_manager.aggregate(latest=Max("pk"))["latest"]
    return latest or 0


def _are_stored_before() -> bool:
    """Wait until those are done who are storing now; return False where they take too long.

    Of two transactions the one that got the lower keys may commit last, and the mark must not
    pass it. Whoever has stored an entry or event holds a lock of its table until the end. On
    SQLite one transaction writes at a time.
    """
    if connection.vendor != "postgresql":
        return True
    until = time.monotonic() + PATIENCE.total_seconds()
    waited_for = _storing()
    while waited_for:
        if time.monotonic() >= until:
            return False
        time.sleep(0.02)
        waited_for &= _storing()
    return True


def _storing() -> set[str]:
    """Return the transactions other than this one that have stored an entry or event."""
    tables = [model._meta.db_table for model in (LedgerEntry, MessageEvent)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND relation IN (%s::regclass, %s::regclass) AND mode = 'RowExclusiveLock'"
            " AND pid IS DISTINCT FROM pg_backend_pid()",
            tables,
        )
        return {row[0] for row in cursor.fetchall()}


@transaction.atomic
def _count_batch(entry_id: int, event_id: int) -> int:
    """Count some of what is up to these keys; return how many entries and events."""
    FiguresMark.objects.get_or_create(pk=1)
    mark = FiguresMark.objects.select_for_update().get(pk=1)
    entry_ids = counted_rows.next_keys(LedgerEntry, mark.entry_id, entry_id)
    event_ids = counted_rows.next_keys(MessageEvent, mark.event_id, event_id)
    if not entry_ids and not event_ids:
        return 0
    entries = counted_rows.entries(entry_ids)
    events = counted_rows.ends(event_ids, ENDS)
    sent = counted_rows.sent_by(entries)
    sums = _Sums()
    for entry in entries:
        sums.add_entry(entry, sent)
    for event in events:
        sums.add(event.account_id, event.api_user_id, event.accepted_at, {ENDS[event.state]: 1})
    sums.store()
    now = timezone.now()
    _store_habits(entries, sent, events, now=now)
    _store_days_spent(entries, now=now)
    carrier_costs.add_up([event.message_id for event in events])
    mark.entry_id = max(entry_ids, default=mark.entry_id)
    mark.event_id = max(event_ids, default=mark.event_id)
    mark.save(update_fields=["entry_id", "event_id"])
    return len(entry_ids) + len(event_ids)


class _Sums:
    """What is to be added to figures, by their table, whose they are, and when they begin."""

    def __init__(self) -> None:
        self._rows: dict[type[Figures], dict[tuple[int, datetime], Figures]] = {
            AccountQuarter: {},
            UserQuarter: {},
            UserDay: {},
        }

    def add_entry(self, entry: Entry, sent: dict[int, Sent]) -> None:
        added: dict[str, Any] = {}
        # A quota moves between two purses of one account: the account's side tells of it.
        if entry.kind != Kind.QUOTA or entry.wallet_id == entry.account_wallet_id:
            column = COLUMNS[entry.kind][0 if entry.credits > 0 else 1]
            added[column] = abs(entry.credits)
        if entry.kind == Kind.DEBIT and entry.submission_id in sent:
            of_order = sent[entry.submission_id]
            added["messages"] = of_order.countries.total()
            added["parts"] = of_order.parts * of_order.countries.total()
        self.add(entry.account_id, entry.api_user_id, entry.created_at, added, entry=entry.pk)

    def add(
        self,
        account_id: int,
        api_user_id: int | None,
        at: datetime,
        added: dict[str, Any],
        *,
        entry: int | None = None,
    ) -> None:
        for row in self._rows_of(account_id, api_user_id, at):
            for column, more in added.items():
                setattr(row, column, getattr(row, column) + more)
            _stretch(row, entry, entry)

    def _rows_of(self, account_id: int, api_user_id: int | None, at: datetime) -> Iterable[Figures]:
        begins = quarter(at)
        quarters = self._rows[AccountQuarter]
        if (account_id, begins) not in quarters:
            quarters[account_id, begins] = AccountQuarter(account_id=account_id, starts_at=begins)
        yield quarters[account_id, begins]
        if api_user_id is None:
            return
        quarters = self._rows[UserQuarter]
        if (api_user_id, begins) not in quarters:
            quarters[api_user_id, begins] = UserQuarter(api_user_id=api_user_id, starts_at=begins)
        yield quarters[api_user_id, begins]
        days, day = self._rows[UserDay], begins.replace(hour=0, minute=0)
        if (api_user_id, day) not in days:
            days[api_user_id, day] = UserDay(
                account_id=account_id, api_user_id=api_user_id, starts_at=day
            )
        yield days[api_user_id, day]

    def store(self) -> None:
        """Add all of it to what is stored. Nobody else does so while the mark is locked."""
        for model, rows in self._rows.items():
            owner = "account" if model is AccountQuarter else "api_user"
            stored: Any = model._default_manager.filter(
                **{f"{owner}__in": {key for key, _at in rows}},
                starts_at__in={at for _key, at in rows},
            )
            for before in stored:
                row = rows.get((getattr(before, f"{owner}_id"), before.starts_at))
                if row is not None:
                    _add(row, before)
            model._default_manager.bulk_create(
                rows.values(),
                update_conflicts=True,
                unique_fields=[owner, "starts_at"],
                update_fields=[*SUMS, "first_entry_id", "last_entry_id"],
            )


def _add(row: Figures, before: Figures) -> None:
    for column in SUMS:
        setattr(row, column, getattr(row, column) + getattr(before, column))
    _stretch(row, before.first_entry_id, before.last_entry_id)


def _stretch(row: Figures, first: int | None, last: int | None) -> None:
    if first is not None:
        row.first_entry_id = min(first, row.first_entry_id or first)
    if last is not None:
        row.last_entry_id = max(last, row.last_entry_id or last)


def _store_habits(
    entries: Iterable[Entry],
    sent: Mapping[int, Sent],
    events: Iterable[Event],
    *,
    now: datetime,
) -> None:
    """Add to what users have done; the rules are to look at each of them."""
    habits: dict[int, Habit] = {}
    users = {entry.api_user_id for entry in entries} | {event.api_user_id for event in events}
    stored = Habit.objects.in_bulk([user for user in users if user is not None])
    for entry in entries:
        of_order = sent.get(entry.submission_id or 0)
        # A refund names the order too; what was sent is learnt from what was paid.
        if entry.api_user_id is None or entry.kind != Kind.DEBIT or of_order is None:
            continue
        habit = _habit_of(entry.api_user_id, entry.created_at, habits, stored)
        habit.began_at = min(habit.began_at, entry.created_at)
        _learn(habit, entry.created_at, of_order.countries)
    for event in events:
        if event.api_user_id is None:
            continue
        habit = _habit_of(event.api_user_id, event.accepted_at, habits, stored)
        habit.delivered += event.state == State.DELIVERED
        habit.failed += ENDS[event.state] == "failed"
    for habit in habits.values():
        habit.judge_at = min(habit.judge_at or now, now)
    Habit.objects.bulk_create(
        habits.values(),
        update_conflicts=True,
        unique_fields=["api_user"],
        update_fields=["began_at", "delivered", "failed", "hours", "countries", "judge_at"],
    )


def _habit_of(
    user: int, at: datetime, habits: dict[int, Habit], stored: Mapping[int, Habit]
) -> Habit:
    if user not in habits:
        habits[user] = stored.get(user) or Habit(api_user_id=user, began_at=at)
    return habits[user]


def _learn(habit: Habit, at: datetime, countries: Counter[str]) -> None:
    hour = str(at.astimezone(UTC).hour)
    habit.hours[hour] = habit.hours.get(hour, 0) + countries.total()
    for country, messages in countries.items():
        if country:
            before, first_at = habit.countries.get(country, [0, at.isoformat()])
            habit.countries[country] = [before + messages, min(first_at, at.isoformat())]


def _store_days_spent(entries: Iterable[Entry], *, now: datetime) -> None:
    """Add up what each purse paid in the last days, which its pace is told from."""
    oldest = now.astimezone(UTC).date() - timedelta(days=DAYS_OF_PACE)
    spent: defaultdict[tuple[int, date], Decimal] = defaultdict(Decimal)
    for entry in entries:
        day = entry.created_at.astimezone(UTC).date()
        if entry.kind in (Kind.DEBIT, Kind.REFUND) and day >= oldest:
            spent[entry.wallet_id, day] -= entry.credits
    if not spent:
        return
    wallets = {wallet_id for wallet_id, _day in spent}
    DaySpent.objects.filter(wallet__in=wallets, day__lt=oldest).delete()
    for before in DaySpent.objects.filter(wallet__in=wallets, day__in={day for _id, day in spent}):
        if (before.wallet_id, before.day) in spent:
            spent[before.wallet_id, before.day] += before.credits
    DaySpent.objects.bulk_create(
        [
            DaySpent(wallet_id=wallet_id, day=day, credits=credits)
            for (wallet_id, day), credits in sorted(spent.items())
        ],
        update_conflicts=True,
        unique_fields=["wallet", "day"],
        update_fields=["credits"],
    )
