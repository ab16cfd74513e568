"""What follows an alert: reminders while credits stay low, and the all-clear when they do not."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from sms_accounts.models import Alert, ApiUser

Kind = Alert.Kind
_LOW = (Kind.CROSSING, Kind.REMINDER)
# Of an API user's alert and of an account's: more can be spent than the level that was told.
_REFILLED = Q(
    api_user__isnull=False,
    api_user__wallet__credits__gt=F("threshold") + F("api_user__wallet__reserve"),
) | Q(
    api_user__isnull=True,
    account__wallet__credits__gt=F("threshold") + F("account__wallet__reserve"),
)


def follow_up() -> int:
    """Store the reminders and all-clears that are due; return how many."""
    now = timezone.now()
    stored = 0
    while (reminded := _remind(now)) is not None:
        stored += reminded
    return stored + _tell_refilled(now)


@transaction.atomic
def _remind(now: datetime) -> int | None:
    """Look after the alert whose reminder is due first; return how many reminders it takes.

    None where none is due. Only a subject's last alert is reminded of, while its credits are as
    low as that told.
    """
    alert = (
        Alert.objects.filter(remind_at__lte=now)
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("account__wallet", "api_user__wallet", "api_user__account")
        .order_by("remind_at", "pk")
        .first()
    )
    if alert is None:
        return None
    Alert.objects.filter(pk=alert.pk).update(remind_at=None)
    subject = alert.subject
    left = subject.wallet.spendable
    later = Alert.objects.of_subject(subject).filter(kind__in=_LOW, pk__gt=alert.pk)
    if not _is_watched(subject) or left > alert.threshold or later.exists():
        return 0
    reminder = Alert.about(
        subject, threshold=alert.threshold, balance=left, at=now, kind=Kind.REMINDER
    )
    return len(Alert.objects.store([reminder]))


def _is_watched(subject: object) -> bool:
    return not isinstance(subject, ApiUser) or subject.deleted_at is None


def _tell_refilled(now: datetime) -> int:
    """Tell each subject once that its credits are above the levels that it was told of."""
    refilled = (
        Alert.objects.filter(_REFILLED, awaits_refill=True)
        .select_related("account__wallet", "api_user__wallet", "api_user__account")
        .order_by("-threshold", "pk")
    )
    told = 0
    for alert in refilled:
        with transaction.atomic():
            # Whoever changes the row tells; all others of this subject are told with it.
            waiting = Alert.objects.of_subject(alert.subject).filter(
                awaits_refill=True, threshold__lte=alert.threshold
            )
            if alert.pk not in [each.pk for each in waiting.select_for_update().order_by("pk")]:
                continue
            waiting.update(awaits_refill=False, remind_at=None)
            if not _is_watched(alert.subject):
                continue
            clear = Alert.about(
                alert.subject,
                threshold=alert.threshold,
                balance=alert.subject.wallet.spendable,
                at=now,
                kind=Kind.ALL_CLEAR,
            )
            told += len(Alert.objects.store([clear]))
    return told
