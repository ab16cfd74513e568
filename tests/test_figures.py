"""Figures: whatever happened and whenever it was added up, they are those of a plain count."""

import threading
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.utils import timezone

from sms_accounts import (
    accounts,
    api_users,
    cancellation,
    counted_rows,
    counting,
    figures,
    ledger,
)
from sms_accounts import submission as submissions
from sms_accounts.figures import Totals
from sms_accounts.models import (
    AccountQuarter,
    FiguresMark,
    Habit,
    LedgerEntry,
    Message,
    MessageEvent,
    State,
    Submission,
    UserDay,
    UserQuarter,
)
from tests.ends import ABROAD, end
from tests.factories import MSISDN, make_account, make_api_user, make_message, make_order

pytestmark = pytest.mark.django_db

# A summer time that ends in the middle of it, and a zone three quarters away from UTC.
BEGIN = datetime(2026, 9, 28, 9, 7, tzinfo=UTC)
ZONES = ["UTC", "Europe/Paris", "Asia/Kathmandu", "America/St_Johns"]


class History:
    """Some weeks of an account in which anything happens, in an order that a number tells."""

    def __init__(self, clock, seed: int) -> None:
        self.clock = clock
        self.random = Random(seed)  # noqa: S311  # a course of events, no secret
        self.now = BEGIN
        clock.move_to(self.now, tick=False)
        self.account = make_account(credits=10_000)
        self.other = make_account(owner=self.account.memberships.get().user, credits=50)
        self.users = [make_api_user(account=self.account) for _ in range(3)]

    def go_on(self, steps: int) -> None:
        acts = [self.send] * 6 + [self.report] * 5 + [self.count] * 2
        acts += [self.cancel, self.change_quota, self.move, self.send_from_panel, self.stumble]
        for step in range(steps):
            self.now += timedelta(minutes=self.random.randint(0, 25_000 // steps * 2))
            self.clock.move_to(self.now, tick=False)
            self.random.choice(acts)()
            if step == steps // 2:
                api_users.delete(self.users[0], by=None)
                self.users = [*self.users[1:], make_api_user(account=self.account, quota=20)]

    def send(self) -> None:
        user = self.random.choice(self.users)
        receivers = self.random.sample([MSISDN, ABROAD, "33639980017"], self.random.randint(1, 3))
        text = "x" * self.random.choice([5, 161])
        try:
            submissions.submit(make_order(user, receivers=receivers, text=text))
        except ledger.InsufficientCredits:
            ledger.top_up(self.account, Decimal(50), by=None, reason="Invoice")

    def send_from_panel(self) -> None:
        order = make_order(self.users[0])
        submissions.submit(
            type(order)(
                account=self.account,
                api_user=None,
                channel=Submission.Channel.PANEL,
                sender=order.sender,
                receivers=[MSISDN],
                text="Hello",
            )
        )

    def report(self) -> None:
        """Tell the end of any message, also of one that has long been over."""
        if messages := list(Message.objects.filter(account=self.account).order_by("pk")):
            ends = [State.DELIVERED, State.UNDELIVERABLE, State.REJECTED, State.EXPIRED]
            end(self.random.choice(messages), self.random.choice(ends))

    def cancel(self) -> None:
        api_users.set_quota(self.users[-1], None, by=None)
        message = make_message(user=self.users[-1])
        Message.objects.filter(pk=message.pk).update(state=State.SCHEDULED)
        cancellation.cancel(message, by=None)

    def change_quota(self) -> None:
        quota = self.random.choice([None, Decimal(0), Decimal("12.50"), Decimal(40)])
        api_users.set_quota(self.random.choice(self.users), quota, by=None)

    def move(self) -> None:
        accounts.transfer(self.account, self.other, Decimal("1.25"), by=None)
        accounts.transfer(self.other, self.account, Decimal("0.25"), by=None)
        ledger.take_back(self.account, Decimal("0.50"), by=None, reason="Mistake")

    def count(self) -> None:
        counting.count()

    def stumble(self) -> None:
        """Be killed in the middle of counting, and go on as if nothing had been."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(counting, "_store_habits", lambda *_given, **_named: 1 / 0)
            with suppress(ZeroDivisionError):
                counting.count()


def plain(account, days) -> dict[tuple[object, int | None], Totals]:
    """Count messages and entries one by one."""
    zone = ZoneInfo(account.time_zone)
    found: defaultdict[tuple[object, int | None], Totals] = defaultdict(Totals)
    for message in Message.objects.filter(account=account).select_related("submission"):
        submission = message.submission
        day = submission.created_at.astimezone(zone).date()
        found[day, submission.api_user_id] += Totals(
            messages=1,
            parts=submission.parts,
            delivered=message.state == State.DELIVERED,
            cancelled=message.state == State.CANCELLED,
            failed=message.state in (State.UNDELIVERABLE, State.REJECTED, State.EXPIRED),
        )
    for entry in LedgerEntry.objects.filter(account=account):
        if entry.kind == "quota" and entry.wallet_id != account.wallet_id:
            continue
        name = {
            ("top_up", True): "topped_up",
            ("correction", False): "corrected",
            ("debit", False): "debited",
            ("refund", True): "refunded",
            ("quota", True): "quota_returned",
            ("quota", False): "quota_given",
            ("transfer", True): "received",
            ("transfer", False): "passed_on",
        }[entry.kind, entry.credits > 0]
        day = entry.created_at.astimezone(zone).date()
        moved: dict[str, Any] = {name: abs(entry.credits)}
        found[day, entry.api_user_id] += Totals(**moved)
    return {key: totals for key, totals in found.items() if key[0] in days.days}


def by_day(found, *, user=False) -> dict[object, Totals]:
    summed: defaultdict[object, Totals] = defaultdict(Totals)
    for (day, api_user), totals in found.items():
        if user is False or api_user == user:
            summed[day] += totals
    return {day: totals for day, totals in summed.items() if totals != Totals()}


def spent_of(found, users) -> dict[tuple[date, int | None], Decimal]:
    return {key: spent for key, spent in found.items() if key[1] in users and spent}


def read(account, days) -> tuple[dict[object, Totals], dict[tuple[date, int | None], Decimal]]:
    """Read figures by day, and what was spent by day and API user, as the page does."""
    row = FiguresMark.objects.first() or FiguresMark()
    start = figures.Mark(row.entry_id, row.event_id)
    of_account, mark = figures.of_account(account, days, start)
    of_users, _logins = figures.of_top_users(account, days, mark, most=50)
    live = figures.live(account, days, mark)
    for key, totals in live.items():
        of_account[key[0]] = of_account.get(key[0], Totals()) + totals
        if key[1] is not None:
            of_users[key] = of_users.get(key, Decimal(0)) + totals.spent
    return {day: found for day, found in of_account.items() if found != Totals()}, of_users


class TestFigures:
    @pytest.mark.parametrize(("seed", "zone"), list(enumerate(ZONES)))
    def test_are_those_of_a_plain_count_whatever_happened(
        self, time_machine, monkeypatch, seed, zone
    ):
        monkeypatch.setattr(counted_rows, "BATCH", 7)
        history = History(time_machine, seed)
        account = history.account
        account.time_zone = zone
        days = figures.Days(BEGIN.date() + timedelta(days=60), 61, ZoneInfo(zone))

        for _ in range(2):
            history.go_on(40)
            expected = plain(account, days)
            of_account, of_users = read(account, days)
            assert of_account == by_day(expected)
            users = {key[1] for key in of_users}
            assert spent_of(of_users, users) == spent_of(
                {key: totals.spent for key, totals in expected.items()}, users
            )

        counting.count()
        assert counting.count() == 0
        assert figures.live(account, days, read_mark()) == {}
        assert read(account, days)[0] == by_day(plain(account, days))
        assert sum(by_day(expected).values(), Totals()).messages > 30

    def test_of_a_span_are_those_of_its_entries(self, time_machine):
        history = History(time_machine, 5)
        history.go_on(40)
        since, until = (
            counting.quarter(BEGIN + timedelta(days=9)),
            counting.quarter(BEGIN + timedelta(days=30)),
        )
        entries = LedgerEntry.objects.filter(
            account=history.account, created_at__gte=since, created_at__lt=until
        )

        found = figures.movements(history.account, since=since, until=until)

        keys = list(entries.order_by("pk").values_list("pk", flat=True))
        assert (found.first or 0) <= keys[0]
        assert (found.last or 0) >= keys[-1]
        spent = sum(-entry.credits for entry in entries if entry.kind in ("debit", "refund"))
        assert found.totals.spent == spent > 0

    def test_are_read_anew_where_more_was_added_up_in_between(self, time_machine):
        history = History(time_machine, 6)
        history.send()
        counting.count()
        days = figures.Days(BEGIN.date(), 1, ZoneInfo("UTC"))

        with pytest.raises(figures.CountedMeanwhile):
            figures.of_top_users(history.account, days, figures.Mark(0, 0), most=5)
        tried = []

        def read_again() -> str:
            tried.append(1)
            if len(tried) == 1:
                raise figures.CountedMeanwhile
            return "right"

        assert figures.consistently(read_again) == "right"


def read_mark() -> figures.Mark:
    row = FiguresMark.objects.get()
    return figures.Mark(row.entry_id, row.event_id)


class TestHabit:
    def test_knows_hours_and_countries_with_their_first_messages(self, time_machine):
        time_machine.move_to(BEGIN, tick=False)
        user = make_api_user()
        for receiver in (MSISDN, ABROAD, ABROAD):
            submissions.submit(make_order(user, receivers=[receiver]))
            counting.count()
            time_machine.shift(timedelta(hours=1))

        habit = Habit.objects.get(api_user=user)

        assert habit.began_at == BEGIN
        assert habit.hours == {"9": 1, "10": 1, "11": 1}
        first_abroad = (BEGIN + timedelta(hours=1)).isoformat()
        assert habit.countries == {"FR": [1, BEGIN.isoformat()], "CH": [2, first_abroad]}

    def test_tells_no_country_from_what_is_left_of_a_number(self):
        message = make_message()
        Message.objects.update(msisdn="336")
        type(message.submission).objects.update(numbers_removed_at=timezone.now())

        counting.count()

        assert Habit.objects.get().countries == {}


class TestCount:
    def test_goes_on_another_time_where_there_is_much(self, monkeypatch):
        monkeypatch.setattr(counted_rows, "BATCH", 1)
        make_message()

        assert counting.count(within=timedelta(0)) == 1
        assert counting.count() > 0
        assert counting.count() == 0

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite lets one transaction write at a time"
    )
    def test_does_not_pass_somebody_who_is_still_storing(self, monkeypatch):
        monkeypatch.setattr(counting, "PATIENCE", timedelta(milliseconds=100))
        slow, quick = make_api_user(), make_api_user()
        counting.count()
        has_stored, may_commit = threading.Event(), threading.Event()

        def store_slowly() -> None:
            with transaction.atomic():
                make_message(user=slow)
                has_stored.set()
                assert may_commit.wait(10)
            connection.close()

        thread = threading.Thread(target=store_slowly)
        thread.start()
        assert has_stored.wait(10)
        make_message(user=quick)
        counted_meanwhile = counting.count()
        may_commit.set()
        thread.join()

        assert counted_meanwhile == 0
        assert counting.count() == 2
        assert {row.api_user_id for row in UserDay.objects.filter(messages=1)} == {
            slow.pk,
            quick.pk,
        }

    def test_knows_an_end_from_what_came_before_it(self):
        message = make_message(user=make_api_user())
        for state in ("enroute", "enroute", "", "delivered"):
            MessageEvent.objects.create(message=message, state=state, at=timezone.now())

        counting.count()
        [day] = UserDay.objects.all()
        assert (day.messages, day.delivered, day.failed, day.cancelled) == (1, 1, 0, 0)

    def test_keeps_one_row_for_a_quarter_of_an_hour(self, time_machine):
        time_machine.move_to(BEGIN, tick=False)
        user = make_api_user()
        for _ in range(5):
            make_message(user=user)
            counting.count()
        time_machine.shift(counting.QUARTER)
        make_message(user=user)
        counting.count()

        for model in (AccountQuarter, UserQuarter):
            rows = model.objects.filter(messages__gt=0).order_by("starts_at")
            assert [row.messages for row in rows] == [5, 1]
        assert [row.messages for row in UserDay.objects.all()] == [6]
