"""DLRs: what carriers send is kept as it came, then understood and applied to its message."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import structlog
from django.db import OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from sms_accounts import carriers, settling
from sms_accounts.models import FINAL, Attempt, DlrPost, DlrReport, User

log = structlog.get_logger(__name__)

# How old a report may be that is still looked at for an attempt stored since.
LEFT_OVER = timedelta(days=3)

# How often a report that cannot be applied is tried, until it is parked for staff to look at.
MOST_FAULTS = 3

# As the index of these ids has it; a database takes that index only where it is asked for.
_HAS_ID = ~Q(carrier_message_id="")


def store_post(carrier_name: str, body: bytes, content_type: str) -> DlrPost:
    """Keep what a carrier sent, before anybody tries to understand it."""
    return DlrPost.objects.create(
        carrier=carrier_name,
        body=body,
        content_type=content_type[:100],
        received_at=timezone.now(),
    )


def record_dlrs() -> int:
    """Read all stored DLR posts in their order and apply their reports; return how many."""
    done = 0
    while (report_ids := _read_next_post()) is not None:
        for report_id in report_ids:
            _apply(report_id)
        done += 1
    return done + _apply_left_over()


@transaction.atomic
def _read_next_post() -> list[int] | None:
    """Store what the next post reports; return the ids, or None if there is no post to read."""
    post = (
        DlrPost.objects.filter(read_at=None)
        .select_for_update(skip_locked=True)
        .order_by("id")
        .first()
    )
    if post is None:
        return None
    reports: list[DlrReport] = []
    try:
        dlrs = carriers.get(post.carrier).parse_dlrs(
            bytes(post.body), {"Content-Type": post.content_type}
        )
        reports = _store_reports(post, dlrs)
    except carriers.MalformedDlr as malformed:
        log.warning("dlr_not_understood", post=post.pk, carrier=post.carrier)
        post.problem = str(malformed)[:200]
    except OperationalError:
        # The database is at fault and not the post, which stays to be read again.
        raise
    except Exception as unforeseen:
        # Logged and kept; the next post goes on.
        log.exception("dlr_not_read", post=post.pk, carrier=post.carrier)
        post.problem = f"Could not be read: {type(unforeseen).__name__}"
    post.read_at = timezone.now()
    post.save(update_fields=["read_at", "problem"])
    return [report.pk for report in reports]


@transaction.atomic
def _store_reports(post: DlrPost, dlrs: Sequence[carriers.Dlr]) -> list[DlrReport]:
    return DlrReport.objects.bulk_create(
        DlrReport(
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
        for dlr in dlrs
    )


def _apply(report_id: int) -> bool:
    """Apply a report to its part, if that is known; return whether it was.

    Each in a transaction of its own: whoever holds two messages and a purse may wait for
    somebody who holds a third and waits for the purse.
    """
    report = DlrReport.objects.get(pk=report_id)
    attempt = _attempt_of(report)
    if attempt is None:
        log.warning("dlr_unmatched", carrier=report.carrier, report=report.pk)
        return False
    return _applied(report, attempt)


def _applied(report: DlrReport, attempt: Attempt) -> bool:
    """Apply a report to its attempt; return False where it stays for another time, or for good."""
    try:
        record_dlr(report, attempt)
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
    return sum(_apply(pk) for pk in _left_over().values_list("pk", flat=True)[:500])


def _left_over() -> QuerySet[DlrReport]:
    attempts = Attempt.objects.filter(carrier=OuterRef("carrier"))
    by_reference = attempts.filter(reference=OuterRef("reference"))
    by_id = attempts.filter(_HAS_ID, carrier_message_id=OuterRef("carrier_message_id"))
    return DlrReport.objects.filter(
        Exists(by_reference) | Exists(by_id),
        attempt=None,
        faults__lt=MOST_FAULTS,
        received_at__gte=timezone.now() - LEFT_OVER,
    ).order_by("id")


def _attempt_of(report: DlrReport) -> Attempt | None:
    """Return the attempt that a report speaks of, by our reference or by the carrier's id."""
    attempts = Attempt.objects.filter(carrier=report.carrier)
    if report.reference and (found := attempts.filter(reference=report.reference).first()):
        return found
    return _attempts_by_id(report).order_by("-id").first()


def _attempts_by_id(report: DlrReport) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        _HAS_ID, carrier=report.carrier, carrier_message_id=report.carrier_message_id
    )


@transaction.atomic
def record_dlr(report: DlrReport, attempt: Attempt) -> None:
    """Apply a report to its part and to the message; what came too late is kept as a note."""
    message = settling.locked(attempt.message_id)
    if not DlrReport.objects.filter(pk=report.pk, attempt=None).update(attempt=attempt):
        return
    part = Attempt.objects.get(pk=attempt.pk)
    if part.state in FINAL:
        if report.state != part.state or report.ptt != part.ptt:
            settling.note(message, f"Report came too late: {report.code}", report.received_at)
        return
    changes = {"state": report.state, "ptt": report.ptt, "code": report.code}
    if part.outcome != Attempt.Outcome.TAKEN:
        # Whoever reports on a part has taken it, also if it said to try later.
        changes |= {"outcome": Attempt.Outcome.TAKEN, "answered_at": report.received_at}
        if report.carrier_message_id:
            changes["carrier_message_id"] = report.carrier_message_id
    Attempt.objects.filter(pk=part.pk).update(**changes)
    if message.is_final:
        settling.note(message, f"Report came too late: {report.code}", report.received_at)
    else:
        settling.settle(message, at=report.received_at)


def match_early(carrier_name: str, taken: Mapping[str, Attempt]) -> None:
    """Apply reports that came by the carrier's id before that id was stored.

    `taken` has the attempts by the ids that the carrier gave them.
    """
    early = DlrReport.objects.filter(
        carrier=carrier_name, carrier_message_id__in=taken, attempt=None
    ).order_by("id")
    for report in early.filter(faults__lt=MOST_FAULTS):
        _applied(report, taken[report.carrier_message_id])
