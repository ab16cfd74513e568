"""Alerts that somebody asks for: a test of what would come, and one that is sent again."""

from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from sms_accounts import activity
from sms_accounts.models import Account, Alert, ApiUser, Notification, User

# Each may cost an SMS and goes to whatever address was typed.
MOST = 6
SPAN = timedelta(minutes=10)


class TooOften(Exception):
    """Too many were asked for lately in this account; nothing was stored."""


class StillWaiting(Exception):
    """The same alert is on its way over this channel already."""


def send_test(
    subject: ApiUser | Account,
    *,
    threshold: Decimal,
    addresses: dict[Notification.Channel, str],
    by: User,
) -> Alert:
    """Let an alert go out as it would be now, marked as a test; raises TooOften.

    An SMS is charged like any other.
    """
    with transaction.atomic():
        account = _with_room(subject)
        alert = Alert.about(
            subject,
            threshold=threshold,
            balance=subject.wallet.spendable,
            at=timezone.now(),
            kind=Alert.Kind.TEST,
        )
        alert.save(force_insert=True)
        Notification.objects.bulk_create(
            Notification(alert=alert, channel=channel, address=address, due_at=alert.crossed_at)
            for channel, address in addresses.items()
        )
        told = {str(channel): address for channel, address in addresses.items()}
        activity.record(by, "alert tested", subject, after={"account": account.name, **told})
    return alert


def send_again(notification: Notification, *, by: User) -> Notification:
    """Let an alert go out once more over one channel, to the address of today.

    Raises TooOften, or StillWaiting where it is on its way.
    """
    with transaction.atomic():
        now, alert = timezone.now(), notification.alert
        _with_room(alert.subject)
        earlier = Notification.objects.filter(alert=alert, channel=notification.channel)
        if earlier.filter(state=Notification.State.WAITING).exists():
            raise StillWaiting
        last = earlier.latest("round")
        again = Notification.objects.create(
            alert=alert,
            channel=notification.channel,
            round=last.round + 1,
            address=_address_of_today(alert, notification),
            due_at=now,
            asked_at=now,
        )
        activity.record(
            by,
            "alert sent again",
            alert.subject,
            after={"channel": again.channel, "address": again.address},
        )
    return again


def _with_room(subject: ApiUser | Account) -> Account:
    """Lock the account of a subject, and count what was asked for there lately."""
    pk = subject.account_id if isinstance(subject, ApiUser) else subject.pk
    account = Account.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
    since = timezone.now() - SPAN
    tests = Alert.objects.filter(account=account, kind=Alert.Kind.TEST, crossed_at__gt=since)
    again = Notification.objects.filter(alert__account=account, round__gt=0, asked_at__gt=since)
    if tests.count() + again.count() >= MOST:
        raise TooOften
    return account


def _address_of_today(alert: Alert, notification: Notification) -> str:
    if alert.kind == Alert.Kind.TEST:
        return notification.address
    subject = alert.subject
    is_sms = notification.channel == Notification.Channel.SMS
    return (subject.alert_msisdn if is_sms else subject.alert_email) or notification.address
