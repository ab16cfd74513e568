"""What a message may carry as its sender, and what its destination costs."""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account, Membership
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.fields import CreditsField
from sms_accounts.models.mailed import Mailed

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User

SENDER_NAME = RegexValidator(
    r"^(?=.*[A-Za-z])[A-Za-z0-9 .&_-]{3,11}\Z|^[0-9]{3,15}\Z",
    _("3 to 11 letters and digits, or a number of 3 to 15 digits."),
)


class SenderQuerySet(models.QuerySet["Sender"]):
    def managed_by(self, user: "User | AnonymousUser") -> Self:
        return self.filter(
            account__memberships__user_id=user.pk,
            account__memberships__role__in=[Membership.Role.OWNER, Membership.Role.MANAGER],
        )

    def enabled_for(self, account: Account, api_user: ApiUser | None) -> Self:
        """Those that may be shown: by an API user, or (None) by whoever holds the account."""
        enabled = self.filter(account=account, status=Sender.Status.ENABLED)
        if api_user is None:
            return enabled
        chosen = Sender.api_users.through.objects.filter(apiuser=api_user.pk).values("sender")
        return enabled.filter(models.Q(is_for_all=True) | models.Q(pk__in=chosen))


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
    # What the holder wrote to staff, and what staff answered where they refused.
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    refused_because = models.CharField(_("refused because"), max_length=500, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    # Every API user may show it, those to come included; or only these.
    is_for_all = models.BooleanField(_("for all API users"), default=True)
    api_users = models.ManyToManyField(ApiUser, related_name="senders", blank=True)
    created_at = models.DateTimeField(_("added"), auto_now_add=True)

    objects = SenderQuerySet.as_manager()

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="sender_once_per_account")
        ]
        indexes = [
            models.Index(
                fields=["name"],
                condition=models.Q(takes_replies=True),
                name="senders_that_take_replies",
            )
        ]

    def __str__(self) -> str:
        return self.name


class SenderNotice(Mailed):
    """What staff decided about a sender, on its way to one of those who hold the account."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    # The words of that day: the sender may be removed, or asked for again, before the mail goes.
    sender = models.CharField(_("sender"), max_length=15)
    status = models.CharField(_("status"), max_length=8, choices=Sender.Status.choices)
    refused_because = models.CharField(_("refused because"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("notice of a sender")
        verbose_name_plural = _("notices of senders")
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="waiting"),
                name="sender_notices_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.sender} {self.status}"


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
