"""The columns of what is to be mailed to a holder: the row is the job."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class MailedQuerySet(models.QuerySet[Any]):
    def due(self, now: datetime) -> Self:
        return self.filter(state=Mailed.State.WAITING, due_at__lte=now).order_by("due_at", "id")


class Mailed(models.Model):
    """One mail to one address, and how far it is. It has no table of its own."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Sent")
        GIVEN_UP = "given_up", _("Given up")

    address = models.CharField(_("address"), max_length=254)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField(_("next attempt"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)

    objects = MailedQuerySet.as_manager()

    class Meta:
        abstract = True
