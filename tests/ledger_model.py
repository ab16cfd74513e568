"""The ledger's rules told a second time, in plain Python and for one at a time.

No row, no lock and no line of the program is used here: what both come to must be the same.
Whoever moves credits gets None, or why nothing was moved: a word, or what could have been.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

NOTHING = Decimal(0)

Refusal = str | Decimal


@dataclass(eq=False)
class Account:
    holder: str
    credits: Decimal = NOTHING
    bought: Decimal = NOTHING
    taken_back: Decimal = NOTHING
    spent: Decimal = NOTHING
    # What came from other accounts, less what went to them.
    received: Decimal = NOTHING
    # Of the credits so many are for alerts alone.
    reserve: Decimal = NOTHING
    users: list["User"] = field(default_factory=list)
    threshold: Decimal | None = None
    by_sms: bool = False

    @property
    def account(self) -> "Account":
        return self

    @property
    def spendable(self) -> Decimal:
        return max(self.credits - self.reserve, NOTHING)

    @property
    def levels(self) -> set[Decimal]:
        return set() if self.threshold is None else {self.threshold}

    @property
    def held(self) -> Decimal:
        return sum((user.quota or NOTHING for user in self.users), NOTHING)


@dataclass(eq=False)
class User:
    account: Account
    quota: Decimal | None = None
    given: Decimal | None = None
    threshold: Decimal | None = None
    # A further level, as so many percent of the quota.
    percent: int | None = None
    by_sms: bool = False
    is_enabled: bool = True
    is_deleted: bool = False

    @property
    def spendable(self) -> Decimal:
        return self.account.spendable if self.quota is None else self.quota

    @property
    def levels(self) -> set[Decimal]:
        if self.threshold is None or self.is_deleted:
            return set()
        if self.percent is None or not self.given:
            return {self.threshold}
        hundredths = int(self.given * self.percent)
        return {self.threshold, Decimal(hundredths) / 100}


Subject = Account | User


@dataclass(eq=False)
class Message:
    pk: int
    credits: Decimal
    account: Account
    # Whose quota paid; None where the account did.
    paid_by: User | None
    is_final: bool = False
    is_refunded: bool = False


class Books:
    """What everybody has, what was sent, and which alerts are due."""

    def __init__(self, accounts: list[Account]) -> None:
        self.accounts = accounts
        self.messages: list[Message] = []
        # Each alert as subject, level and what was left; SMS that wait by subject and level.
        self.alerts: Counter[tuple[Subject, Decimal, Decimal]] = Counter()
        self.waiting_sms: Counter[tuple[Subject, Decimal]] = Counter()

    @property
    def users(self) -> list[User]:
        return [user for account in self.accounts for user in account.users]

    @property
    def subjects(self) -> list[Subject]:
        return [*self.accounts, *self.users]

    @property
    def total(self) -> Decimal:
        """What has come in from outside and not gone out again."""
        return sum((each.bought - each.taken_back - each.spent for each in self.accounts), NOTHING)

    def check(self) -> None:
        for account in self.accounts:
            assert account.credits >= 0
            assert all((user.quota or NOTHING) >= 0 for user in account.users)
            assert account.credits + account.held + account.spent == (
                account.bought - account.taken_back + account.received
            )

    # Credits come, go and change places.

    def top_up(self, account: Account, credits: Decimal) -> None:
        account.credits += credits
        account.bought += credits

    def take_back(self, account: Account, credits: Decimal) -> Refusal | None:
        if credits > account.credits:
            return account.credits
        with self._crossings():
            account.credits -= credits
            account.taken_back += credits
        return None

    def transfer(self, giver: Account, receiver: Account, credits: Decimal) -> Refusal | None:
        if giver is receiver:
            return "A transfer is between two accounts."
        if giver.holder != receiver.holder:
            return "another holder"
        if credits > giver.spendable:
            return giver.spendable
        with self._crossings():
            giver.credits -= credits
            giver.received -= credits
            receiver.credits += credits
            receiver.received += credits
        return None

    def set_quota(self, user: User, quota: Decimal | None) -> Refusal | None:
        held = user.quota or NOTHING
        given = (quota or NOTHING) - held
        if given > user.account.spendable:
            return user.account.spendable + held
        with self._crossings():
            user.account.credits -= given
            user.quota = user.given = quota
        return None

    def set_reserve(self, account: Account, reserve: Decimal) -> None:
        with self._crossings():
            account.reserve = reserve

    def delete(self, user: User) -> Decimal:
        held = user.quota or NOTHING
        self.set_quota(user, None)
        user.is_deleted, user.is_enabled = True, False
        return held

    # Alerts.

    def set_limit(
        self,
        subject: Subject,
        threshold: Decimal | None,
        *,
        by_sms: bool,
        percent: int | None = None,
    ) -> None:
        """Tell once where a level is new and reached, and nothing as low was told before."""
        before = subject.levels
        subject.threshold, subject.by_sms = threshold, by_sms
        if isinstance(subject, User):
            subject.percent = percent
        reached = {level for level in subject.levels if subject.spendable <= level}
        if reached and min(reached) not in before:
            self._alert(subject, min(reached))

    @contextmanager
    def _crossings(self, *, silent_for: tuple[Subject, Decimal] | None = None) -> Iterator[None]:
        """Alert once who falls from above a level to it or below, by whatever is done.

        Of several levels the lowest is told. What the alert that is being paid for has told is
        not told again.
        """
        before = {subject: subject.spendable for subject in self.subjects}
        yield
        for subject, spendable in before.items():
            silent = silent_for and silent_for[0] is subject
            passed = {
                level
                for level in subject.levels
                if subject.spendable <= level < spendable
                and not (silent and silent_for and level >= silent_for[1])
            }
            if passed:
                self._alert(subject, min(passed))

    def _alert(self, subject: Subject, level: Decimal) -> None:
        self.alerts[subject, level, subject.spendable] += 1
        self.waiting_sms[subject, level] += subject.by_sms

    def send_alert_sms(self, subject: Subject, level: Decimal, credits: Decimal) -> bool:
        """Send one SMS that waits; return whether the account could pay it."""
        assert self.waiting_sms[subject, level] > 0, "an alert SMS that nobody waited for"
        self.waiting_sms[subject, level] -= 1
        paid = self._pay(subject.account, None, credits, silent_for=(subject, level))
        return paid is None

    # Messages.

    def send(self, account: Account, user: User | None, credits: Decimal) -> Refusal | None:
        if user is not None and not user.is_enabled:
            return "closed"
        payer = user if user is not None and user.quota is not None else None
        return self._pay(account, payer, credits)

    def _pay(
        self,
        account: Account,
        payer: User | None,
        credits: Decimal,
        *,
        silent_for: tuple[Subject, Decimal] | None = None,
    ) -> Refusal | None:
        available = account.spendable if payer is None else payer.quota or NOTHING
        if silent_for:
            available = account.credits
        if credits > available:
            return available
        with self._crossings(silent_for=silent_for):
            if payer is None:
                account.credits -= credits
            else:
                payer.quota = available - credits
            account.spent += credits
        return None

    def stored(self, pk: int, credits: Decimal, account: Account, user: User | None) -> None:
        payer = user if user is not None and user.quota is not None else None
        self.messages.append(Message(pk, credits, account, payer))

    def reject(self, message: Message) -> None:
        """End a message that the carrier refuses: who paid gets the credits back, once.

        A quota that is no more leaves them to the account.
        """
        if message.is_final:
            return
        message.is_final = message.is_refunded = True
        message.account.spent -= message.credits
        if message.paid_by is None or message.paid_by.quota is None:
            message.account.credits += message.credits
        else:
            message.paid_by.quota += message.credits

    def deliver(self, message: Message) -> None:
        message.is_final = True
