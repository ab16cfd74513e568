"""Alerts: crossings of a threshold, and the notifications that go out for each."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.fields import CreditsField
from sms_accounts.models.message import Submission


class AlertQuerySet(models.QuerySet["Alert"]):
    def crossed(self, users: Iterable[ApiUser], *, balance: Decimal, at: datetime) -> list["Alert"]:
        """Store an alert, with its notifications, for each of these users; to be called in
        the transaction that lowered what they can spend."""
        alerts = self.bulk_create(
            Alert(
                account_id=user.account_id,
                api_user=user,
                threshold=user.alert_threshold or Decimal(0),
                balance=balance,
                crossed_at=at,
            )
            for user in users
        )
        Notification.objects.bulk_create(
            Notification(alert=alert, channel=channel, address=address, due_at=at)
            for alert in alerts
            for channel, address in _addresses(alert.api_user)
        )
        return alerts


def _addresses(user: ApiUser) -> list[tuple[str, str]]:
    addresses = []
    if user.alert_support in (ApiUser.Support.EMAIL, ApiUser.Support.BOTH):
        addresses.append((Notification.Channel.EMAIL, user.alert_email))
    if user.alert_support in (ApiUser.Support.SMS, ApiUser.Support.BOTH):
        addresses.append((Notification.Channel.SMS, user.alert_msisdn))
    return [(str(channel), address) for channel, address in addresses]


class Alert(models.Model):
    """One crossing of an API user's threshold, stored with the movement that crossed it."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="alerts")
    api_user = models.ForeignKey(ApiUser, models.CASCADE, related_name="alerts")
    threshold = CreditsField(_("threshold"))
    balance = CreditsField(_("credits left"))
    crossed_at = models.DateTimeField(_("crossed"))

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [models.Index(fields=["api_user", "-id"], name="alerts_of_api_user")]

    def __str__(self) -> str:
        return f"{self.api_user_id} {self.threshold}"


class NotificationQuerySet(models.QuerySet["Notification"]):
    def due(self, now: datetime) -> Self:
        return (
            self.filter(state=Notification.State.WAITING, due_at__lte=now)
            .exclude(claimed_until__gt=now)
            .order_by("due_at", "id")
        )


class Notification(models.Model):
    """An alert on its way to one address over one channel."""

    class Channel(models.TextChoices):
        EMAIL = "email", _("Email")
        SMS = "sms", _("SMS")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Sent")
        GIVEN_UP = "given_up", _("Given up")

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notifications")
    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices)
    address = models.CharField(_("address"), max_length=254)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField(_("next attempt"))
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    submission = models.ForeignKey(
        Submission, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel"], name="one_notification_per_alert_and_channel"
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="waiting"),
                name="notifications_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.state}"
