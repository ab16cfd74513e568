"""Tells customers' URLs what became of their messages, and logs each attempt."""

from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from sms_accounts import codes, outbound
from sms_accounts.models import Callback, CallbackAttempt, User

log = structlog.get_logger(__name__)

# How many calls one worker has under way, how many of one URL before others come first, how
# long one may take, and when a worker that has not come back from its calls is given up.
WINDOW = 16
OF_ONE_URL = 4
TIMEOUT = timedelta(seconds=10)
CLAIM = timedelta(minutes=1)

# After a call that failed, the next one follows in so long; after the last, it is given up.
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 21600, 43200, 86400, 86400)
)


# A call over which the program itself stumbles is parked after so many tries in all.
MOST_FAULTS = 3


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What came of one call."""

    at: datetime
    duration: timedelta | None = None
    status: int | None = None
    answer: str = ""
    problem: str = ""
    is_final: bool = False
    is_fault: bool = False

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def call_due() -> int:
    """Call the URLs that are due, and go on while there are any; return how many were called.

    A slow receiver with many callbacks holds a few of this worker's places, not all: whenever
    a call ends, callbacks of other receivers take its place.
    """
    called = 0
    under_way: dict[Future[_Outcome], Callback] = {}
    with ThreadPoolExecutor(WINDOW) as pool:
        while True:
            while claimed := _claim(WINDOW - len(under_way), but_not=_busy(under_way.values())):
                for callback in claimed:
                    under_way[pool.submit(_call, callback)] = callback
            if not under_way:
                return called
            ended, _others = wait(under_way, timeout=1, return_when=FIRST_COMPLETED)
            for future in ended:
                _record_call(under_way.pop(future), future)
                called += 1


def _busy(under_way: Collection[Callback]) -> list[str]:
    calls = Counter(callback.url for callback in under_way)
    return [url for url, count in calls.items() if count >= OF_ONE_URL]


def _claim(places: int, *, but_not: Collection[str]) -> list[Callback]:
    """Take a few callbacks that are due, but not of some URLs."""
    if places <= 0:
        return []
    now = timezone.now()
    with transaction.atomic():
        callbacks = list(
            _due(now, but_not=but_not)
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("account", "message__submission")[: min(places, OF_ONE_URL)]
        )
        Callback.objects.filter(pk__in=[callback.pk for callback in callbacks]).update(
            claimed_until=now + CLAIM
        )
    return callbacks


def _due(now: datetime, *, but_not: Collection[str]) -> QuerySet[Callback]:
    """Return the callbacks that are due; one whose worker vanished is when its claim ends.

    The first call for a change waits until the change before it was called once, so that a
    receiver hears of them in their order.
    """
    open_rows = Callback.objects.filter(done_at=None, given_up_at=None)
    earlier = open_rows.filter(
        message=OuterRef("message"), url=OuterRef("url"), sequence__lt=OuterRef("sequence"), tries=0
    )
    return (
        open_rows.filter(
            Q(claimed_until=None) | Q(claimed_until__lt=now), ~Exists(earlier), due_at__lte=now
        )
        .exclude(url__in=but_not)
        .order_by("due_at", "id")
    )


def _values(callback: Callback) -> list[tuple[str, str]]:
    """Return what is added to the URL's query; names and forms as the guide gives them."""
    dlr_id = codes.dlr_id(callback.state, callback.ptt)
    changed_at = callback.changed_at.astimezone(ZoneInfo(callback.account.time_zone))
    values = [
        ("id", str(callback.message_id)),
        ("ptt", "" if callback.ptt is None else str(callback.ptt)),
        ("date", f"{changed_at:%Y-%m-%d %H:%M:%S}"),
        ("description", str(dlr_id)),
        ("descriptionDlr", codes.DLR_TEXTS[dlr_id]),
        ("dlr", str(dlr_id)),
    ]
    tag = callback.message.submission.tag
    return [*values, ("tag", tag)] if tag else values


def url_with(url: str, values: list[tuple[str, str]]) -> str:
    """Return a URL with values added; its own query is kept as it is, its fragment dropped."""
    bare = url.partition("#")[0]
    separator = "" if bare.endswith(("?", "&")) else "&" if "?" in bare else "?"
    return bare + separator + urlencode(values)


def _call(callback: Callback) -> _Outcome:
    """Call a URL once. Runs in a thread of its own and never touches the database."""
    at = timezone.now()
    try:
        answer = outbound.get(
            url_with(callback.url, _values(callback)),
            trusted=settings.CALLBACK_TRUSTED_NETWORKS,
            timeout=TIMEOUT,
        )
    except outbound.NotAllowed as refused:
        return _Outcome(at=at, problem=refused.refusal.value, is_final=True)
    except outbound.CallFailed as failed:
        return _Outcome(at=at, duration=timezone.now() - at, problem=failed.reason.value)
    return _Outcome(
        at=at,
        duration=answer.duration,
        status=answer.status,
        answer=answer.body_start.decode("utf-8", "replace").replace("\0", "�")[:500],
    )


def _outcome(call: Future[_Outcome]) -> _Outcome:
    try:
        return call.result()
    except Exception as fault:
        # Logged and counted as a try; the other calls go on.
        log.exception("callback_failed")
        return _fault(f"The panel could not make this call ({type(fault).__name__}).")


def _fault(problem: str) -> _Outcome:
    return _Outcome(at=timezone.now(), problem=problem, is_fault=True)


def _record_call(callback: Callback, call: Future[_Outcome]) -> None:
    """Store what came of a call; one that cannot be stored counts as a fault of the program."""
    try:
        _record(callback, _outcome(call))
    except OperationalError:
        # The database is at fault: the call is made again when its claim ends.
        log.exception("callback_not_recorded", callback=callback.pk)
    except Exception as fault:
        # Logged and counted as a try; the other calls go on.
        log.exception("callback_not_recorded", callback=callback.pk)
        _record(callback, _fault(f"The panel could not store it ({type(fault).__name__})."))


def release(callback_ids: Iterable[int], *, by: User) -> int:
    """Let callbacks that were given up be called again, from the first try; return how many."""
    given_up = Callback.objects.filter(
        pk__in=list(callback_ids), done_at=None, given_up_at__isnull=False
    )
    released = given_up.update(given_up_at=None, tries=0, due_at=timezone.now())
    log.info("callbacks_released", callbacks=released, by=by.pk)
    return released


@transaction.atomic
def _record(callback: Callback, outcome: _Outcome) -> None:
    CallbackAttempt.objects.create(
        callback=callback,
        at=outcome.at,
        duration=outcome.duration,
        status=outcome.status,
        problem=outcome.problem[:200],
        answer=outcome.answer,
    )
    now = timezone.now()
    most_tries = MOST_FAULTS if outcome.is_fault else len(WAITS) + 1
    changes: dict[str, object] = {"claimed_until": None, "tries": callback.tries + 1}
    if outcome.is_success:
        changes["done_at"] = now
    elif outcome.is_final or callback.tries + 1 >= most_tries:
        changes["given_up_at"] = now
    else:
        changes["due_at"] = now + WAITS[callback.tries]
    Callback.objects.filter(pk=callback.pk, done_at=None).update(**changes)
