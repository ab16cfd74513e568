"""Looks at the installation as it is now, for staff and monitors; changes nothing.

Whatever is asked here is answered by an index or looks at a bounded number of rows, however
many there are.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_stubs_ext import StrOrPromise

from sms_accounts import books, carrier_checks, checking, heartbeats
from sms_accounts.checking import Level, Seen, database_clock, heard, level_of, told, waiting
from sms_accounts.models import Heartbeat, LedgerEntry
from sms_accounts.outboxes import OUTBOXES, Outbox

# No question to the database or to a server may take longer.
LONGEST = timedelta(seconds=2)

# What of the books is looked at: the latest movements, and the whole of a few purses among
# theirs, as many as have so many entries together.
LATEST_MOVEMENTS = 1_000
ENTRIES_OF_WHOLE_PURSES = 20_000
WHOLE_PURSES = 20

_CLOCK_WARNS, _CLOCK_FAILS = timedelta(seconds=2), timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one look came to. `name` is for monitors; `advice` says what to do, if anything."""

    name: str
    label: StrOrPromise
    level: Level
    figure: str
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class _Look:
    """Something to look at, which the database is needed for."""

    name: str
    label: StrOrPromise
    see: Callable[[], Seen]


def run() -> list[Check]:
    """Look at everything; never fails, whatever is away."""
    database = _checked(
        _Look(name="database", label=_("Database"), see=_database), advice=_DATABASE_AWAY
    )
    checks = [database]
    for look in _looks():
        if database.level == Level.FAIL:
            seen = Seen(Level.WARN, _("not looked at"), _("First see to the database."))
            checks.append(_check(look, seen))
        else:
            checks.append(_checked(look, advice=_NOT_ANSWERED))
    broker = _Look(name="broker", label=_("Broker"), see=_broker)
    mail = _Look(name="mail", label=_("Mail"), see=_mail)
    return [*checks, _check(broker, _broker()), _check(mail, _mail())]


def worst(checks: list[Check]) -> Level:
    return max(check.level for check in checks)


_DATABASE_AWAY = gettext_lazy(
    "Start the database, or correct DATABASE_URL. Scripts are told to come back meanwhile."
)
_NOT_ANSWERED = gettext_lazy(
    "The database did not answer this in time. See how busy it is, and whether all migrations "
    "are applied."
)


def _looks() -> Iterator[_Look]:
    yield _Look(name="books", label=_("Books"), see=_books)
    yield _Look(name="queued", label=_("Messages to submit"), see=carrier_checks.queued)
    for outbox in OUTBOXES:
        yield _Look(name=outbox.name, label=outbox.label, see=lambda o=outbox: _lag(o))  # type: ignore[misc]
    for queue in _queues():
        label = _("Workers for the queue %(queue)s") % {"queue": queue}
        yield _Look(name=f"workers_{queue}", label=label, see=lambda q=queue: _workers(q))  # type: ignore[misc]
    yield _Look(name="beat", label=_("Beat"), see=_beat)
    yield _Look(name="binds", label=_("SMPP binds"), see=carrier_checks.binds)
    yield _Look(name="carriers", label=_("Carriers"), see=carrier_checks.carriers)
    yield _Look(name="clock", label=_("Clocks"), see=_clock)


def _check(look: _Look, seen: Seen) -> Check:
    return Check(
        name=look.name,
        label=look.label,
        level=seen.level,
        figure=seen.figure,
        advice=str(seen.advice) if seen.level > Level.OK else "",
    )


def _checked(look: _Look, *, advice: StrOrPromise) -> Check:
    try:
        with _limited():
            return _check(look, look.see())
    except (DatabaseError, InterfaceError) as failed:
        # Its first line alone: the others quote the statement.
        reason = str(failed).partition("\n")[0] or type(failed).__name__
        return _check(look, Seen(Level.FAIL, reason, advice))


