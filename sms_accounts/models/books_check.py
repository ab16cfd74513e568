"""The latest check of an account's books: that it was asked for, and then what it found."""

from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account


class BooksCheckQuerySet(models.QuerySet["BooksCheck"]):
    def due(self, now: datetime) -> "BooksCheckQuerySet":
        return self.filter(state=BooksCheck.State.WORKING, due_at__lte=now).order_by(
            "due_at", "account_id"
        )


class BooksCheck(models.Model):
    """One for each account: the row is the job, and whoever asks meanwhile gets the same."""

    class State(models.TextChoices):
        WORKING = "working", _("At work")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    account = models.OneToOneField(
        Account, models.CASCADE, primary_key=True, related_name="books_check"
    )
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WORKING)
    asked_at = models.DateTimeField(_("asked for"))
    due_at = models.DateTimeField(_("due"))
    faults = models.PositiveSmallIntegerField(_("faults"), default=0)
    # Of the latest that came to its end; the next one leaves it until then.
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    took = models.DurationField(_("took"), null=True, blank=True)
    found: models.JSONField[Any, dict[str, Any] | None] = models.JSONField(
        _("found"), encoder=DjangoJSONEncoder, null=True, blank=True
    )

    objects = BooksCheckQuerySet.as_manager()

    class Meta:
        verbose_name = _("check of an account's books")
        verbose_name_plural = _("checks of accounts' books")
        indexes = [
            models.Index(
                fields=["due_at", "account"],
                condition=models.Q(state="working"),
                name="books_checks_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id}"

    @property
    def is_at_work(self) -> bool:
        return self.state == self.State.WORKING
