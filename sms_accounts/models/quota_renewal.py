"""Quotas that are filled up again at the start of each day, week or month."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.fields import CreditsField


class QuotaRenewal(models.Model):
    """That an API user's quota renews, and when it does so next: the row is the job."""

    class Period(models.TextChoices):
        DAY = "day", _("Every day")
        WEEK = "week", _("Every week, on Monday")
        MONTH = "month", _("Every month, on the first")

    api_user = models.OneToOneField(ApiUser, models.CASCADE, related_name="renewal")
    period = models.CharField(_("renews"), max_length=5, choices=Period.choices)
    credits = CreditsField(_("filled up to"))
    # What the account could not give at the start of this period: it follows once it can.
    missing = CreditsField(_("missing"), default=0)
    renews_at = models.DateTimeField(_("renews at"))

    class Meta:
        verbose_name = _("renewal of a quota")
        verbose_name_plural = _("renewals of quotas")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(credits__gt=0), name="renewed_quota_above_zero"
            ),
            models.CheckConstraint(
                condition=models.Q(missing__gte=0), name="missing_credits_never_below_zero"
            ),
        ]
        indexes = [
            models.Index(fields=["renews_at", "id"], name="renewals_due"),
            models.Index(
                fields=["id"], condition=models.Q(missing__gt=0), name="renewals_not_whole"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_period_display()} {self.credits}"
