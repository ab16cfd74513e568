"""Moves credits in any way and order, through the use cases and beside a model of them."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from copy import copy
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sms_accounts import accounts, alerts, api_users, ledger, orders, settling, submission
from sms_accounts.models import (
    Account,
    ApiUser,
    Attempt,
    Message,
    Notification,
    State,
    Submission,
)
from tests import ledger_model
from tests.factories import MSISDN, SENDER
from tests.ledger_cast import PRICES, Cast, limit

TEXTS = {1: "Hello", 2: "x" * 161}

# Few amounts that often meet each other, and among them any.
CREDITS = st.sampled_from(["0.01", "0.35", "1", "1.35", "2", "4.65", "10"]).map(Decimal) | (
    st.integers(1, 2000).map(lambda hundredths: Decimal(hundredths) / 100)
)
QUOTA = st.none() | st.just(Decimal(0)) | CREDITS
USER = st.integers(0, 2)
ACCOUNT = st.integers(0, 2)
NUMBERS = st.sets(st.sampled_from(sorted(PRICES)), min_size=1)
ANY = st.integers(0, 20)

Moved = TypeVar("Moved")


def outcome_of(move: Callable[[], Moved]) -> tuple[ledger_model.Refusal | None, Moved | None]:
    """Move credits; return why nothing was moved, as the model tells it, or what came of it."""
    try:
        return None, move()
    except ledger.InsufficientCredits as short:
        return ("closed" if short.is_closed else short.available), None
    except ledger.AnotherHolder:
        return "another holder", None
    except ValueError as wrong:
        return str(wrong), None


def refusal_of(move: Callable[[], object]) -> ledger_model.Refusal | None:
    return outcome_of(move)[0]


class LedgerMachine(RuleBasedStateMachine):
    """Does the same in the database and in the model, and compares after each step."""

    cast: Cast

    def __init__(self) -> None:
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        mail.outbox.clear()
        self.books = self.cast.books()
        self.seen_entry = self.seen_alert = 0
        self.held: dict[int, Decimal] = {}
        self.balances: defaultdict[int, Decimal] = defaultdict(Decimal)
        self.debits: dict[int, Decimal] = {}
        self.refunded: set[int] = set()
        self.added = Decimal(0)
        self.alerts: Counter[tuple[ledger_model.Subject, Decimal, Decimal]] = Counter()

    def teardown(self) -> None:
        # Whatever a run did is undone, also after an error in mid-statement.
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    # Who is meant, in the database and in the model. A use case gets a user as it was read
    # before all that has happened since: it must find out by itself.

    def account(self, index: int) -> tuple[Account, ledger_model.Account]:
        return self.cast.accounts[index], self.books.accounts[index]

    def user(self, index: int) -> tuple[ApiUser, ledger_model.User]:
        return copy(self.cast.users[index]), self.books.users[index]

    def present_user(self, index: int) -> tuple[ApiUser, ledger_model.User]:
        present = [index for index, user in enumerate(self.books.users) if not user.is_deleted]
        return self.user(present[index % len(present)])

    def message(self, index: int) -> tuple[Message, ledger_model.Message]:
        of_model = self.books.messages[index % len(self.books.messages)]
        return Message.objects.select_related("submission").get(pk=of_model.pk), of_model

    # Staff.

    @rule(account=ACCOUNT, credits=CREDITS)
    def top_up(self, account: int, credits: Decimal) -> None:
        row, of_model = self.account(account)
        left = ledger.top_up(row, credits, by=self.cast.staff, reason="Invoice")
        self.books.top_up(of_model, credits)
        assert left == of_model.credits

    @rule(account=ACCOUNT, credits=CREDITS)
    def take_back(self, account: int, credits: Decimal) -> None:
        row, of_model = self.account(account)
        refusal = refusal_of(
            lambda: ledger.take_back(row, credits, by=self.cast.staff, reason="Mistake")
        )
        assert refusal == self.books.take_back(of_model, credits)

    # Holders.

    @rule(giver=ACCOUNT, receiver=ACCOUNT, credits=CREDITS)
    def transfer(self, giver: int, receiver: int, credits: Decimal) -> None:
        (one, of_one), (other, of_other) = self.account(giver), self.account(receiver)
        refusal = refusal_of(lambda: accounts.transfer(one, other, credits, by=self.cast.alice))
        assert refusal == self.books.transfer(of_one, of_other, credits)

    @rule(user=USER, quota=QUOTA)
    def set_quota(self, user: int, quota: Decimal | None) -> None:
        row, of_model = self.present_user(user)
        refusal = refusal_of(lambda: api_users.set_quota(row, quota, by=self.cast.alice))
        assert refusal == self.books.set_quota(of_model, quota)

    @rule(
        user=USER,
        threshold=st.none() | CREDITS,
        by_sms=st.booleans(),
        percent=st.none() | st.sampled_from([10, 50, 99]),
    )
    def set_limit(
        self, user: int, threshold: Decimal | None, by_sms: bool, percent: int | None
    ) -> None:
        row, of_model = self.present_user(user)
        api_users.set_limit(
            row, limit(threshold, by_sms=by_sms, percent=percent), by=self.cast.alice
        )
        self.books.set_limit(of_model, threshold, by_sms=by_sms, percent=percent)

    @rule(account=ACCOUNT, threshold=st.none() | CREDITS, by_sms=st.booleans())
    def set_limit_of_account(self, account: int, threshold: Decimal | None, by_sms: bool) -> None:
        row, of_model = self.account(account)
        accounts.set_limit(row, limit(threshold, by_sms=by_sms), by=self.cast.alice)
        self.books.set_limit(of_model, threshold, by_sms=by_sms)

    @rule(account=ACCOUNT, reserve=st.just(Decimal(0)) | CREDITS)
    def set_reserve(self, account: int, reserve: Decimal) -> None:
        row, of_model = self.account(account)
        accounts.set_reserve(row, reserve, by=self.cast.alice)
        self.books.set_reserve(of_model, reserve)

    @rule(user=USER, enabled=st.booleans())
    def set_enabled(self, user: int, enabled: bool) -> None:
        row, of_model = self.present_user(user)
        api_users.set_enabled(row, enabled, by=self.cast.alice)
        of_model.is_enabled = enabled

    @precondition(lambda self: sum(user.is_deleted for user in self.books.users) < 2)
    @rule(user=USER)
    def delete(self, user: int) -> None:
        row, of_model = self.present_user(user)
        assert api_users.delete(row, by=self.cast.alice) == self.books.delete(of_model)

    # Senders, and what becomes of their messages.

    @rule(user=USER, numbers=NUMBERS, parts=st.sampled_from(sorted(TEXTS)))
    def send(self, user: int, numbers: set[str], parts: int) -> None:
        self._send(self.cast.account_of_user[user], user, sorted(numbers), parts)

    @rule(account=ACCOUNT, numbers=NUMBERS)
    def send_from_panel(self, account: int, numbers: set[str]) -> None:
        self._send(account, None, sorted(numbers), 1)

    def _send(self, account: int, user: int | None, numbers: list[str], parts: int) -> None:
        account_row, account_of_model = self.account(account)
        row, of_model = (None, None) if user is None else self.user(user)
        order = orders.Order(
            account=account_row,
            api_user=row,
            channel=Submission.Channel.HTTP2SMS if row else Submission.Channel.PANEL,
            sender=SENDER,
            receivers=numbers,
            text=TEXTS[parts],
        )
        prices = [PRICES[number] * parts for number in numbers]
        expected = self.books.send(account_of_model, of_model, sum(prices, Decimal(0)))
        refusal, receipt = outcome_of(lambda: submission.submit(order))
        assert refusal == expected
        if receipt is None:
            return
        assert receipt.credits_left == (of_model or account_of_model).spendable
        for pk, price in zip(receipt.message_ids, prices, strict=True):
            self.books.stored(pk, price, account_of_model, of_model)

    @precondition(lambda self: self.books.messages)
    @rule(index=ANY)
    def reject(self, index: int) -> None:
        message, of_model = self.message(index)
        self._end(message, State.REJECTED)
        self.books.reject(of_model)

    @precondition(lambda self: self.books.messages)
    @rule(index=ANY)
    def deliver(self, index: int) -> None:
        message, of_model = self.message(index)
        self._end(message, State.DELIVERED)
        self.books.deliver(of_model)

    def _end(self, message: Message, state: State) -> None:
        now = timezone.now()
        outcome = Attempt.Outcome.REJECTED if state == State.REJECTED else Attempt.Outcome.TAKEN
        Attempt.objects.create(
            message=message,
            part=1,
            carrier="simulator",
            reference=str(uuid.uuid4()),
            outcome=outcome,
            state=state,
            code="020",
            started_at=now,
        )
        settling.settle(settling.locked(message.pk), at=now)

    @precondition(lambda self: any(each.is_refunded for each in self.books.messages))
    @rule(index=ANY)
    def refund_again(self, index: int) -> None:
        refunded = [each for each in self.books.messages if each.is_refunded]
        message = Message.objects.get(pk=refunded[index % len(refunded)].pk)
        with pytest.raises(IntegrityError), transaction.atomic():
            ledger.refund({message: "A second time"})

    @precondition(lambda self: +self.books.waiting_sms)
    @rule()
    def send_alerts(self) -> None:
        waiting = Notification.objects.filter(
            channel=Notification.Channel.SMS, state=Notification.State.WAITING
        )
        before = Notification.objects.exclude(state=Notification.State.WAITING)
        ended = set(before.values_list("pk", flat=True))
        alerts.alert_due()
        assert not waiting.exists()
        # Several that wait go in the order of the rows, which is not of interest here.
        sent = Notification.objects.filter(channel=Notification.Channel.SMS).exclude(pk__in=ended)
        for notification in sent.select_related("alert").order_by("due_at", "id"):
            alert = notification.alert
            of_model = self._subject(alert.account_id, alert.api_user_id)
            is_paid = self.books.send_alert_sms(of_model, alert.threshold, PRICES[MSISDN])
            assert notification.state == ("done" if is_paid else "given_up")
            if is_paid:
                [pk] = Message.objects.filter(submission=notification.submission_id).values_list(
                    "pk", flat=True
                )
                self.books.stored(pk, PRICES[MSISDN], of_model.account, None)
        assert not +self.books.waiting_sms

    def _subject(self, account_id: int, api_user_id: int | None) -> ledger_model.Subject:
        if api_user_id is None:
            return self.books.accounts[[row.pk for row in self.cast.accounts].index(account_id)]
        return self.books.users[[row.pk for row in self.cast.users].index(api_user_id)]

    # What must be true after each step.

    @invariant()
    def is_right(self) -> None:
        self.purses_are_those_of_the_model()
        self.entries_lead_to_what_each_purse_holds()
        self.each_message_is_charged_once_and_refunded_once_at_most()
        self.alerts_are_those_of_the_crossings()

    def purses_are_those_of_the_model(self) -> None:
        self.books.check()
        expected = {}
        for row, user in zip(self.cast.users, self.books.users, strict=True):
            expected[row.quota_wallet_id] = user.quota or Decimal(0)
        for account, of_model in zip(self.cast.accounts, self.books.accounts, strict=True):
            expected[account.wallet_id] = of_model.credits
        self.held = {pk: stored(credits) for pk, credits in rows(HELD)}
        assert self.held == expected

    def entries_lead_to_what_each_purse_holds(self) -> None:
        for pk, wallet, kind, moved, balance, submission_id, message_id, by, reason in rows(
            ENTRIES, self.seen_entry
        ):
            self.seen_entry = pk
            self.balances[wallet] += stored(moved)
            self.added += stored(moved)
            assert stored(balance) == self.balances[wallet] >= 0
            if kind == "debit":
                assert submission_id not in self.debits, "a submission paid twice"
                self.debits[submission_id] = stored(-moved)
            elif kind == "refund":
                assert message_id not in self.refunded, "a message refunded twice"
                self.refunded.add(message_id)
            else:
                is_staffs = kind in ("top_up", "correction")
                assert by == (self.cast.staff if is_staffs else self.cast.alice).pk
                assert reason
        assert {pk: self.balances[pk] for pk in self.held} == self.held
        assert self.added == self.books.total

    def each_message_is_charged_once_and_refunded_once_at_most(self) -> None:
        messages = self.books.messages
        charged = sum((message.credits for message in messages), Decimal(0))
        assert sum(self.debits.values()) == charged
        assert self.refunded == {message.pk for message in messages if message.is_refunded}

    def alerts_are_those_of_the_crossings(self) -> None:
        for pk, account, api_user, threshold, balance in rows(ALERTS, self.seen_alert):
            self.seen_alert = pk
            subject = self._subject(account, api_user)
            self.alerts[subject, stored(threshold), stored(balance)] += 1
        assert self.alerts == self.books.alerts


# Asked after each step: by hand, since this takes a third of the time that a queryset does.
HELD = "SELECT id, credits FROM sms_accounts_wallet"
ENTRIES = (
    "SELECT id, wallet_id, kind, credits, balance, submission_id, message_id, by_id, reason"
    " FROM sms_accounts_ledgerentry WHERE id > %s ORDER BY id"
)
ALERTS = (
    "SELECT id, account_id, api_user_id, threshold, balance FROM sms_accounts_alert"
    " WHERE id > %s ORDER BY id"
)


def rows(statement: str, *parameters: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def stored(hundredths: int) -> Decimal:
    return Decimal(hundredths) / 100


def run(cast: Cast, *, runs: int, steps: int, **more: Any) -> None:
    class Machine(LedgerMachine):
        pass

    Machine.cast = cast

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )
