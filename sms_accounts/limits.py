"""When somebody is told of falling credits, of an API user or of an account, and whom."""

from dataclasses import asdict, dataclass
from datetime import time
from decimal import Decimal
from typing import Any

from django.utils import timezone

from sms_accounts import activity, ledger
from sms_accounts.models import Account, Alert, ApiUser, Level, User

# Fields of a limit, and the columns that they are stored in.
_COLUMNS = {
    "enabled": "alert_enabled",
    "threshold": "alert_threshold",
    "support": "alert_support",
    "email": "alert_email",
    "msisdn": "alert_msisdn",
    "levels": "alert_levels",
    "reminder_days": "alert_reminder_days",
    "quiet_from": "alert_quiet_from",
    "quiet_until": "alert_quiet_until",
    "all_clear": "alert_all_clear",
}


@dataclass(frozen=True, kw_only=True)
class Limit:
    """When an alert goes out, and to whom.

    `levels` come beside the threshold: credits such as "20.00", or parts of a quota such as
    "50%". Between `quiet_from` and `quiet_until` no SMS goes out.
    """

    enabled: bool
    threshold: Decimal | None
    support: str
    email: str
    msisdn: str
    levels: tuple[str, ...] = ()
    reminder_days: int | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None
    all_clear: bool = False


def limit_of(subject: ApiUser | Account) -> Limit:
    stored = {name: getattr(subject, column) for name, column in _COLUMNS.items()}
    return Limit(**{**stored, "levels": tuple(stored["levels"])})


def store(subject: ApiUser | Account, limit: Limit, *, by: User | None) -> bool:
    """Store a limit; return whether it differs from the one before.

    To be called in a transaction that holds the lock of the subject. A level that is new and
    reached already is told once, unless one that was there before and is no higher is reached
    too: that one was told.
    """
    before = limit_of(subject)
    if before == limit:
        return False
    for name, column in _COLUMNS.items():
        value = getattr(limit, name)
        setattr(subject, column, list(value) if name == "levels" else value)
    subject.save(update_fields=list(_COLUMNS.values()))
    levels_before = set(Level.objects.of(subject).values_list("credits", flat=True))
    levels = set(Level.objects.store(subject))
    # This locks the purse: a debit at this moment meets the old levels or the new ones, and
    # the balance read below is the one that it left.
    ledger.refresh_threshold_hints(subject.wallet_id)
    subject.wallet.refresh_from_db(fields=["credits", "reserve"])
    left = subject.wallet.spendable
    new = min((level for level in levels - levels_before if level >= left), default=None)
    told = min((level for level in levels & levels_before if level >= left), default=None)
    if new is not None and (told is None or new < told):
        Alert.objects.store([Alert.about(subject, threshold=new, balance=left, at=timezone.now())])
    _stop_what_is_not_wanted(subject)
    activity.record(by, "limit changed", subject, before=_told(before), after=_told(limit))
    return True


def _stop_what_is_not_wanted(subject: ApiUser | Account) -> None:
    """Let nothing follow from earlier alerts that was switched off meanwhile."""
    earlier = Alert.objects.of_subject(subject)
    if not subject.alert_enabled or subject.alert_reminder_days is None:
        earlier.filter(remind_at__isnull=False).update(remind_at=None)
    if not subject.alert_enabled or not subject.alert_all_clear:
        earlier.filter(awaits_refill=True).update(awaits_refill=False)


def _told(limit: Limit) -> dict[str, Any]:
    told = {name: _shown(value) for name, value in asdict(limit).items()}
    told["notification"] = told.pop("support")
    told["number"] = told.pop("msisdn")
    # What few use stands there only where it is used.
    rare = ("levels", "reminder_days", "quiet_from", "quiet_until", "all_clear")
    return {name: value for name, value in told.items() if value or name not in rare}


def _shown(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Decimal | time) else value
