"""Accounts, who holds them, and the alert texts of each."""

import re
from typing import TYPE_CHECKING, Self
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.called import Called
from sms_accounts.models.wallet import Wallet
from sms_accounts.models.watched import Watched

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User

ACCOUNT_NAME_FORM = re.compile(r"sms-[a-z0-9]{2,20}-[0-9]{1,4}")
ACCOUNT_NAME = RegexValidator(
    rf"^{ACCOUNT_NAME_FORM.pattern}\Z",
    _("An account is named like 'sms-ab12345-1'."),
)


def known_time_zone(name: str) -> None:
    """Refuse what is no zone of the IANA database: times could not be told in it."""
    if name not in available_timezones():
        raise ValidationError(
            _("'%(name)s' is no time zone; they are named like 'Europe/Paris'."),
            params={"name": name},
        )


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(memberships__user_id=user.pk)

    def managed_by(self, user: "User | AnonymousUser") -> Self:
        return self.filter(
            memberships__user_id=user.pk,
            memberships__role__in=[Membership.Role.OWNER, Membership.Role.MANAGER],
        )

    def with_holder_of(self, account: "Account") -> Self:
        """The other accounts that an owner of this one owns too."""
        owned = Membership.objects.filter(role=Membership.Role.OWNER)
        holders = owned.filter(account=account).values("user")
        shared = owned.filter(user__in=holders).values("account")
        return self.filter(pk__in=shared).exclude(pk=account.pk)


class Account(Watched, Called):
    """Owns credits, senders, API users and messages.

    Its callback hears of the messages of all its users.
    """

    class Language(models.TextChoices):
        ENGLISH = "en", _("English")
        FRENCH = "fr", _("French")

    class UnknownOutcome(models.TextChoices):
        HOLD = "hold", _("Hold: wait for the carrier's report")
        RESEND = "resend", _("Resend: hand the message over again")
        GIVE_BACK = "give_back", _("Give back: end the message and return its credits")

    name = models.CharField(_("name"), max_length=32, unique=True, validators=[ACCOUNT_NAME])
    description = models.CharField(_("description"), max_length=100, blank=True)
    wallet = models.OneToOneField(Wallet, models.PROTECT, related_name="account")
    is_enabled = models.BooleanField(_("enabled"), default=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[known_time_zone]
    )
    language = models.CharField(
        _("language"),
        max_length=2,
        choices=Language.choices,
        default=Language.ENGLISH,
        help_text=_("Of mails to its holders, and of the alerts that have no own text."),
    )
    home_country = models.CharField(
        _("home country"),
        max_length=2,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{2}\Z", _("Two capital letters, such as FR."))],
        help_text=_("National numbers are read as this country's."),
    )
    default_sender = models.ForeignKey(
        "sms_accounts.Sender",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("default sender"),
        help_text=_("Of calls of http2sms that name none; only while it is enabled."),
    )
    unknown_outcome = models.CharField(
        _("unknown outcome"),
        max_length=9,
        choices=UnknownOutcome.choices,
        default=UnknownOutcome.HOLD,
        help_text=_(
            "What becomes of a message five minutes after the carrier failed to say whether it "
            "took it."
        ),
    )
    retention_days = models.PositiveSmallIntegerField(
        _("days to keep texts and numbers"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_(
            "So long after the end of a message its text and all but the last three digits of its "
            "number are removed for good. Empty: they are kept."
        ),
    )
    # When a number last came to the account's list of opt-outs; None while nothing is on it, and
    # then no order asks for it. Who changes the list changes this, and with it the revision.
    opt_outs_at = models.DateTimeField(_("opt-outs changed"), null=True, editable=False)
    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    # The database counts each change of the row, and of the account's senders; see `callers.py`.
    revision = models.BigIntegerField(default=0, db_default=0, editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(alert_enabled=False) | models.Q(alert_threshold__isnull=False),
                name="enabled_alert_of_account_has_a_threshold",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    def addresses_of(self, account: Account) -> list[str]:
        """Return the addresses of those who are told what becomes of an account."""
        told = self.filter(account=account, user__is_active=True).exclude(
            role=Membership.Role.VIEWER
        )
        return sorted(told.values_list("user__email", flat=True))


class Membership(models.Model):
    """What a person may do with an account."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        MANAGER = "manager", _("Manager")
        VIEWER = "viewer", _("Viewer")

    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.OWNER)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "user"], name="one_role_per_person_and_account"
            )
        ]

    def __str__(self) -> str:
        return self.get_role_display()


class AlertTexts(models.Model):
    """The holder's own words for the alerts of an account; the panel's own where switched off."""

    account = models.OneToOneField(Account, models.CASCADE, related_name="alert_texts")
    email_customised = models.BooleanField(_("own email texts"), default=False)
    email_from = models.CharField(_("from"), max_length=254, blank=True)
    email_subject = models.CharField(_("subject"), max_length=150, blank=True)
    email_body = models.TextField(_("body"), max_length=5000, blank=True)
    sms_customised = models.BooleanField(_("own SMS text"), default=False)
    sms_text = models.CharField(_("text"), max_length=70, blank=True)

    class Meta:
        verbose_name = _("alert texts")
        verbose_name_plural = _("alert texts")

    def __str__(self) -> str:
        return f"{self.account_id}"
