"""Alerts: levels that are watched, falls to them, and the notifications that go out for each."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.fields import HUNDREDTH, CreditsField
from sms_accounts.models.message import Submission
from sms_accounts.models.wallet import Wallet


@dataclass(frozen=True, kw_only=True)
class Fall:
    """A movement that lowered a purse: what could be spent from it before and after.

    `silent_for` is the alert that this movement pays for; `except_user` one who is told of the
    same change elsewhere.
    """

    wallet_id: int
    before: Decimal
    after: Decimal
    at: datetime
    silent_for: "Alert | None" = None
    except_user: ApiUser | None = None

    def tells(self, level: "Level") -> bool:
        """Say whether this fall is one to the level, which is then to be told.

        `after <= level < before` holds for exactly one movement per fall, since the database
        puts all movements of a purse one after the other.
        """
        if level.wallet_id != self.wallet_id or not self.after <= level.credits < self.before:
            return False
        if self.except_user is not None and level.api_user_id == self.except_user.pk:
            return False
        return self.silent_for is None or not self.silent_for.covers(level)


class LevelQuerySet(models.QuerySet["Level"]):
    def of(self, subject: ApiUser | Account) -> Self:
        if isinstance(subject, ApiUser):
            return self.filter(api_user=subject)
        return self.filter(account=subject, api_user=None)

    def store(self, subject: ApiUser | Account) -> list[Decimal]:
        """Write anew at which levels of which purse a subject is told; return them.

        To be called in the transaction that changed the settings, the quota or the purse.
        """
        self.of(subject).delete()
        levels = levels_of(subject)
        self.bulk_create(
            Level(
                account_id=_account_id(subject),
                api_user=subject if isinstance(subject, ApiUser) else None,
                wallet_id=subject.wallet_id,
                credits=credits,
            )
            for credits in levels
        )
        return levels

    def passed_by(self, falls: Collection[Fall]) -> Self:
        """Those that one of these falls may have passed."""
        passed = models.Q()
        for wallet_id in {fall.wallet_id for fall in falls}:
            of_wallet = [fall for fall in falls if fall.wallet_id == wallet_id]
            passed |= models.Q(
                wallet_id=wallet_id,
                credits__gte=min(fall.after for fall in of_wallet),
                credits__lt=max(fall.before for fall in of_wallet),
            )
        return self.filter(passed).select_related("account", "api_user").order_by("credits", "id")


class Level(models.Model):
    """A level at which a subject is told, in credits, and the purse that is watched for it.

    It follows from what the subject wants and from its quota; `Level.objects.store` writes it.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="levels")
    # None where it is the account's own.
    api_user = models.ForeignKey(ApiUser, models.CASCADE, null=True, related_name="levels")
    wallet = models.ForeignKey(Wallet, models.CASCADE, related_name="levels", db_index=False)
    credits = CreditsField(_("credits"))

    objects = LevelQuerySet.as_manager()

    class Meta:
        verbose_name = _("level")
        verbose_name_plural = _("levels")
        indexes = [models.Index(fields=["wallet", "credits"], name="levels_of_wallet")]

    def __str__(self) -> str:
        return f"{self.credits}"

    @property
    def subject(self) -> ApiUser | Account:
        return self.api_user or self.account


def levels_of(subject: ApiUser | Account) -> list[Decimal]:
    """Return the levels in credits at which a subject wants to be told, without repeats."""
    if not subject.alert_enabled or subject.alert_threshold is None:
        return []
    if isinstance(subject, ApiUser) and subject.deleted_at is not None:
        return []
    quota = subject.quota_given if isinstance(subject, ApiUser) and subject.has_quota else None
    found = {subject.alert_threshold}
    for level in subject.alert_levels:
        if not level.endswith("%"):
            found.add(Decimal(level))
        elif quota:
            part = quota * Decimal(level.removesuffix("%")) / 100
            found.add(part.quantize(HUNDREDTH, rounding=ROUND_DOWN))
    return sorted(found)


def _account_id(subject: ApiUser | Account) -> int:
    return subject.account_id if isinstance(subject, ApiUser) else subject.pk


class AlertQuerySet(models.QuerySet["Alert"]):
    def of_falls(self, falls: Sequence[Fall]) -> list["Alert"]:
        """Store the alerts of these falls; to be called in the transaction of the movements.

        Each fall tells a subject once: of several levels that it passed, the lowest.
        """
        levels = list(Level.objects.passed_by(falls))
        alerts = []
        for fall in falls:
            told: set[ApiUser | Account] = set()
            # The lowest comes first.
            for level in levels:
                if fall.tells(level) and level.subject not in told:
                    told.add(level.subject)
                    alerts.append(
                        Alert.about(
                            level.subject, threshold=level.credits, balance=fall.after, at=fall.at
                        )
                    )
        return self.store(alerts)

    def store(self, alerts: Iterable["Alert"]) -> list["Alert"]:
        """Store alerts, each with the notifications that its subject wants."""
        stored = self.bulk_create(alerts)
        Notification.objects.bulk_create(
            Notification(alert=alert, channel=channel, address=address, due_at=alert.crossed_at)
            for alert in stored
            for channel, address in _addresses(alert.subject)
        )
        return stored

    def of_subject(self, subject: ApiUser | Account) -> Self:
        if isinstance(subject, ApiUser):
            return self.filter(api_user=subject)
        return self.filter(account=subject, api_user=None)


