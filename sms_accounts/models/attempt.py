"""What passes between us and carriers: attempts to submit, and DLRs as they came in."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.message import Message, State


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def unanswered(self) -> Self:
        return self.filter(outcome=Attempt.Outcome.UNANSWERED)


class Attempt(models.Model):
    """One part of a message handed to a carrier once; stored before a byte is written.

    `reference` is ours and goes along; `carrier_message_id` is the carrier's and comes back.
    """

    class Outcome(models.TextChoices):
        UNANSWERED = "unanswered", _("No answer yet")
        TAKEN = "taken", _("Taken")
        REJECTED = "rejected", _("Refused")
        TRY_LATER = "try_later", _("To be tried later")
        NOT_SENT = "not_sent", _("Not sent")
        NO_ANSWER = "no_answer", _("No answer, to be handed over again")

    message = models.ForeignKey(Message, models.CASCADE, related_name="attempts")
    part = models.PositiveSmallIntegerField(_("part"))
    carrier = models.CharField(_("carrier"), max_length=40)
    reference = models.CharField(_("reference"), max_length=36, unique=True)
    carrier_message_id = models.CharField(_("carrier's id"), max_length=100, blank=True)
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=Outcome.choices, default=Outcome.UNANSWERED
    )
    # What the carrier reported of this part since; empty until a report says more than the answer.
    state = models.CharField(_("state"), max_length=13, choices=State.choices, blank=True)
    ptt = models.PositiveSmallIntegerField(_("ptt"), null=True, blank=True)
    code = models.CharField(_("carrier's code"), max_length=40, blank=True)
    # What the carrier asks of us for it, by the route that fitted when it was begun, if known.
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=4, null=True, blank=True)
    started_at = models.DateTimeField(_("started"))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        indexes = [
            models.Index(
                fields=["carrier", "carrier_message_id"],
                condition=~models.Q(carrier_message_id=""),
                name="attempts_by_carrier_id",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class DlrPost(models.Model):
    """What a carrier sent to our DLR address, kept before it is understood."""

    carrier = models.CharField(_("carrier"), max_length=40)
    # What the URL had after its question mark, as it came.
    query = models.TextField(_("query"), blank=True, default="")
    body = models.BinaryField(_("body"))
    content_type = models.CharField(_("content type"), max_length=100, blank=True)
    received_at = models.DateTimeField(_("received"))
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    body_removed_at = models.DateTimeField(_("body removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("DLR as received")
        verbose_name_plural = _("DLRs as received")
        indexes = [
            models.Index(fields=["id"], condition=models.Q(read_at=None), name="dlr_posts_to_read"),
            models.Index(
                fields=["received_at", "id"],
                condition=models.Q(body_removed_at=None),
                name="dlr_posts_with_body",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.received_at}"


class DlrReport(models.Model):
    """One report out of what a carrier sent, and the attempt it speaks of, once known."""

    post = models.ForeignKey(DlrPost, models.CASCADE, related_name="reports")
    carrier = models.CharField(_("carrier"), max_length=40)
    reference = models.CharField(_("reference"), max_length=36, blank=True)
    carrier_message_id = models.CharField(_("carrier's id"), max_length=100, blank=True)
    state = models.CharField(_("state"), max_length=13, choices=State.choices)
    ptt = models.PositiveSmallIntegerField(_("ptt"))
    code = models.CharField(_("carrier's code"), max_length=40, blank=True)
    reported_at = models.DateTimeField(_("time given by the carrier"), null=True)
    received_at = models.DateTimeField(_("received"))
    attempt = models.ForeignKey(Attempt, models.CASCADE, null=True, related_name="reports")
    # How often it could not be applied, and why not; see `reports.MOST_FAULTS`.
    faults = models.PositiveSmallIntegerField(_("faults"), default=0)
    problem = models.CharField(_("problem"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("DLR")
        verbose_name_plural = _("DLRs")
        indexes = [
            models.Index(
                fields=["carrier", "carrier_message_id"],
                condition=models.Q(attempt=None),
                name="dlr_reports_unmatched",
            )
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.code}"
