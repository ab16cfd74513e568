"""Sends rows that are due as mails, one after the other; see `models.mailed`."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from sms_accounts import mailing
from sms_accounts.models.mailed import Mailed

log = structlog.get_logger(__name__)

Row = TypeVar("Row", bound=Mailed)

# A mail that the server did not take is tried again so often, so long apart.
MOST_TRIES = 8
AGAIN = timedelta(minutes=10)


def tell_due(rows: type[Row], mail_of: Callable[[Row], EmailMessage | None]) -> int:
    """Send each row that is due as the mail that it becomes; return how many were taken.

    What becomes None is done: there is nothing left to be told.
    """
    told = 0
    while row := _claim(rows):
        mail = mail_of(row)
        if mail is None:
            _end(row, Mailed.State.DONE, note="")
            continue
        try:
            answer = mailing.send(mail)
        except mailing.Refused as refused:
            _end(row, Mailed.State.GIVEN_UP, note=str(refused))
        except mailing.TryLater as later:
            log.warning(
                "notice_put_back", kind=rows.__name__, notice=row.pk, problem=str(later)[:200]
            )
            if row.tries + 1 >= MOST_TRIES:
                _end(row, Mailed.State.GIVEN_UP, note=str(later))
        else:
            _end(row, Mailed.State.DONE, note=answer)
            told += 1
    return told


def _claim(rows: type[Row]) -> Row | None:
    """Take one that is due: it is due again later, should this worker vanish."""
    now = timezone.now()
    due = rows._default_manager.all().due(now)
    # Mostly there is none: then nobody needs to wait for whoever writes to SQLite.
    if not due.exists():
        return None
    with transaction.atomic():
        row: Row | None = (
            due.select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("account")
            .first()
        )
        if row is not None:
            rows._default_manager.filter(pk=row.pk).update(tries=F("tries") + 1, due_at=now + AGAIN)
    return row


def _end(row: Mailed, state: Mailed.State, *, note: str) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(
        state=state, done_at=timezone.now(), note=note[:200]
    )
