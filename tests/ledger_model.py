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
    users: list["User"] = field(default_factory=list)

    @property
    def spendable(self) -> Decimal:
        return self.credits

    @property
    def held(self) -> Decimal:
        return sum((user.quota or NOTHING for user in self.users), NOTHING)


@dataclass(eq=False)
class User:
    account: Account
    quota: Decimal | None = None
    threshold: Decimal | None = None
    by_sms: bool = False
    is_enabled: bool = True
    is_deleted: bool = False

    @property
    def spendable(self) -> Decimal:
        return self.account.credits if self.quota is None else self.quota


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
        # Each alert as user, threshold and what was left; SMS that wait to be sent by user.
        self.alerts: Counter[tuple[User, Decimal, Decimal]] = Counter()
        self.waiting_sms: Counter[User] = Counter()

    @property
    def users(self) -> list[User]:
        return [user for account in self.accounts for user in account.users]

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
        if credits > giver.credits:
            return giver.credits
        with self._crossings():
            giver.credits -= credits
            giver.received -= credits
            receiver.credits += credits
            receiver.received += credits
        return None

    def set_quota(self, user: User, quota: Decimal | None) -> Refusal | None:
        held = user.quota or NOTHING
        given = (quota or NOTHING) - held
        if given > user.account.credits:
            return user.account.credits + held
        with self._crossings():
            user.account.credits -= given
            user.quota = quota
        return None

    def delete(self, user: User) -> Decimal:
        held = user.quota or NOTHING
        self.set_quota(user, None)
        user.is_deleted, user.is_enabled = True, False
        return held

    # Alerts.

    def set_limit(self, user: User, threshold: Decimal | None, *, by_sms: bool) -> None:
        is_new = threshold != user.threshold
        user.threshold, user.by_sms = threshold, by_sms
        if threshold is not None and is_new and user.spendable <= threshold:
            self._alert(user, threshold)

    @contextmanager
    def _crossings(self, *, silent_for: User | None = None) -> Iterator[None]:
        """Alert once who falls from above the threshold to it or below, by whatever is done."""
        before = {user: user.spendable for user in self.users}
        yield
        for user, level in before.items():
            if user.threshold is None or user.is_deleted or user is silent_for:
                continue
            if user.spendable <= user.threshold < level:
                self._alert(user, user.threshold)

    def _alert(self, user: User, threshold: Decimal) -> None:
        self.alerts[user, threshold, user.spendable] += 1
        self.waiting_sms[user] += user.by_sms

    def send_alert_sms(self, user: User, credits: Decimal) -> bool:
        """Send one SMS that waits; return whether the account could pay it."""
        assert self.waiting_sms[user] > 0, "an alert SMS that nobody waited for"
        self.waiting_sms[user] -= 1
        return self._pay(user.account, None, credits, silent_for=user) is None

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
        silent_for: User | None = None,
    ) -> Refusal | None:
        available = account.credits if payer is None else payer.quota or NOTHING
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
