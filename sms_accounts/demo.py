"""Fills an empty database with an account to try the panel with, and keeps its sign-ins."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from sms_accounts import accounts, api_users, credentials, limits
from sms_accounts.models import Account, Sender, User

ACCOUNT = "sms-ab12345-1"
HOLDER = "holder@example.com"
STAFF = "staff@example.com"
SENDER = "DEMO"
# A sender that phones can answer.
NUMBER = "33639980000"
LOGIN = "demo"
# The simulated carrier delivers to this number.
MSISDN = "33639980004"

# Who else sends from the account, and with which quota; 200 credits are left beside these.
_OTHERS: Mapping[str, Decimal] = {"shop": Decimal(50), "monitoring": Decimal(25)}
_LEFT = Decimal(200)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """How to sign in and to send in the demo account."""

    holder_email: str
    holder_password: str
    staff_email: str
    staff_password: str
    account: str
    login: str
    password: str
    sender: str
    msisdn: str


def ensure() -> Demo | None:
    """Make the demo data in an empty database; return its sign-ins, at later calls too.

    Return None where the database holds something else. All is made or nothing: the sign-ins
    are on the disk before the database commits, and are made anew where it then did not.
    """
    try:
        with transaction.atomic():
            if Account.objects.exists() or User.objects.exists():
                return _kept()
            made = _invented()
            _fill(made)
            _keep(made)
    except IntegrityError:
        # Somebody else fills the same database at this moment.
        return _kept()
    return made


def _file() -> Path:
    return Path(settings.DATA_DIR) / "demo.json"


def _kept() -> Demo | None:
    try:
        kept = Demo(**json.loads(_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return kept if Account.objects.filter(name=kept.account).exists() else None


def _invented() -> Demo:
    return Demo(
        holder_email=HOLDER,
        holder_password=credentials.generate(),
        staff_email=STAFF,
        staff_password=credentials.generate(),
        account=ACCOUNT,
        login=LOGIN,
        password=credentials.generate(),
        sender=SENDER,
        msisdn=MSISDN,
    )


def _fill(demo: Demo) -> None:
    holder = User.objects.create_user(demo.holder_email, demo.holder_password, name="Demo holder")
    User.objects.create_superuser(demo.staff_email, demo.staff_password, name="Demo staff")
    account = accounts.open_account(
        demo.account,
        owner=holder,
        by=None,
        credits=_LEFT + sum(_OTHERS.values()),
        senders=(demo.sender, NUMBER),
        description="Demo account",
    )
    Sender.objects.filter(account=account, name=NUMBER).update(takes_replies=True)
    api_users.add(account, login=demo.login, password=demo.password, by=None)
    for login, quota in _OTHERS.items():
        other = api_users.add(account, login=login, password=credentials.generate(), by=None)
        api_users.set_quota(other, quota, by=None)
        limit = limits.Limit(
            enabled=True,
            threshold=quota / 5,
            support="email",
            email=demo.holder_email,
            msisdn="",
        )
        api_users.set_limit(other, limit, by=None)


def _keep(demo: Demo) -> None:
    """Write the sign-ins where only this program's user can read them, whole or not at all."""
    partial = _file().with_name(f"demo.json.{os.getpid()}")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(demo), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(_file())
