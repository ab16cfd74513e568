"""Work on many messages that a search found, done in portions while people look on."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.fields import CreditsField

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User


class MessageWorkQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(account__memberships__user_id=user.pk)

    def due(self, now: datetime) -> Self:
        return self.filter(state=MessageWork.State.WORKING, due_at__lte=now).order_by(
            "due_at", "id"
        )


class MessageWork(models.Model):
    """Who has asked for what, and how far it is: the row is the job. It has no table of its own."""

    class State(models.TextChoices):
        WORKING = "working", _("At work")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # What was searched for, as a link repeats it; empty again once nobody needs it.
    query = models.CharField(_("search"), max_length=1000, blank=True)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WORKING)
    due_at = models.DateTimeField(_("due"))
    faults = models.PositiveSmallIntegerField(_("faults"), default=0)
    made_at = models.DateTimeField(_("asked for"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = MessageWorkQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def is_over(self) -> bool:
        return self.state != self.State.WORKING


class MessageExport(MessageWork):
    """A CSV file of messages."""

    # Nobody guesses it, though nobody is given the file by its name.
    file_name = models.CharField(_("file"), max_length=60, unique=True)
    # Known once a worker has begun.
    total = models.PositiveBigIntegerField(_("messages found"), null=True)
    rows = models.PositiveBigIntegerField(_("messages written"), default=0)
    # So much of the file is written for good; what is behind that nobody has recorded.
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    last_message = models.BigIntegerField(null=True)
    # Since then there is no file any more.
    removed_at = models.DateTimeField(_("file removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("CSV file of messages")
        verbose_name_plural = _("CSV files of messages")
        indexes = [
            models.Index(fields=["account", "id"], name="message_exports_of_account"),
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="working"),
                name="message_exports_due",
            ),
            models.Index(
                fields=["ended_at", "id"],
                condition=models.Q(removed_at=None),
                name="message_exports_by_age",
            ),
        ]


class MassCancellation(MessageWork):
    """That all scheduled messages which a search found are cancelled."""

    # The newest message that there was when it was told how many there are.
    upto_message = models.BigIntegerField()
    last_message = models.BigIntegerField(default=0)
    asked = models.PositiveBigIntegerField(_("messages found"))
    cancelled = models.PositiveBigIntegerField(_("cancelled"), default=0)
    too_late = models.PositiveBigIntegerField(_("too late"), default=0)
    credits = CreditsField(_("credits given back"), default=0)

    class Meta:
        verbose_name = _("cancellation of many messages")
        verbose_name_plural = _("cancellations of many messages")
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="working"),
                name="mass_cancellations_due",
            )
        ]
