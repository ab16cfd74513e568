"""Writes CSV files of messages in portions, gives them to those who may see them, removes them.

The row is the job: it says how much of the file is written for good. Who goes on cuts off what
is behind that, so that nothing stands in it twice, whoever was killed in between.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import activity, csv_lines, message_csv, message_searches
from sms_accounts.models import Account, Message, MessageExport, User

log = structlog.get_logger(__name__)

State = MessageExport.State

# More than so many are not given while somebody waits.
MOST_STREAMED = 50_000
# Messages of one portion, and how long a portion may take before another worker begins it anew.
PORTION = 5_000
LEASE = timedelta(minutes=2)
# So many are written at the same time, so that workers are left for messages; and how long one
# run of a worker goes on.
MOST_AT_ONCE = 2
A_RUN = timedelta(seconds=20)
# One over which the program itself stumbles fails after so many tries.
MOST_FAULTS = 3
TRY_AGAIN = timedelta(seconds=10)
# How many of an account may be at work at once.
MOST_AT_WORK = 5
# For so long a file can be fetched, where the account keeps texts and numbers that long.
KEPT = timedelta(days=7)
# A file that no row knows may be one of which the row comes in this moment.
LONGEST_WITHOUT_ROW = timedelta(hours=1)


class TooMany(Exception):
    """So many files of the account are being written that no other is begun."""


def is_long(account: Account, query: str) -> bool:
    """Tell whether a search finds more than is given while somebody waits; raises Unreadable."""
    found = message_searches.found_again(account, query).order_by("-pk")
    return found.values("pk")[: MOST_STREAMED + 1].count() > MOST_STREAMED


def ask(account: Account, query: str, *, by: User) -> MessageExport:
    """Have a file written of what a search finds; raises Unreadable and TooMany."""
    message_searches.found_again(account, query)
    now = timezone.now()
    with transaction.atomic():
        # One after the other: each sees how many there are.
        Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
        at_work = MessageExport.objects.filter(account=account, state=State.WORKING)
        if at_work.count() >= MOST_AT_WORK:
            raise TooMany
        export = MessageExport.objects.create(
            account=account,
            by=by,
            query=query,
            file_name=f"{secrets.token_hex(24)}.csv",
            due_at=now,
            made_at=now,
        )
        # Never what was searched for: it may be a number.
        activity.record(by, "CSV file asked for", account)
    return export


def stop(export: MessageExport, *, by: User) -> bool:
    """Write no more of a file and remove it; return whether it was being written."""
    now = timezone.now()
    with transaction.atomic():
        at_work = MessageExport.objects.filter(pk=export.pk, state=State.WORKING)
        if not at_work.update(state=State.STOPPED, ended_at=now, **_removed(now)):
            return False
        activity.record(by, "CSV file stopped", export.account)
    _path(export).unlink(missing_ok=True)
    return True


def _removed(now: datetime) -> dict[str, object]:
    """Return the columns of a file that is gone; what was searched for may be a number."""
    return {"removed_at": now, "query": ""}


def path_of(export: MessageExport) -> Path | None:
    """Return where a file lies that is written, or None where there is none (any more)."""
    path = _path(export)
    is_there = export.state == State.DONE and export.removed_at is None
    return path if is_there and path.is_file() else None


def kept_until(export: MessageExport) -> datetime:
    """Return until when a file can be fetched that is written."""
    return (export.ended_at or export.made_at) + _kept(export.account)


def _kept(account: Account) -> timedelta:
    # Nothing in a file outlives what the account has promised for texts and numbers.
    if account.retention_days is None:
        return KEPT
    return min(KEPT, timedelta(days=account.retention_days))


def _folder() -> Path:
    found: Path = settings.EXPORTS_DIR
    return found


def _path(export: MessageExport) -> Path:
    return _folder() / export.file_name


def write_due(*, within: timedelta = A_RUN) -> int:
    """Write portions of the files that are asked for; return how many messages."""
    until = time.monotonic() + within.total_seconds()
    written = 0
    while time.monotonic() < until and (export := _claim()) is not None:
        try:
            written += _write_some(export, until)
        except OperationalError:
            # The database is at fault: it goes on when that is back.
            raise
        except Exception:
            # Logged and counted; the next file goes on.
            log.exception("export_failed", export=export.pk)
            _count_fault(export)
    return written


def _claim() -> MessageExport | None:
    """Take one that is due: it is due again later, should this worker vanish."""
    now = timezone.now()
    due = MessageExport.objects.due(now).select_related("account")
    claimed = MessageExport.objects.filter(state=State.WORKING, due_at__gt=now)
    export: MessageExport
    for export in due[:MOST_AT_ONCE]:
        if claimed.count() >= MOST_AT_ONCE:
            return None
        mine = MessageExport.objects.filter(pk=export.pk, state=State.WORKING, due_at=export.due_at)
        if mine.update(due_at=now + LEASE):
            export.due_at = now + LEASE
            return export
    return None


def _count_fault(export: MessageExport) -> None:
    now = timezone.now()
    is_last = export.faults + 1 >= MOST_FAULTS
    ended = {"state": State.FAILED, "ended_at": now, **_removed(now)} if is_last else {}
    MessageExport.objects.filter(pk=export.pk, state=State.WORKING).update(
        faults=F("faults") + 1, due_at=now + TRY_AGAIN, **ended
    )
    if is_last:
        _path(export).unlink(missing_ok=True)


def _write_some(export: MessageExport, until: float) -> int:
    """Write the next messages behind what is recorded; return how many."""
    account = export.account
    found = message_searches.found_again(account, export.query).order_by("-pk")
    if export.total is None:
        export.total = found.values("pk").count()
    with _opened(export) as file:
        if file is None:
            return 0
        written, goes_on = 0, True
        while goes_on:
            left = found
            if export.last_message is not None:
                left = found.filter(pk__lt=export.last_message)
            messages = list(left[:PORTION])
            _write(file, export, messages)
            written += len(messages)
            goes_on = _record(export, messages, is_last=time.monotonic() >= until)
    return written


def _write(file: int, export: MessageExport, messages: Sequence[Message]) -> None:
    head = [] if export.size else [message_csv.COLUMNS]
    rows = message_csv.rows(messages, ZoneInfo(export.account.time_zone))
    text = "".join(csv_lines.lines(chain(head, rows), delimiter=message_csv.DELIMITER)).encode()
    with os.fdopen(file, "wb", closefd=False) as whole:
        whole.write(text)
    os.fsync(file)
    export.size += len(text)


@contextmanager
def _opened(export: MessageExport) -> Iterator[int | None]:
    """Give the file, cut off behind what is recorded; None while another worker has it.

    A file that is gone is begun anew.
    """
    path = _path(export)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        if os.fstat(file).st_size < export.size:
            export.size, export.rows, export.last_message = 0, 0, None
        os.ftruncate(file, export.size)
        os.lseek(file, 0, os.SEEK_END)
        yield file
    finally:
        os.close(file)


def _record(export: MessageExport, messages: Sequence[Message], *, is_last: bool) -> bool:
    """Keep how far the file is; return whether this worker goes on with it.

    It does not where the file is whole, its time is over, or somebody has stopped it.
    """
    now = timezone.now()
    is_whole = len(messages) < PORTION
    mine = MessageExport.objects.filter(pk=export.pk, state=State.WORKING, due_at=export.due_at)
    export.rows += len(messages)
    export.last_message = messages[-1].pk if messages else export.last_message
    # Behind the others that are due, once its turn is over.
    export.due_at = now if is_last else now + LEASE
    is_kept = mine.update(
        total=export.total,
        rows=export.rows,
        size=export.size,
        last_message=export.last_message,
        due_at=export.due_at,
        faults=0,
        state=State.DONE if is_whole else State.WORKING,
        ended_at=now if is_whole else None,
    )
    return bool(is_kept) and not is_whole and not is_last


def remove_old() -> int:
    """Remove files that have had their time, and those that no row knows; return how many."""
    now = timezone.now()
    removed = 0
    over = MessageExport.objects.filter(removed_at=None, ended_at__isnull=False)
    for export in over.select_related("account").order_by("ended_at", "id"):
        if kept_until(export) <= now:
            _path(export).unlink(missing_ok=True)
            removed += MessageExport.objects.filter(pk=export.pk).update(**_removed(now))
    return removed + _remove_unknown(before=now - LONGEST_WITHOUT_ROW)


def _remove_unknown(*, before: datetime) -> int:
    removed = 0
    known = MessageExport.objects.filter(removed_at=None)
    for path in _folder().glob("*.csv"):
        is_old = path.stat().st_mtime < before.timestamp()
        if is_old and not known.filter(file_name=path.name).exists():
            path.unlink(missing_ok=True)
            removed += 1
    return removed
