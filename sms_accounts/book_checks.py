"""Has the books of an account checked: at once where that is short, by a worker where it is long.

The row is the job. Who asks while a check is at work gets that one, so that nobody makes a
database add up a large ledger twice at the same time.
"""

import time
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from sms_accounts import books
from sms_accounts.models import Account, BooksCheck, LedgerEntry

log = structlog.get_logger(__name__)

State = BooksCheck.State

# More movements than so many, some tenths of a second, are not added up while somebody waits.
MOST_AT_ONCE = 200_000
# How long a check may take before another worker begins it anew.
LEASE = timedelta(minutes=5)
# One over which the program itself stumbles fails after so many tries.
MOST_FAULTS = 3
TRY_AGAIN = timedelta(seconds=10)

_COUNTS = ("purses", "entries")


def ask(account: Account) -> None:
    """Check the books of an account, or have it done; one that is at work answers both."""
    now = timezone.now()
    begun = {"state": State.WORKING, "asked_at": now, "due_at": now, "faults": 0}
    check, is_new = BooksCheck.objects.get_or_create(account=account, defaults=begun)
    if not is_new:
        over = BooksCheck.objects.filter(pk=check.pk).exclude(state=State.WORKING)
        over.update(**begun)
        check.refresh_from_db()
    if _is_short(account) and _claim(check):
        _run(check)


def _is_short(account: Account) -> bool:
    entries = LedgerEntry.objects.filter(account=account).order_by()
    return entries.values("pk")[: MOST_AT_ONCE + 1].count() <= MOST_AT_ONCE


def check_due() -> int:
    """Make the checks that are due; return how many."""
    checked = 0
    for check in BooksCheck.objects.due(timezone.now()).select_related("account"):
        if _claim(check):
            checked += _run(check)
    return checked


def _claim(check: BooksCheck) -> bool:
    """Take a check: it is due again later, should this worker vanish."""
    now = timezone.now()
    mine = BooksCheck.objects.due(now).filter(pk=check.pk, due_at=check.due_at)
    check.due_at = now + LEASE
    return bool(mine.update(due_at=check.due_at))


def _run(check: BooksCheck) -> bool:
    """Make a check that is claimed; return whether it came to its end."""
    began = time.monotonic()
    try:
        found = books.check(check.account)
    except OperationalError:
        # The database is at fault: it is due again when that is back.
        raise
    except Exception:
        log.exception("books_check_failed", account=check.account.name)
        _count_fault(check)
        return False
    mine = BooksCheck.objects.filter(pk=check.pk, state=State.WORKING, due_at=check.due_at)
    return bool(
        mine.update(
            state=State.DONE,
            ended_at=timezone.now(),
            took=timedelta(seconds=time.monotonic() - began),
            found=asdict(found),
        )
    )


def _count_fault(check: BooksCheck) -> None:
    is_last = check.faults + 1 >= MOST_FAULTS
    BooksCheck.objects.filter(pk=check.pk, state=State.WORKING, due_at=check.due_at).update(
        faults=F("faults") + 1,
        due_at=timezone.now() + TRY_AGAIN,
        state=State.FAILED if is_last else State.WORKING,
    )


def latest(account: Account) -> BooksCheck | None:
    """Return the check of an account that is at work or was made last, if there was any."""
    return BooksCheck.objects.filter(account=account).first()


def found_by(check: BooksCheck) -> books.AccountBooks | None:
    """Return what the latest check found that came to its end, if there was any."""
    if check.found is None:
        return None
    kept: dict[str, Any] = dict(check.found)
    wrong = tuple(
        books.WrongPurse(each["login"], Decimal(each["held"]), Decimal(each["added"]))
        for each in kept.pop("wrong")
    )
    told: dict[str, Any] = {
        name: each if name in _COUNTS else Decimal(each) for name, each in kept.items()
    }
    return books.AccountBooks(**told, wrong=wrong)
