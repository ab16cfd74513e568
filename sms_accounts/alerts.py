"""Alerts on their way to people: each notification by email or SMS, and sending one again."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sms_accounts import accounts, alert_texts, ledger, mailing, orders, submission
from sms_accounts.models import Account, Alert, Membership, Notification, Submission, User

log = structlog.get_logger(__name__)

Channel = Notification.Channel
Hindrance = Notification.Hindrance
CLAIM = timedelta(minutes=2)
# After a mail that the server did not take, the next try follows in so long.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
# One over which the program itself stumbles is given up after so many tries in all.
MOST_FAULTS = 3


def alert_due() -> int:
    """Send the notifications that are due; return how many were attempted.

    Each is a row of its own: an email that fails does not hold up the SMS, nor the reverse.
    """
    attempted = 0
    while True:
        # An SMS waits for one mail at most, also where the mail server lets each one wait.
        attempted += sms_due()
        notification = _claim(Channel.EMAIL)
        if notification is None:
            return attempted
        _attempt(notification)
        attempted += 1


def sms_due() -> int:
    """Send the SMS that are due, whatever the mail server does; return how many."""
    attempted = 0
    while (notification := _claim(Channel.SMS)) is not None:
        _attempt(notification)
        attempted += 1
    return attempted


def _attempt(notification: Notification) -> None:
    try:
        if notification.channel == Channel.SMS:
            _send_sms(notification)
        else:
            _send_email(notification)
    except OperationalError:
        # The database is at fault: it is sent again when its claim ends.
        raise
    except Exception as fault:
        # Logged and counted as a try; the next one goes on.
        log.exception("alert_failed", notification=notification.pk)
        _put_back_or_park(notification, type(fault).__name__)


def _claim(channel: Notification.Channel) -> Notification | None:
    now = timezone.now()
    due = Notification.objects.due(now).filter(channel=channel)
    # Mostly there is none: then nobody needs to wait for whoever writes to SQLite.
    if not due.exists():
        return None
    with transaction.atomic():
        notification = (
            due.select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("alert__account__wallet", "alert__api_user__wallet")
            .first()
        )
        if notification is not None:
            Notification.objects.filter(pk=notification.pk).update(claimed_until=now + CLAIM)
    return notification


def _send_email(notification: Notification) -> None:
    alert = notification.alert
    texts = accounts.alert_texts(alert.account)
    mail = alert_texts.email_of(texts, alert, instead_of_sms=_why_by_mail(notification))
    host = urlsplit(settings.PANEL_URL).hostname
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.body,
        from_email=mail.sender,
        to=[notification.address],
        headers={
            # The same at a second try: a mail that went out twice shows once.
            "Message-ID": f"<alert-{notification.alert_id}-{notification.pk}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(mail.html, "text/html")
    try:
        answer = mailing.send(message)
    except mailing.Refused as refused:
        log.warning("alert_refused", notification=notification.pk, answer=str(refused)[:200])
        problem = _("Refused by the mail server: %s") % refused
        _end(notification, Notification.State.GIVEN_UP, note=problem)
    except mailing.TryLater as later:
        _put_back(notification, str(later))
    else:
        told = _("Taken by the mail server: %s") % answer if answer else _("Taken as a mail")
        _end(notification, Notification.State.DONE, note=told)


def _why_by_mail(notification: Notification) -> Hindrance | None:
    """Return why an SMS that was asked for is this mail; None where the mail was."""
    instead = Notification.objects.filter(
        alert=notification.alert_id,
        channel=Channel.SMS,
        round=notification.round,
        state=Notification.State.GIVEN_UP,
    )
    hindrance = instead.values_list("hindrance", flat=True).first()
    return Hindrance(hindrance) if hindrance else None


def _put_back_or_park(notification: Notification, fault: str) -> None:
    """Try again what the program stumbled over, a few times; an email takes the SMS's place."""
    problem = _("The panel could not send this (%s).") % fault
    if notification.tries + 1 < MOST_FAULTS:
        _put_back(notification, problem)
    elif notification.channel == Channel.SMS:
        _email_instead(notification, Hindrance.FAULT, problem)
    else:
        _end(notification, Notification.State.GIVEN_UP, note=problem)


def release(notification_ids: Iterable[int], *, by: User) -> int:
    """Let notifications that were given up be sent, from the first try; return how many."""
    given_up = Notification.objects.filter(
        pk__in=list(notification_ids), state=Notification.State.GIVEN_UP
    )
    released = given_up.update(
        state=Notification.State.WAITING, tries=0, done_at=None, due_at=timezone.now()
    )
    log.info("notifications_released", notifications=released, by=by.pk)
    return released


