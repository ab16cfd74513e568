"""Orders that holders type in the browser, with their receivers, sent in portions."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.fields import CreditsField
from sms_accounts.models.message import Message

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User


class ReceiverFile(models.Model):
    """A CSV file that somebody chose for an order, kept while the order is being written."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    content = models.TextField(_("content"))
    kept_at = models.DateTimeField(_("kept"))

    class Meta:
        verbose_name = _("file of receivers")
        verbose_name_plural = _("files of receivers")
        indexes = [models.Index(fields=["kept_at"], name="receiver_files_by_age")]

    def __str__(self) -> str:
        return self.name


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """Those that were sent: what somebody only wrote is for those who may send it."""
        sent = self.exclude(state=Batch.State.DRAFT)
        return sent.filter(account__memberships__user_id=user.pk)

    def due(self, now: datetime) -> Self:
        return self.filter(state=Batch.State.SENDING, due_at__lte=now).order_by("due_at", "id")


class Batch(models.Model):
    """One text to many receivers, as somebody typed it, and how far it was sent."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Not confirmed yet")
        SENDING = "sending", _("Being sent")
        STOPPED = "stopped", _("Stopped")
        DONE = "done", _("Sent")

    class StoppedBecause(models.TextChoices):
        HOLDER = "holder", _("Somebody pressed Stop.")
        PART = "part", _("As many were sent as the credits paid for.")
        CREDITS = "credits", _("The account has not enough credits left.")
        SENDER = "sender", _("The sender cannot be used any more.")
        ACCOUNT = "account", _("The account was disabled.")
        FAULT = "fault", _("The panel could not go on; staff find the reason in the log.")

    account = models.ForeignKey(Account, models.CASCADE, related_name="batches")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    sender = models.CharField(_("sender"), max_length=15)
    text = models.TextField(_("text"))
    # As it was brought, for whoever goes back to change it.
    typed = models.TextField(_("receivers as typed"), blank=True)
    file = models.ForeignKey(ReceiverFile, models.SET_NULL, null=True, related_name="+")
    stop_clause = models.BooleanField(_("STOP clause"), default=False)
    is_flash = models.BooleanField(_("flash"), default=False)
    tag = models.CharField(_("tag"), max_length=20, blank=True)
    scheduled_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)

    # What was told before it was confirmed; see `batch_plans.py`.
    receivers = models.PositiveIntegerField(_("receivers"))
    credits = CreditsField(_("credits"))
    countries = models.JSONField(default=list)
    left_out = models.JSONField(default=dict)

    # The row is the job: see `batches.py`.
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.DRAFT)
    stopped_because = models.CharField(
        _("stopped because"), max_length=7, choices=StoppedBecause.choices, blank=True
    )
    due_at = models.DateTimeField(_("due"))
    faults = models.PositiveSmallIntegerField(_("faults"), default=0)
    # Where only a part is paid for: the key of the last receiver that is.
    last_receiver = models.BigIntegerField(null=True)
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    spent = CreditsField(_("credits spent"), default=0)
    made_at = models.DateTimeField(_("written"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # Since then text and receivers are gone; what was sent stands among the messages.
    emptied_at = models.DateTimeField(_("emptied"), null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        indexes = [
            models.Index(fields=["account", "id"], name="batches_of_account"),
            models.Index(fields=["by", "id"], name="batches_of_person"),
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="sending"),
                name="batches_due",
            ),
            models.Index(
                fields=["made_at", "id"],
                condition=models.Q(emptied_at=None),
                name="batches_to_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def left(self) -> int:
        """How many receivers nothing was decided about yet."""
        return self.receivers - self.accepted - self.refused


class BatchReceiver(models.Model):
    """A receiver of a batch, and the message that it became."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="rows")
    msisdn = models.CharField(_("receiver"), max_length=15)
    # Empty where it is the batch's own.
    text = models.TextField(_("text"), blank=True)
    parts = models.PositiveSmallIntegerField(_("parts"))
    # Until it became a message, or could not become one.
    is_waiting = models.BooleanField(_("waiting"), default=True)
    message = models.OneToOneField(Message, models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("receiver of a batch")
        verbose_name_plural = _("receivers of batches")
        constraints = [
            models.UniqueConstraint(fields=["batch", "msisdn"], name="receiver_once_per_batch"),
            models.CheckConstraint(
                condition=models.Q(message=None) | models.Q(is_waiting=False),
                name="receiver_with_a_message_waits_no_longer",
            ),
        ]
        indexes = [
            models.Index(
                fields=["batch", "id"],
                condition=models.Q(is_waiting=True),
                name="receivers_to_send",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
