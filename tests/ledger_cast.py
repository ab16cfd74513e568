"""Who is there when the ledger's machine begins, in the database and in the model."""

from decimal import Decimal

from sms_accounts import accounts, api_users, ledger, limits
from sms_accounts.models import ApiUser, Rate
from tests import ledger_model
from tests.factories import MSISDN, make_account, make_api_user, make_user

# A part to each of these costs so much.
PRICES = {MSISDN: Decimal(1), "41791234567": Decimal("0.35")}


class Cast:
    """Who is there when a run begins: in the database, and again in the model.

    Alice owns two accounts; of the first, one user spends what the account has and waits for an
    alert by SMS, another has a quota. Bob owns one with a user. So much is not left to chance,
    since few of the short runs would come to a quota, an alert and a refund.
    """

    CREDITS, THRESHOLD = Decimal("15.65"), Decimal(10)
    QUOTA, THRESHOLD_OF_QUOTA = Decimal(6), Decimal(4)
    RESERVE = Decimal(5)

    def __init__(self) -> None:
        for number, price in PRICES.items():
            Rate.objects.update_or_create(
                prefix="" if number == MSISDN else number[:2], defaults={"credits": price}
            )
        self.staff, self.alice, bob = make_user(staff=True), make_user(), make_user()
        self.holders = [self.alice, self.alice, bob]
        self.accounts = [make_account(owner=holder, credits=0) for holder in self.holders]
        ledger.top_up(self.accounts[0], self.CREDITS, by=self.staff, reason="Opening credits")
        self.account_of_user = [0, 0, 2]
        self.users = [
            make_api_user(account=self.accounts[account]) for account in self.account_of_user
        ]
        sharing, quota, _bobs = self.users
        accounts.set_reserve(self.accounts[0], self.RESERVE, by=self.alice)
        api_users.set_quota(quota, self.QUOTA, by=self.alice)
        api_users.set_limit(quota, limit(self.THRESHOLD_OF_QUOTA, by_sms=True), by=self.alice)
        api_users.set_limit(sharing, limit(self.THRESHOLD, by_sms=True), by=self.alice)

    def books(self) -> ledger_model.Books:
        accounts = [ledger_model.Account(holder.email) for holder in self.holders]
        books = ledger_model.Books(accounts)
        for account in self.account_of_user:
            accounts[account].users.append(ledger_model.User(accounts[account]))
        sharing, quota, _bobs = books.users
        books.top_up(accounts[0], self.CREDITS)
        books.set_reserve(accounts[0], self.RESERVE)
        books.set_quota(quota, self.QUOTA)
        books.set_limit(quota, self.THRESHOLD_OF_QUOTA, by_sms=True)
        books.set_limit(sharing, self.THRESHOLD, by_sms=True)
        return books


def limit(threshold: Decimal | None, *, by_sms: bool, percent: int | None = None) -> limits.Limit:
    return limits.Limit(
        enabled=threshold is not None,
        threshold=threshold,
        support=ApiUser.Support.BOTH if by_sms else ApiUser.Support.EMAIL,
        email="alerts@example.com",
        msisdn=MSISDN,
        levels=(f"{percent}%",) if percent else (),
    )
