"""What looks of the self-check come to, and how spans and numbers are told in them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from django.db import connection
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from sms_accounts.models import Heartbeat

# Nobody counts further.
MOST_COUNTED = 10_000


class Level(IntEnum):
    """How bad it is; the number is the exit code of the command."""

    OK = 0
    WARN = 1
    FAIL = 2

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Seen:
    """What one look came to, and what to do if it is not well."""

    level: Level
    figure: str
    advice: StrOrPromise = ""


def level_of(span: timedelta, warns: timedelta, fails: timedelta) -> Level:
    return Level.FAIL if span > fails else Level.WARN if span > warns else Level.OK


def told(span: timedelta) -> str:
    """Return a span as people say it, in its largest unit."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, _("d")), (3600, _("h")), (60, _("min"))):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} {_('s')}"


def waiting(count: int, age: timedelta) -> str:
    return _("%(count)s, the oldest for %(age)s") % {
        "count": count if count < MOST_COUNTED else _("%d or more") % count,
        "age": told(max(age, timedelta(0))),
    }


def heard(kind: Heartbeat.Kind) -> list[tuple[Heartbeat, timedelta]]:
    """Return processes and for how long each has been silent, the one heard last first."""
    now = database_clock()
    found = Heartbeat.objects.filter(kind=kind).order_by("-at")
    return [(each, max(now - each.at, timedelta(0))) for each in found]


def database_clock() -> datetime:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT clock_timestamp()")
            now: datetime = cursor.fetchone()[0]
            return now
        cursor.execute("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")
        return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