def _put_back(notification: Notification, problem: str) -> None:
    log.warning("alert_put_back", notification=notification.pk, problem=problem[:200])
    if notification.tries >= len(WAITS):
        _end(notification, Notification.State.GIVEN_UP, note=problem)
        return
    Notification.objects.filter(pk=notification.pk).update(
        tries=notification.tries + 1,
        claimed_until=None,
        due_at=timezone.now() + WAITS[notification.tries],
        note=problem[:200],
    )


def _send_sms(notification: Notification) -> None:
    """Hand the SMS to the ordinary path, and end the notification, in one transaction."""
    alert = notification.alert
    if _is_held_or_needless(notification):
        return
    order = orders.Order(
        account=alert.account,
        api_user=None,
        channel=Submission.Channel.ALERT,
        sender=settings.ALERT_SENDER,
        receivers=[notification.address],
        text=alert_texts.sms_of(accounts.alert_texts(alert.account), alert),
        silent_for=alert,
    )
    try:
        with transaction.atomic():
            still_open = (
                Notification.objects.select_for_update(no_key=True)
                .filter(pk=notification.pk, state=Notification.State.WAITING)
                .exists()
            )
            if not still_open:
                return
            receipt = submission.submit(order)
            _end(
                notification,
                Notification.State.DONE,
                note=_("Message %(id)s") % {"id": receipt.message_ids[0]},
                submission=receipt.submission,
            )
    except ledger.InsufficientCredits:
        _email_instead(notification, Hindrance.CREDITS, str(Hindrance.CREDITS.label))
    except orders.Refused as refused:
        problem = _("This SMS could not be sent: %s") % refused
        _email_instead(notification, Hindrance.REFUSED, problem)


def _is_held_or_needless(notification: Notification) -> bool:
    """Let an SMS wait for the end of quiet hours, and end one that is not true any more then."""
    alert, now = notification.alert, timezone.now()
    if alert.kind == Alert.Kind.TEST or notification.round:
        # Somebody sits there and waits for it.
        return False
    if until := _quiet_until(alert, now):
        local = timezone.localtime(until, ZoneInfo(alert.account.time_zone))
        Notification.objects.filter(pk=notification.pk).update(
            was_held=True,
            due_at=until,
            claimed_until=None,
            note=_("Quiet hours: goes out at %s.") % f"{local:%H:%M}",
        )
        return True
    is_above = alert.subject.wallet.spendable > alert.threshold
    if notification.was_held and is_above != (alert.kind == Alert.Kind.ALL_CLEAR):
        note = _("The credits had changed before the quiet hours were over.")
        _end(notification, Notification.State.NEEDLESS, note=note)
        return True
    return False


def _quiet_until(alert: Alert, now: datetime) -> datetime | None:
    """Return when the quiet hours end in which a moment lies; None where it lies in none."""
    begins, ends = alert.subject.alert_quiet_from, alert.subject.alert_quiet_until
    if begins is None or ends is None or begins == ends:
        return None
    local = timezone.localtime(now, ZoneInfo(alert.account.time_zone))
    clock = local.time()
    if begins < ends:
        is_quiet, is_tomorrow = begins <= clock < ends, False
    else:
        is_quiet, is_tomorrow = clock >= begins or clock < ends, clock >= begins
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=is_tomorrow)
    return datetime.combine(day, ends, tzinfo=local.tzinfo)


@transaction.atomic
def _email_instead(notification: Notification, hindrance: Hindrance, problem: str) -> None:
    """End an SMS that cannot go out, and see to it that an email does."""
    alert = notification.alert
    address = alert.subject.alert_email or _address_of_owner(alert.account)
    if address:
        Notification.objects.get_or_create(
            alert=alert,
            channel=Channel.EMAIL,
            round=notification.round,
            defaults={"address": address, "due_at": timezone.now(), "note": problem[:200]},
        )
        problem = _("%(problem)s The email goes to %(address)s.") % {
            "problem": problem,
            "address": address,
        }
    Notification.objects.filter(pk=notification.pk).update(hindrance=hindrance)
    _end(notification, Notification.State.GIVEN_UP, note=problem)


def _address_of_owner(account: Account) -> str:
    owners = Membership.objects.filter(account=account, role=Membership.Role.OWNER)
    return owners.order_by("pk").values_list("user__email", flat=True).first() or ""


def _end(
    notification: Notification,
    state: Notification.State,
    *,
    note: str,
    submission: Submission | None = None,
) -> None:
    Notification.objects.filter(pk=notification.pk).update(
        state=state,
        done_at=timezone.now(),
        claimed_until=None,
        note=note[:200],
        submission=submission,
    )
