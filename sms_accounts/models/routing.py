"""What a message may carry as its sender, and what its destination costs."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.fields import CreditsField

SENDER_NAME = RegexValidator(
    r"^(?=.*[A-Za-z])[A-Za-z0-9 .&_-]{3,11}\Z|^[0-9]{3,15}\Z",
    _("3 to 11 letters and digits, or a number of 3 to 15 digits."),
)


class Sender(models.Model):
    """A name or number that handsets show as the sender, approved by staff."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        ENABLED = "enabled", _("Enabled")
        REFUSED = "refused", _("Refused")

    account = models.ForeignKey(Account, models.CASCADE, related_name="senders")
    name = models.CharField(_("sender"), max_length=15, validators=[SENDER_NAME])
    status = models.CharField(
        _("status"), max_length=8, choices=Status.choices, default=Status.WAITING
    )
    takes_replies = models.BooleanField(
        _("takes replies"),
        default=False,
        help_text=_("A number that replies reach; http2sms uses it for senderForResponse."),
    )
    description = models.CharField(_("description"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="sender_once_per_account")
        ]

    def __str__(self) -> str:
        return self.name


class Rate(models.Model):
    """Credits for one part to the numbers that begin with a prefix; the longest one wins."""

    prefix = models.CharField(
        _("prefix"),
        max_length=15,
        unique=True,
        blank=True,
        validators=[RegexValidator(r"^[0-9]*\Z", _("Digits only, without plus sign."))],
        help_text=_("First digits of the numbers, beginning with the country code; empty: all."),
    )
    credits = CreditsField(_("credits a part"))
    description = models.CharField(_("description"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("rate")
        verbose_name_plural = _("rates")
        constraints = [
            models.CheckConstraint(condition=models.Q(credits__gt=0), name="rate_above_zero")
        ]

    def __str__(self) -> str:
        return f"{self.prefix or '*'}: {self.credits}"
