"""Fills an installation for the measurements: `manage.py shell` reads it."""

from decimal import Decimal

from django.utils import timezone

from sms_accounts import ledger
from sms_accounts.models import ApiUser, Wallet
from tests.bench.names import ACCOUNT, HOT, USERS
from tests.factories import make_account, make_api_user

account = make_account(name=ACCOUNT, credits=100_000_000)
hot = make_api_user(account=account, login=HOT, quota=50_000_000)
purses = Wallet.objects.bulk_create([Wallet(credits=0) for _login in USERS])
users = ApiUser.objects.bulk_create(
    ApiUser(
        account=account,
        login=login,
        password=hot.password,
        password_changed_at=timezone.now(),
        wallet=purse,
        quota_wallet=purse,
    )
    for login, purse in zip(USERS, purses, strict=True)
)
for user in users:
    ledger.set_quota(user, Decimal(40_000), by=None)