@contextmanager
def _limited() -> Iterator[None]:
    """Let no question take longer than somebody waits for a page."""
    if connection.vendor != "postgresql":
        # A transaction of SQLite would wait for those who write, and let them wait.
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {LONGEST // timedelta(milliseconds=1)}")
        yield


def _database() -> Seen:
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Seen(Level.OK, _answered_in(began))


def _answered_in(began: float) -> str:
    return _("answers in %(milliseconds)d ms") % {
        "milliseconds": round((time.monotonic() - began) * 1000)
    }


def _books() -> Seen:
    """Compare each purse that moved lately with its entries.

    An entry says what the purse held after it. So the latest of a purse says what it holds
    now, and each follows from the one before: a question of a thousand rows, where the sum of
    all entries may be one of millions.
    """
    entries = LedgerEntry.objects.order_by("-pk").values_list(
        "wallet_id", "credits", "balance", "wallet__credits"
    )[:LATEST_MOVEMENTS]
    expected: dict[int, Decimal] = {}
    wrong = set()
    movements = 0
    for wallet_id, credits, balance, held in entries:
        movements += 1
        if expected.get(wallet_id, held) != balance:
            wrong.add(wallet_id)
        expected[wallet_id] = balance - credits
    whole = _small_enough(expected)
    wrong |= {wallet_id for wallet_id, _held, _added in books.wrong_books(whole)}
    if wrong:
        told = ngettext("%d purse is wrong", "%d purses are wrong", len(wrong)) % len(wrong)
        return Seen(
            Level.FAIL, told, _("Run 'python3 manage.py check_books', which names all that is off.")
        )
    figure = _("right: the last %(movements)d movements, and %(purses)d whole purses") % {
        "movements": movements,
        "purses": len(whole),
    }
    return Seen(Level.OK, figure)


def _small_enough(wallet_ids: dict[int, Decimal]) -> list[int]:
    """Return those, the last moved first, whose entries are few enough to add up."""
    left = ENTRIES_OF_WHOLE_PURSES
    chosen = []
    for wallet_id in list(wallet_ids)[:WHOLE_PURSES]:
        entries = LedgerEntry.objects.filter(wallet_id=wallet_id)[: left + 1].count()
        if entries <= left:
            chosen.append(wallet_id)
            left -= entries
    return chosen


def _lag(outbox: Outbox) -> Seen:
    now = timezone.now()
    rows = outbox.rows(now)
    count = rows[: checking.MOST_COUNTED].count()
    oldest = rows.values_list(outbox.since, flat=True).first()
    if oldest is None:
        return Seen(Level.OK, _("none"))
    level = level_of(now - oldest, outbox.warn_after, outbox.fail_after)
    return Seen(level, waiting(count, now - oldest), outbox.advice)


def _queues() -> list[str]:
    routed = {str(route["queue"]) for route in settings.CELERY_TASK_ROUTES.values()}
    return sorted({settings.CELERY_TASK_DEFAULT_QUEUE, *routed})


def _workers(queue: str) -> Seen:
    listening = [
        (each.name, silence)
        for each, silence in heard(Heartbeat.Kind.WORKER)
        if queue in each.queues.split(",")
    ]
    alive = [name for name, silence in listening if silence <= heartbeats.SILENT_AFTER]
    silent = [(name, silence) for name, silence in listening if name not in alive]
    figures = [_("%(count)d running") % {"count": len(alive)}]
    figures += [
        _("%(name)s has been silent for %(age)s") % {"name": name, "age": told(silence)}
        for name, silence in silent
    ]
    level = Level.FAIL if not alive else Level.WARN if silent else Level.OK
    advice = _(
        "Start a worker for this queue again. One that is gone for good is forgotten after %(age)s."
    ) % {"age": told(heartbeats.MISSED_FOR)}
    return Seen(level, "; ".join(figures), advice)


def _beat() -> Seen:
    found = heard(Heartbeat.Kind.BEAT)
    advice = _("Start beat, on one machine: nothing is sent later or tried again without it.")
    if not found:
        return Seen(Level.FAIL, _("never heard"), advice)
    latest, silence = found[0]
    words = {"name": latest.name, "age": told(silence)}
    if silence > heartbeats.SILENT_AFTER:
        figure = _("%(name)s has been silent for %(age)s") % words
        return Seen(Level.FAIL, figure, advice)
    return Seen(Level.OK, _("%(name)s, heard %(age)s ago") % words)


def _clock() -> Seen:
    """Compare the clocks of this process and of all others with that of the database."""
    before = timezone.now()
    ours = before - database_clock()
    apart = [(abs(ours), _("this process"))]
    for kind in Heartbeat.Kind:
        apart += [
            (abs(each.own_clock - each.at), each.name)
            for each, silence in heard(kind)
            if silence <= heartbeats.SILENT_AFTER
        ]
    most, name = max(apart)
    figure = _("%(seconds).1f s apart at most (%(name)s)") % {
        "seconds": most.total_seconds(),
        "name": name,
    }
    advice = _("Let all machines take their time from NTP: what is due is due by their clocks.")
    return Seen(level_of(most, _CLOCK_WARNS, _CLOCK_FAILS), figure, advice)


def _broker() -> Seen:
    began = time.monotonic()
    limit = LONGEST.total_seconds()
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=limit, socket_connect_timeout=limit
        ) as client:
            client.ping()
    except (redis.RedisError, OSError) as away:
        advice = _(
            "Start Redis or Valkey, or correct REDIS_URL. What is due waits in the database."
        )
        # Its kind alone: a text may hold the URL, and that a password.
        return Seen(Level.FAIL, _("away (%(why)s)") % {"why": type(away).__name__}, advice)
    return Seen(Level.OK, _answered_in(began))


def _mail() -> Seen:
    if settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"):
        return _mail_folder(Path(settings.EMAIL_FILE_PATH))
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        return Seen(Level.OK, _("not sent over a network"))
    began = time.monotonic()
    place = (settings.EMAIL_HOST, settings.EMAIL_PORT)
    try:
        # Only whether it listens: a whole greeting takes some servers seconds.
        socket.create_connection(place, timeout=LONGEST.total_seconds()).close()
    except OSError as away:
        figure = _("away (%(why)s)") % {"why": type(away).__name__}
        advice = _("Start the mail server, or correct PANEL_SMTP_URL. Alerts are tried again.")
        return Seen(Level.WARN, figure, advice)
    return Seen(Level.OK, _answered_in(began))


def _mail_folder(folder: Path) -> Seen:
    # It is made with the first mail.
    place = folder if folder.exists() else folder.parent
    if os.access(place, os.W_OK | os.X_OK):
        return Seen(Level.OK, _("written to a folder"))
    advice = _("Let the panel's user write into the folder mail of the data folder.")
    return Seen(Level.WARN, _("the folder cannot be written"), advice)
