"""API users: who a script is, what it may spend, from where, and whom its alerts go to."""

import ipaddress
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account, Membership
from sms_accounts.models.called import Called
from sms_accounts.models.fields import CreditsField
from sms_accounts.models.wallet import Wallet
from sms_accounts.models.watched import Watched

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MOST_RESTRICTIONS = 5

LOGIN = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,39}\Z",
    _("1 to 40 letters, digits and . _ @ + - , beginning with a letter or digit."),
)


class ApiUserQuerySet(models.QuerySet["ApiUser"]):
    def present(self) -> Self:
        """Those that are not deleted."""
        return self.filter(deleted_at=None)

    def with_last_alert(self) -> Self:
        """Add `last_alert_at`: when the user's credits were last told to be low, or None."""
        is_low = models.Q(alerts__kind__in=["crossing", "reminder"])
        return self.annotate(last_alert_at=models.Max("alerts__crossed_at", filter=is_low))

    def with_last_use(self) -> Self:
        """Add `last_used_at`: when a call of the user was last accepted, or None."""
        latest = AddressUse.objects.accepted_of(models.OuterRef("pk"))
        return self.annotate(last_used_at=models.Subquery(latest.values("accepted_at")[:1]))

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.present().filter(account__memberships__user_id=user.pk)

    def managed_by(self, user: "User | AnonymousUser") -> Self:
        return self.present().filter(
            account__memberships__user_id=user.pk,
            account__memberships__role__in=[Membership.Role.OWNER, Membership.Role.MANAGER],
        )


class ApiUser(Watched, Called):
    """One script, application or department that sends on behalf of an account."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="api_users")
    login = models.CharField(_("ID"), max_length=40, validators=[LOGIN])
    password = models.CharField(_("password hash"), max_length=128)
    password_changed_at = models.DateTimeField(_("password changed"))
    # The one before, while it still works: until a moment, or until somebody ends it.
    former_password = models.CharField(_("former password hash"), max_length=128, blank=True)
    former_password_until = models.DateTimeField(
        _("former password works until"), null=True, blank=True
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)

    # Who pays. `quota_wallet` is the user's own purse, there from the first day and empty while
    # there is no quota; `wallet` is the one that pays now: that purse, or the account's.
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="payers")
    quota_wallet = models.OneToOneField(Wallet, models.PROTECT, related_name="quota_of")

    # What the quota was when it was last given; percents are those of it.
    quota_given = CreditsField(_("quota as given"), null=True, editable=False)

    # Networks in their canonical form, at most five: ["192.0.2.0/24", "2001:db8::1/128"].
    restrictions = models.JSONField(_("restrictions"), default=list, blank=True)
    restrictions_observed = models.BooleanField(_("restrictions only observed"), default=False)
    keeps_no_texts = models.BooleanField(
        _("keeps no texts"),
        default=False,
        help_text=_("The text of a message is removed as soon as it is final and reported."),
    )
    refuses_url_passwords = models.BooleanField(_("refuses passwords in URLs"), default=False)
    messages_a_minute = models.PositiveIntegerField(
        _("messages a minute"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    # Two letters each, as in ["BE", "FR"]; none means everywhere.
    countries = models.JSONField(_("countries"), default=list, blank=True)

    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    # The database counts each change of the row; see `callers.py`.
    revision = models.BigIntegerField(default=0, db_default=0, editable=False)

    objects = ApiUserQuerySet.as_manager()

    class Meta:
        verbose_name = _("API user")
        verbose_name_plural = _("API users")
        constraints = [
            models.UniqueConstraint(
                "account",
                Lower("login"),
                condition=models.Q(deleted_at=None),
                name="api_user_login_unique_in_account",
            ),
            models.CheckConstraint(
                condition=models.Q(alert_enabled=False) | models.Q(alert_threshold__isnull=False),
                name="enabled_alert_has_a_threshold",
            ),
        ]

    def __str__(self) -> str:
        return self.login

    @property
    def has_quota(self) -> bool:
        return self.wallet_id == self.quota_wallet_id

    def has_former_password(self, now: datetime) -> bool:
        """Say whether the password before the present one still works."""
        until = self.former_password_until
        return bool(self.former_password) and (until is None or now < until)

    def allows(self, address: Address) -> bool:
        """Say whether an address is in the restrictions of this user; none means any."""
        if not self.restrictions:
            return True
        mapped = getattr(address, "ipv4_mapped", None)
        plain = mapped or address
        return any(plain in ipaddress.ip_network(network) for network in self.restrictions)


class AddressUseQuerySet(models.QuerySet["AddressUse"]):
    def accepted_of(self, api_user: "ApiUser | models.OuterRef") -> Self:
        """Those from which calls of a user were accepted, the latest first."""
        return self.filter(api_user=api_user, accepted_at__isnull=False).order_by("-accepted_at")

    def last_of(self, api_users: Iterable[int]) -> Self:
        """The one of each user from which a call was accepted last."""
        latest = AddressUse.objects.accepted_of(models.OuterRef("pk"))
        # One look into the index for each user: to group by users would read all their rows.
        users = ApiUser.objects.filter(pk__in=api_users)
        return self.filter(pk__in=users.values_list(models.Subquery(latest.values("pk")[:1])))


class AddressUse(models.Model):
    """An address from which somebody with a right password called for an API user.

    `observed` counts calls that the restrictions would have refused, had they not been told to
    observe only.
    """

    class Method(models.TextChoices):
        """How the password came, the last time it was accepted."""

        URL = "url", _("in the URL")
        FORM = "form", _("in the body")
        BASIC = "basic", _("HTTP Basic")

    api_user = models.ForeignKey(ApiUser, models.CASCADE, related_name="address_uses")
    address = models.GenericIPAddressField(_("address"), unpack_ipv4=True)
    accepted_at = models.DateTimeField(_("last accepted"), null=True)
    method = models.CharField(_("method"), max_length=5, choices=Method.choices, blank=True)
    with_former_password = models.BooleanField(_("with the former password"), default=False)
    refused_at = models.DateTimeField(_("last refused"), null=True)
    refusals = models.PositiveIntegerField(_("times refused"), default=0)
    observed_at = models.DateTimeField(_("last observed"), null=True)
    observations = models.PositiveIntegerField(_("times observed"), default=0)

    objects = AddressUseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["api_user", "address"], name="one_row_per_api_user_and_address"
            )
        ]
        indexes = [
            models.Index(fields=["api_user", "-accepted_at"], name="last_use_of_api_user"),
            models.Index(fields=["address"], name="uses_of_address"),
            models.Index(fields=["accepted_at", "id"], name="address_uses_by_age"),
        ]

    def __str__(self) -> str:
        return self.address
