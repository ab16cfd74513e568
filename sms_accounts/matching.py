"""Finds the attempts that reports speak of, by our reference or by the carrier's id."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone

from sms_accounts import carriers
from sms_accounts.models import Attempt, DlrReport

# How old a report may be that is still looked at for an attempt stored since.
LEFT_OVER = timedelta(days=3)

# As the index of these ids has it; a database takes that index only where it is asked for.
_HAS_ID = ~Q(carrier_message_id="")

# Attempts of which neither an id nor a report is known.
_WAITING = Q(carrier_message_id="", state="")
# Comes after every hex digit, and so ends the range of references that begin alike: an index
# finds a range, and not every database a beginning.
_PAST_HEX = "g"
_END = Value(_PAST_HEX)


def attempts_of(reports: Sequence[DlrReport]) -> dict[int, Attempt]:
    """Return the attempts that reports speak of, by our reference or by the carrier's id."""
    by_reference = {
        (attempt.carrier, attempt.reference): attempt
        for attempt in Attempt.objects.filter(
            reference__in=[report.reference for report in reports if report.reference]
        )
    }
    found = {
        report.pk: attempt
        for report in reports
        if (attempt := by_reference.get((report.carrier, report.reference)))
    }
    others = [report for report in reports if report.pk not in found]
    for carrier in {report.carrier for report in others}:
        ids = [report.carrier_message_id for report in others if report.carrier == carrier]
        # The latest last: carriers give their ids out again, in time.
        by_id = {
            attempt.carrier_message_id: attempt
            for attempt in attempts_by_id(carrier, ids).order_by("id")
        }
        found |= {
            report.pk: by_id[report.carrier_message_id]
            for report in others
            if report.carrier == carrier and report.carrier_message_id in by_id
        }
    for report in others:
        if report.pk not in found and (waiting := _attempt_by_short_reference(report)):
            found[report.pk] = waiting
    return found


def attempts_by_id(carrier: str, ids: Iterable[str]) -> QuerySet[Attempt]:
    return Attempt.objects.filter(_HAS_ID, carrier=carrier, carrier_message_id__in=set(ids))


def _attempt_by_short_reference(report: DlrReport) -> Attempt | None:
    """Return the attempt that waits for a word and has this short reference, if it is but one.

    Among all attempts many share 16 bits; among those of which nothing is known hardly two do.
    """
    if "/" not in report.reference:
        return None
    found = waiting_by_short_reference(report)[:2]
    return found[0] if len(found) == 1 else None


def waiting_by_short_reference(report: DlrReport) -> QuerySet[Attempt]:
    start, _slash, digits = report.reference.partition("/")
    return Attempt.objects.filter(
        _WAITING,
        carrier=report.carrier,
        reference__gte=start,
        reference__lt=start + _PAST_HEX,
        message__msisdn__endswith=digits,
        started_at__gte=report.received_at - LEFT_OVER,
    )


def left_over() -> QuerySet[DlrReport]:
    """Return the reports that are not applied although their attempt is there, the oldest first."""
    attempts = Attempt.objects.filter(carrier=OuterRef("carrier"))
    by_reference = attempts.filter(reference=OuterRef("reference"))
    by_id = attempts.filter(_HAS_ID, carrier_message_id=OuterRef("carrier_message_id"))
    start = Left(OuterRef("reference"), carriers.SHORT)
    by_short = attempts.filter(_WAITING, reference__gte=start, reference__lt=Concat(start, _END))
    return DlrReport.objects.filter(
        Exists(by_reference) | Exists(by_id) | Q(Exists(by_short), reference__contains="/"),
        attempt=None,
        received_at__gte=timezone.now() - LEFT_OVER,
    ).order_by("id")
