"""Rules by which something is unusual about an API user: what each does, and what it has found."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser


class Rule(models.TextChoices):
    FAILURES = "failures", _("Many failures")
    BURST = "burst", _("Burst")
    COUNTRY = "country", _("New country")
    HOURS = "hours", _("Unusual hours")


class RuleAction(models.TextChoices):
    OFF = "off", _("Off")
    WARN = "warn", _("Warn")
    PAUSE = "pause", _("Pause")


class RuleChoice(models.Model):
    """What a rule does about one API user; without one, about all that have no choice of their own.

    Where there is none at all, a rule warns.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="rule_choices")
    api_user = models.ForeignKey(ApiUser, models.CASCADE, null=True, related_name="rule_choices")
    rule = models.CharField(_("rule"), max_length=8, choices=Rule.choices)
    action = models.CharField(_("action"), max_length=5, choices=RuleAction.choices)

    class Meta:
        verbose_name = _("choice about a rule")
        verbose_name_plural = _("choices about rules")
        constraints = [
            models.UniqueConstraint(
                fields=["api_user", "rule"], name="one_choice_per_user_and_rule"
            ),
            models.UniqueConstraint(
                fields=["account", "rule"],
                condition=models.Q(api_user=None),
                name="one_choice_per_account_and_rule",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.action}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def pausing(self) -> Self:
        """Those by which an API user is stopped now."""
        return self.filter(paused_at__isnull=False, released_at=None, api_user__deleted_at=None)


class Incident(models.Model):
    """That an API user breaks a rule, from when it began to until it does so no longer.

    It stops the user once at most, and never where somebody let it send in spite of it.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    api_user = models.ForeignKey(ApiUser, models.CASCADE, related_name="incidents")
    rule = models.CharField(_("rule"), max_length=8, choices=Rule.choices)
    # What was found when it began, or when it stopped the user; see `oddities.Finding`.
    figures: models.JSONField[Any, dict[str, Any]] = models.JSONField(_("figures"))
    began_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True)
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.UniqueConstraint(
                fields=["api_user", "rule"],
                condition=models.Q(ended_at=None),
                name="one_incident_per_user_and_rule_at_a_time",
            )
        ]
        indexes = [
            models.Index(
                fields=["account", "id"],
                condition=models.Q(paused_at__isnull=False, released_at=None),
                name="incidents_that_pause",
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.began_at:%Y-%m-%d}"
