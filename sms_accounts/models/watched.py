"""The columns by which somebody is told of falling credits; API users and accounts have them."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.fields import CreditsField


class Watched(models.Model):
    """Whose credits are watched: at which levels, whom to tell, and how.

    It has no table of its own. Two copies of these columns would drift apart, and a table beside
    would cost each list a join.
    """

    class Support(models.TextChoices):
        EMAIL = "email", _("Email")
        SMS = "sms", _("SMS")
        BOTH = "both", _("Email and SMS")

    alert_enabled = models.BooleanField(_("alert"), default=False)
    alert_threshold = CreditsField(_("alert threshold"), null=True, blank=True)
    alert_support = models.CharField(
        _("notification"), max_length=5, choices=Support.choices, default=Support.EMAIL
    )
    alert_email = models.EmailField(_("email"), max_length=254, blank=True)
    alert_msisdn = models.CharField(_("number"), max_length=15, blank=True)
    # Beside the threshold, as typed: ["50%", "20.00"]. Percent are those of a quota.
    alert_levels: models.JSONField[Any, list[str]] = models.JSONField(
        _("further levels"), default=list, blank=True
    )
    alert_reminder_days = models.PositiveSmallIntegerField(
        _("days between reminders"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
    )
    # In the account's time zone, and over midnight where the end comes before the beginning.
    alert_quiet_from = models.TimeField(_("no SMS from"), null=True, blank=True)
    alert_quiet_until = models.TimeField(_("no SMS until"), null=True, blank=True)
    alert_all_clear = models.BooleanField(_("all-clear"), default=False)

    class Meta:
        abstract = True
