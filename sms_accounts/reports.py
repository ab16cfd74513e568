"""DLRs: what carriers send is kept as it came, then understood and applied to its message."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

import structlog
from django.db import OperationalError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from sms_accounts import (
    bulk,
    carrier_accounts,
    carrier_tallies,
    carriers,
    matching,
    moves,
    settling,
)
from sms_accounts.models import FINAL, Attempt, DlrPost, DlrReport, State, User

log = structlog.get_logger(__name__)

# How often a report that cannot be applied is tried, until it is parked for staff to look at.
MOST_FAULTS = 3

# How many posts are read with one commit, and how many messages are moved on with one.
POSTS = 50
AT_ONCE = 500

# Where few posts come at a time, how many times as long as the last took the next may gather, and
# how long at most: many together cost hardly more than one.
REST = 2
LONGEST_REST = timedelta(milliseconds=250)

# A report, and the attempt that it speaks of; that of one just stored may not be known yet.
Pair = tuple[DlrReport, Attempt]
Stored = tuple[DlrReport, Attempt | None]

_COLUMNS = (
    "id",
    "post_id",
    "carrier",
    "reference",
    "carrier_message_id",
    "state",
    "ptt",
    "code",
    "reported_at",
    "received_at",
    "attempt_id",
)
_NEW = bulk.Table(DlrReport, *_COLUMNS)
_MATCHES = bulk.Changes(DlrReport, "attempt_id", still=("attempt_id",))
_PARTS = bulk.Changes(
    Attempt,
    "state",
    "ptt",
    "code",
    "outcome",
    "answered_at",
    "carrier_message_id",
    still=("state",),
)

_running = threading.Lock()
_rung = threading.Event()


def store_post(carrier_name: str, body: bytes, content_type: str, *, query: str = "") -> DlrPost:
    """Keep what a carrier sent, before anybody tries to understand it."""
    return DlrPost.objects.create(
        carrier=carrier_name,
        query=query,
        body=body,
        content_type=content_type[:100],
        received_at=timezone.now(),
    )


def store_posts(carrier_name: str, bodies: Iterable[bytes], content_type: str) -> None:
    """Keep several of what a carrier sent, in their order; all of them or none."""
    now = timezone.now()
    DlrPost.objects.bulk_create(
        DlrPost(carrier=carrier_name, body=body, content_type=content_type[:100], received_at=now)
        for body in bodies
    )


def record_dlrs(*, on_recorded: Callable[[], object] = lambda: None) -> int:
    """Read all stored DLR posts in their order and apply their reports; return how many.

    `on_recorded` is called whenever some were applied, and so there may be callbacks to make.
    One thread of a process does so at a time; whoever comes meanwhile leaves word that there is
    something new.
    """
    done = 0
    _rung.set()
    while _rung.is_set() and _running.acquire(blocking=False):
        try:
            done += record_all(on_recorded=on_recorded)
        finally:
            _running.release()
    return done


def record_all(*, on_recorded: Callable[[], object] = lambda: None) -> int:
    done = 0
    _rung.clear()
    began = time.monotonic()
    while (read := _read_next_posts()) is not None:
        posts, news = read
        if _apply_all(news):
            on_recorded()
        done += posts
        if posts < POSTS:
            time.sleep(min(REST * (time.monotonic() - began), LONGEST_REST.total_seconds()))
        began = time.monotonic()
    carrier_tallies.store()
    return done + _apply_left_over()


@transaction.atomic
def _read_next_posts() -> tuple[int, list[Stored]] | None:
    """Store what the next posts report; return None if there is no post.

    Otherwise return how many these are, and the reports that are still to be applied.
    """
    posts = list(
        DlrPost.objects.filter(read_at=None)
        .select_for_update(skip_locked=True)
        .order_by("id")[:POSTS]
    )
    if not posts:
        return None
    news = _stored([(post, _understood(post)) for post in posts])
    now = timezone.now()
    DlrPost.objects.filter(pk__in=[post.pk for post in posts]).update(read_at=now)
    DlrPost.objects.bulk_update([post for post in posts if post.problem], ["problem"])
    return len(posts), news


def _understood(post: DlrPost) -> Sequence[carriers.Dlr]:
    """Return what a post reports; what keeps it from being understood stands in it then."""
    try:
        return carrier_accounts.get(post.carrier).parse_dlrs(
            bytes(post.body), {"Content-Type": post.content_type}, post.query
        )
    except carriers.MalformedDlr as malformed:
        log.warning("dlr_not_understood", post=post.pk, carrier=post.carrier)
        post.problem = str(malformed)[:200]
    except Exception as unforeseen:
        # Logged and kept; the others go on.
        log.exception("dlr_not_read", post=post.pk, carrier=post.carrier)
        post.problem = _stumbled(unforeseen)
    return ()


def _stumbled(unforeseen: Exception) -> str:
    return f"Could not be read: {type(unforeseen).__name__}"


def _stored(understood: Sequence[tuple[DlrPost, Sequence[carriers.Dlr]]]) -> list[Stored]:
    """Store the reports of posts together, or one post after the other where that fails."""
    try:
        return _store_reports(understood)
    except OperationalError:
        # The database is at fault and not the posts, which stay to be read again.
        raise
    except Exception as unforeseen:
        # Logged and kept; the others go on.
        log.exception("dlrs_not_stored", posts=[post.pk for post, _dlrs in understood])
        if len(understood) > 1:
            return [news for each in understood for news in _stored([each])]
        understood[0][0].problem = _stumbled(unforeseen)
        return []


@transaction.atomic
def _store_reports(
    understood: Sequence[tuple[DlrPost, Sequence[carriers.Dlr]]],
) -> list[Stored]:
    """Store reports; return those that say anything new, which are still to be applied."""
    dlrs = [(post, dlr) for post, each in understood for dlr in each]
    if not dlrs:
        return []
    reports = [
        DlrReport(
            pk=key,
            post=post,
            carrier=post.carrier,
            reference=dlr.reference or "",
            carrier_message_id=dlr.carrier_message_id or "",
            state=dlr.state,
            ptt=dlr.ptt,
            code=dlr.code[:40],
            reported_at=dlr.at,
            received_at=post.received_at,
        )
        for key, (post, dlr) in zip(_NEW.next_ids(len(dlrs))(), dlrs, strict=True)
    ]
    attempts = matching.attempts_of(reports)
    news: list[Stored] = []
    in_the_news: set[int] = set()
    for report in reports:
        attempt = attempts.get(report.pk)
        if attempt and attempt.pk not in in_the_news and _is_known_of(attempt, report):
            report.attempt = attempt
        else:
            news.append((report, attempt))
            # What follows in the same breath is news beside it.
            in_the_news |= {attempt.pk} if attempt else set()
    _NEW.insert([getattr(report, name) for name in _COLUMNS] for report in reports)
    return news


def _is_known_of(attempt: Attempt, report: DlrReport) -> bool:
    """Tell whether a report says only that a part is on its way, which the answer has said.

    Many carriers send one for each part. Nothing would be moved by it, so nothing is locked.
    """
    return (
        report.state == State.ENROUTE
        and report.ptt not in settling.RETRIED
        and attempt.ptt not in settling.RETRIED
        # What was not answered yet has none; without one, its reports find it by its state.
        and attempt.carrier_message_id != ""
        and attempt.state not in FINAL
    )


def _apply_all(stored: Sequence[Stored]) -> int:
    """Apply reports to their parts, in their order, where these are known; return how many were."""
    applied = 0
    attempts = {report.pk: attempt for report, attempt in stored if attempt}
    attempts |= matching.attempts_of([report for report, attempt in stored if not attempt])
    for report, _attempt in stored:
        if report.pk not in attempts:
            log.warning("dlr_unmatched", carrier=report.carrier, report=report.pk)
    known = [(report, attempts[report.pk]) for report, _ in stored if report.pk in attempts]
    for together in _one_of_each_message(known):
        applied += _apply_together(together)
    return applied


def _one_of_each_message(known: Sequence[Pair]) -> Iterator[list[Pair]]:
    """Share reports out so that each share has one of a message at most, in their order."""
    shares: list[list[Pair]] = []
    seen: Counter[int] = Counter()
    for pair in known:
        number = seen[pair[1].message_id]
        seen[pair[1].message_id] += 1
        if number == len(shares):
            shares.append([])
        shares[number].append(pair)
    for share in shares:
        for first in range(0, len(share), AT_ONCE):
            yield share[first : first + AT_ONCE]


def _apply_together(pairs: Sequence[Pair]) -> int:
    """Apply reports on different messages, each by itself where that fails; return how many."""
    if len(pairs) > 1:
        try:
            apply(pairs)
        except OperationalError:
            log.warning("dlrs_put_off", reports=len(pairs))
            return 0
        except Exception:
            # Logged; each stands for itself now.
            log.exception("dlrs_not_applied", reports=len(pairs))
        else:
            return len(pairs)
    return sum(_applied(report, attempt) for report, attempt in pairs)


def _applied(report: DlrReport, attempt: Attempt) -> bool:
    """Apply a report to its attempt; return False where it stays for another time, or for good."""
    try:
        apply([(report, attempt)])
    except OperationalError:
        # The database is at fault, or somebody had the same rows: the next run tries again.
        log.warning("dlr_put_off", report=report.pk)
        return False
    except Exception as fault:
        # Logged and counted; others go on.
        log.exception("dlr_not_applied", report=report.pk)
        DlrReport.objects.filter(pk=report.pk).update(
            faults=F("faults") + 1, problem=f"Could not be applied: {type(fault).__name__}"
        )
        return False
    return True


def release(post_ids: Iterable[int], *, by: User) -> int:
    """Let posts that could not be read, and reports that were parked, be tried again.

    Return how many posts that concerns. What was sent is never changed.
    """
    posts = DlrPost.objects.filter(pk__in=list(post_ids))
    with transaction.atomic():
        unread = posts.exclude(problem="")
        parked = DlrReport.objects.filter(post__in=posts, attempt=None, faults__gte=MOST_FAULTS)
        released = set(unread.values_list("pk", flat=True))
        released |= set(parked.values_list("post_id", flat=True))
        parked.update(faults=0)
        unread.update(read_at=None, problem="")
    log.info("dlrs_released", posts=len(released), by=by.pk)
    return len(released)


def _apply_left_over() -> int:
    """Apply reports that are stored but not applied although their attempt is there.

    Their reader was killed, or the report and the carrier's id were stored at the same moment
    and neither side saw the other.
    """
    left = matching.left_over().filter(faults__lt=MOST_FAULTS)[:AT_ONCE]
    return _apply_all([(report, None) for report in left])


@transaction.atomic
def apply(pairs: Sequence[Pair]) -> None:
    """Apply reports to their parts, each of another message, and to these messages.

    What came too late is kept as a note.
    """
    messages = settling.locked_all(attempt.message_id for _report, attempt in pairs)
    news = _MATCHES.store((report.pk, None, attempt.pk) for report, attempt in pairs)
    attempts = settling.attempts_of(messages)
    by_key = {message.pk: message for message in messages}
    parts = {part.pk: part for each in attempts.values() for part in each}
    changes, notes, moved, ended = [], [], [], []
    for report, attempt in pairs:
        message, part = by_key[attempt.message_id], parts[attempt.pk]
        if report.pk not in news:
            continue
        is_late = part.state in FINAL or message.is_final
        if part.state not in FINAL:
            changes.append(_reported(part, report))
            if part.state in FINAL:
                ended.append((part, report))
        elif (report.state, report.ptt) == (part.state, part.ptt):
            continue
        if is_late:
            notes.append((message.pk, f"Report came too late: {report.code}", report.received_at))
        else:
            moved.append((message, report.received_at))
    _PARTS.store(changes)
    moves.note(notes)
    settling.settle_all(moved, attempts)
    for part, report in ended:
        _count(part, report)


def _reported(part: Attempt, report: DlrReport) -> tuple[object, ...]:
    """Set what a report says of a part, and return what is to be stored of it."""
    before = part.state
    part.state, part.ptt, part.code = report.state, report.ptt, report.code
    if part.outcome != Attempt.Outcome.TAKEN:
        # Whoever reports on a part has taken it, also if it said to try later.
        part.outcome, part.answered_at = Attempt.Outcome.TAKEN, report.received_at
        part.carrier_message_id = report.carrier_message_id or part.carrier_message_id
    values = (part.outcome, part.answered_at, part.carrier_message_id)
    return (part.pk, before, part.state, part.ptt, part.code, *values)


def _count(part: Attempt, report: DlrReport) -> None:
    carrier_tallies.reported(
        part.carrier,
        is_delivered=part.state == State.DELIVERED,
        after=report.received_at - part.answered_at if part.answered_at else None,
    )


def match_early(carrier_name: str, taken: Mapping[str, Attempt]) -> None:
    """Apply reports that came by the carrier's id before that id was stored.

    `taken` has the attempts by the ids that the carrier gave them.
    """
    for report in waiting_for(carrier_name, taken).order_by("id"):
        _applied(report, taken[report.carrier_message_id])


def waiting_for(carrier_name: str, ids: Iterable[str]) -> QuerySet[DlrReport]:
    """Return the reports that came by these ids of the carrier, and found no attempt then."""
    return DlrReport.objects.filter(
        carrier=carrier_name,
        carrier_message_id__in=list(ids),
        attempt=None,
        faults__lt=MOST_FAULTS,
    )
