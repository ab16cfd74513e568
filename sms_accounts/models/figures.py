"""Figures of accounts and API users, added up from ledger entries and events of messages.

They are kept in quarters of an hour, which every time zone in use puts together to its own hours
and days: there are zones that are half an hour or three quarters away from UTC.
"""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.fields import CreditsField


class Figures(models.Model):
    """What was sent and moved in the span of time that begins at `starts_at`.

    Messages count where they were accepted, whenever they end. It has no table of its own. A
    quota that is given or taken back counts once, as the account's purse sees it.
    """

    starts_at = models.DateTimeField(_("from"))
    # Between these are the ledger entries of the span; others may be between them too.
    first_entry_id = models.BigIntegerField(null=True)
    last_entry_id = models.BigIntegerField(null=True)

    messages = models.BigIntegerField(_("messages"), default=0)
    parts = models.BigIntegerField(_("parts"), default=0)
    delivered = models.BigIntegerField(_("delivered"), default=0)
    failed = models.BigIntegerField(_("failed"), default=0)
    cancelled = models.BigIntegerField(_("cancelled"), default=0)

    topped_up = CreditsField(_("bought"), default=0)
    corrected = CreditsField(_("corrected"), default=0)
    received = CreditsField(_("received from other accounts"), default=0)
    passed_on = CreditsField(_("passed on to other accounts"), default=0)
    quota_given = CreditsField(_("given to quotas"), default=0)
    quota_returned = CreditsField(_("taken back from quotas"), default=0)
    debited = CreditsField(_("paid for messages"), default=0)
    refunded = CreditsField(_("refunded"), default=0)

    class Meta:
        abstract = True


class AccountQuarter(Figures):
    """The figures of a whole account in a quarter of an hour."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="quarters", db_index=False)

    class Meta:
        verbose_name = _("figures of an account")
        verbose_name_plural = _("figures of accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "starts_at"], name="figures_once_per_account_and_quarter"
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts_at}"


class UserQuarter(Figures):
    """The figures of an API user in a quarter of an hour."""

    api_user = models.ForeignKey(ApiUser, models.CASCADE, related_name="quarters", db_index=False)

    class Meta:
        verbose_name = _("figures of an API user")
        verbose_name_plural = _("figures of API users")
        constraints = [
            models.UniqueConstraint(
                fields=["api_user", "starts_at"], name="figures_once_per_user_and_quarter"
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts_at}"


class UserDay(Figures):
    """The figures of an API user on a day of UTC: fewer rows where there are many users."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="user_days", db_index=False)
    api_user = models.ForeignKey(ApiUser, models.CASCADE, related_name="days", db_index=False)

    class Meta:
        verbose_name = _("day of an API user")
        verbose_name_plural = _("days of API users")
        constraints = [
            # Not by user first: SQLite would walk through all users of all accounts by it.
            models.UniqueConstraint(
                fields=["starts_at", "api_user"], name="figures_once_per_user_and_day"
            )
        ]
        indexes = [
            # With all that is asked of many users at once, so that their rows are not read.
            models.Index(
                fields=["account", "starts_at", "api_user", "debited", "refunded", "messages"],
                name="user_days_of_account",
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts_at}"


class Habit(models.Model):
    """What an API user has done so far: at which hours it sent, where to, and with what luck.

    `hours` has the messages by the hour of the day in UTC; `countries` by two letters of each the
    messages and the moment of the first, as in {"FR": [12, "2026-03-02T12:00:00+00:00"]}.
    """

    api_user = models.OneToOneField(ApiUser, models.CASCADE, primary_key=True, related_name="habit")
    began_at = models.DateTimeField(_("first message"))
    delivered = models.BigIntegerField(_("delivered"), default=0)
    failed = models.BigIntegerField(_("failed"), default=0)
    hours: models.JSONField[Any, dict[str, int]] = models.JSONField(_("hours"), default=dict)
    countries: models.JSONField[Any, dict[str, list[Any]]] = models.JSONField(
        _("countries"), default=dict
    )
    # When the rules are to look at it again; none while nothing has come since. See `pauses.py`.
    judge_at = models.DateTimeField(_("judged next"), null=True, blank=True)

    class Meta:
        verbose_name = _("habit of an API user")
        verbose_name_plural = _("habits of API users")
        indexes = [
            models.Index(
                fields=["judge_at", "api_user"],
                condition=models.Q(judge_at__isnull=False),
                name="habits_to_judge",
            )
        ]

    def __str__(self) -> str:
        return f"{self.api_user_id}"


class FiguresMark(models.Model):
    """Up to which ledger entry and event figures are added up; one row. Who locks it may go on."""

    entry_id = models.BigIntegerField(default=0)
    event_id = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("mark of figures")
        verbose_name_plural = _("marks of figures")

    def __str__(self) -> str:
        return f"{self.entry_id}, {self.event_id}"
