"""Which carriers a message may go to, in which order, and what staff demand of each carrier."""

from datetime import timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.fields import CreditsField

# The lane of messages that no route fits: the carrier that takes all messages serves it.
NO_ROUTE = 0
MOST_CARRIERS = 10


class Lane(models.Model):
    """Carriers in the order in which the messages that wait in it may go to them.

    A lane is never changed nor removed. Which of its carriers serves it at the moment is found
    out where messages are claimed, so that a million of them change the carrier at once.
    """

    # Their names, with commas between them.
    carriers = models.CharField(_("carriers"), max_length=500, unique=True)

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")

    def __str__(self) -> str:
        return self.carriers

    @staticmethod
    def written(names: "tuple[str, ...]") -> str:
        return ",".join(names)


class Route(models.Model):
    """Messages of a kind, and through its carriers the order in which these are tried.

    Of several routes that fit a message the most specific one counts: that of its API user before
    that of its account, that before one of its sender alone, and then the longest prefix.
    """

    description = models.CharField(_("description"), max_length=200, blank=True)
    is_enabled = models.BooleanField(_("switched on"), default=True)
    prefix = models.CharField(
        _("prefix"),
        max_length=15,
        blank=True,
        validators=[RegexValidator(r"^[0-9]*\Z", _("Digits only, without plus sign."))],
    )
    sender = models.CharField(_("sender"), max_length=15, blank=True)
    account = models.ForeignKey(
        Account, models.CASCADE, null=True, blank=True, related_name="routes"
    )
    # Of this account, which is always named with it.
    api_user = models.ForeignKey(
        ApiUser, models.CASCADE, null=True, blank=True, related_name="routes"
    )

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        constraints = [
            models.UniqueConstraint(
                Coalesce("account", 0),
                Coalesce("api_user", 0),
                "sender",
                "prefix",
                name="route_once_per_kind_of_messages",
                violation_error_message=_("There is a route for just these messages already."),
            ),
            models.CheckConstraint(
                condition=models.Q(api_user=None) | models.Q(account__isnull=False),
                name="route_of_api_user_names_its_account",
            ),
        ]

    def __str__(self) -> str:
        parts = [f"+{self.prefix}" if self.prefix else "", self.sender]
        return " · ".join(part for part in parts if part) or f"{self.pk}"


class RouteCarrier(models.Model):
    """A carrier of a route: when it is tried, for which share, and what it costs us."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="carriers")
    carrier = models.CharField(_("carrier"), max_length=40)
    preference = models.PositiveSmallIntegerField(
        _("preference"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(99)],
        help_text=_("1 is tried first; the next number, where that carrier is passed over."),
    )
    share = models.PositiveSmallIntegerField(
        _("share"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("Among carriers of one preference: 3 and 1 are three messages to one."),
    )
    cost = models.DecimalField(
        _("cost a part"),
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("What it asks of us, in credits."),
    )

    class Meta:
        verbose_name = _("carrier of a route")
        verbose_name_plural = _("carriers of a route")
        constraints = [
            models.UniqueConstraint(
                fields=["route", "carrier"],
                name="carrier_once_per_route",
                violation_error_message=_("A carrier stands in a route once."),
            )
        ]

    def __str__(self) -> str:
        return self.carrier


class CarrierWatch(models.Model):
    """What staff demand of a carrier, and whether it is passed over, or away, at the moment.

    The last columns are written by `failover` alone.
    """

    name = models.CharField(_("carrier"), max_length=40, unique=True, editable=False)
    slow_seconds = models.PositiveSmallIntegerField(
        _("slow after seconds"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Passed over while half of its answers to submits take longer. Empty: never for that."
        ),
    )
    queue_seconds = models.PositiveIntegerField(
        _("longest wait in seconds"),
        null=True,
        blank=True,
        validators=[MinValueValidator(10)],
        help_text=_(
            "Passed over while a message that is due has waited longer for it. Empty: never."
        ),
    )
    least_delivered = models.PositiveSmallIntegerField(
        _("least delivered, in percent"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "Passed over while fewer of the parts reported on in the last 30 minutes were "
            "delivered, once there are 20 reports. Empty: never for that."
        ),
    )
    well_minutes = models.PositiveSmallIntegerField(
        _("minutes until it is trusted again"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text=_(
            "For so long nothing may be wrong with it; twice as long after each time more in six "
            "hours, one hour at most."
        ),
    )
    is_passed_over = models.BooleanField(_("passed over"), default=False, editable=False)
    since = models.DateTimeField(_("since"), null=True, editable=False)
    because = models.CharField(_("because"), max_length=200, blank=True, editable=False)
    trouble_since = models.DateTimeField(null=True, editable=False)
    well_since = models.DateTimeField(null=True, editable=False)
    # Since when nobody hands anything to it: it is switched off, or not bound.
    away_since = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("health of a carrier")
        verbose_name_plural = _("health of carriers")

    def __str__(self) -> str:
        return self.name

    @property
    def well_for(self) -> timedelta:
        return timedelta(minutes=self.well_minutes)


class CarrierSwitch(models.Model):
    """When a carrier was passed over or taken back, and why."""

    carrier = models.CharField(_("carrier"), max_length=40)
    is_passed_over = models.BooleanField(_("passed over"))
    because = models.CharField(_("because"), max_length=200)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("change between carriers")
        verbose_name_plural = _("changes between carriers")
        indexes = [models.Index(fields=["carrier", "-at"], name="switches_of_carrier")]

    def __str__(self) -> str:
        return f"{self.carrier} {self.at}"


class CarrierTally(models.Model):
    """What one process counted of a carrier in some seconds; see `carrier_tallies`."""

    carrier = models.CharField(max_length=40)
    at = models.DateTimeField()
    taken = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    later = models.PositiveIntegerField(default=0)
    unanswered = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # How many took how long, by the numbers of classes of times.
    submit_times: "models.JSONField[Any, dict[str, int]]" = models.JSONField(default=dict)
    dlr_times: "models.JSONField[Any, dict[str, int]]" = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("tally of a carrier")
        verbose_name_plural = _("tallies of carriers")
        indexes = [models.Index(fields=["at"], name="tallies_by_time")]

    def __str__(self) -> str:
        return f"{self.carrier} {self.at}"


class CarrierDay(models.Model):
    """What a carrier took on a day, of messages that have come to their end; see `carrier_costs`.

    The day is that of the hand-over, where staff are.
    """

    carrier = models.CharField(_("carrier"), max_length=40)
    day = models.DateField(_("day"))
    messages = models.PositiveBigIntegerField(_("messages"), default=0)
    without_cost = models.PositiveBigIntegerField(_("no cost known"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=16, decimal_places=4, default=0)
    credits = CreditsField(_("credits"), default=0)

    class Meta:
        verbose_name = _("day of costs")
        verbose_name_plural = _("costs of carriers")
        constraints = [
            # The day first: they are asked for by days, of all carriers.
            models.UniqueConstraint(
                fields=["day", "carrier"], name="costs_once_per_day_and_carrier"
            )
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.day}"