def _addresses(subject: ApiUser | Account) -> list[tuple[str, str]]:
    addresses = []
    if subject.alert_support in (ApiUser.Support.EMAIL, ApiUser.Support.BOTH):
        addresses.append((Notification.Channel.EMAIL, subject.alert_email))
    if subject.alert_support in (ApiUser.Support.SMS, ApiUser.Support.BOTH):
        addresses.append((Notification.Channel.SMS, subject.alert_msisdn))
    return [(str(channel), address) for channel, address in addresses]


class Alert(models.Model):
    """Something to tell about a subject's credits: a fall to a level, stored with the movement
    that fell to it, or what follows from one.

    `api_user` is None where it is about the account itself.
    """

    class Kind(models.TextChoices):
        CROSSING = "crossing", _("Alert")
        REMINDER = "reminder", _("Reminder")
        ALL_CLEAR = "clear", _("All-clear")
        TEST = "test", _("Test")

    account = models.ForeignKey(Account, models.CASCADE, related_name="alerts")
    api_user = models.ForeignKey(ApiUser, models.CASCADE, null=True, related_name="alerts")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.CROSSING)
    threshold = CreditsField(_("threshold"))
    balance = CreditsField(_("credits left"))
    crossed_at = models.DateTimeField(_("crossed"))
    # When to look whether the credits are still as low; None where nobody wants to know.
    remind_at = models.DateTimeField(null=True, editable=False)
    awaits_refill = models.BooleanField(default=False, editable=False)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [
            models.Index(fields=["api_user", "id"], name="alerts_of_api_user"),
            models.Index(fields=["account", "id"], name="alerts_of_account"),
            models.Index(
                fields=["remind_at"],
                condition=models.Q(remind_at__isnull=False),
                name="reminders_by_time",
            ),
            models.Index(
                fields=["id"], condition=models.Q(awaits_refill=True), name="alerts_until_refilled"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.api_user_id or self.account_id} {self.threshold}"

    @staticmethod
    def about(
        subject: ApiUser | Account,
        *,
        threshold: Decimal,
        balance: Decimal,
        at: datetime,
        kind: Kind = Kind.CROSSING,
    ) -> "Alert":
        """Return an alert that is not stored yet, with what its subject wants to follow."""
        is_low = kind in (Alert.Kind.CROSSING, Alert.Kind.REMINDER)
        days = subject.alert_reminder_days
        whose: dict[str, Any] = (
            {"account_id": subject.account_id, "api_user": subject}
            if isinstance(subject, ApiUser)
            else {"account": subject}
        )
        return Alert(
            **whose,
            kind=kind,
            threshold=threshold,
            balance=balance,
            crossed_at=at,
            remind_at=at + timedelta(days=days) if is_low and days else None,
            awaits_refill=is_low and subject.alert_all_clear,
        )

    @property
    def subject(self) -> ApiUser | Account:
        return self.api_user or self.account

    @property
    def is_extra(self) -> bool:
        """Whether it is something else than the alert of a fall."""
        return self.kind != Alert.Kind.CROSSING

    def covers(self, level: Level) -> bool:
        """Say whether this alert has told of a level: it is the subject's, and not below."""
        is_its_own = (self.account_id, self.api_user_id) == (level.account_id, level.api_user_id)
        return is_its_own and level.credits >= self.threshold


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
        NEEDLESS = "needless", _("Not needed any more")

    class Hindrance(models.TextChoices):
        """Why an SMS could not go out, so that a mail took its place."""

        CREDITS = "credits", _("The account's credits could not pay this SMS.")
        REFUSED = "refused", _("This SMS could not be sent.")
        FAULT = "fault", _("The panel could not send this SMS.")

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notifications")
    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices)
    # Which time it is that this alert goes out here; above 0 somebody had it sent again.
    round = models.PositiveSmallIntegerField(_("sent again"), default=0)
    asked_at = models.DateTimeField(_("asked for"), null=True, blank=True)
    address = models.CharField(_("address"), max_length=254)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField(_("next attempt"))
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # It came in quiet hours, so that it may be needless when they are over.
    was_held = models.BooleanField(_("held in quiet hours"), default=False)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    hindrance = models.CharField(
        _("hindrance"), max_length=7, choices=Hindrance.choices, blank=True
    )
    submission = models.ForeignKey(
        Submission, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel", "round"],
                name="one_notification_per_alert_channel_and_round",
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

    @property
    def is_over(self) -> bool:
        return self.state != Notification.State.WAITING

    @property
    def shown_address(self) -> str:
        return f"+{self.address}" if self.channel == Notification.Channel.SMS else self.address
