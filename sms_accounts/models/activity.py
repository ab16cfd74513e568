"""Who changed what on an account, for its holder to read."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser


class Activity(models.Model):
    """One change, with what was before and after; secrets are never in it."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="activities")
    api_user = models.ForeignKey(ApiUser, models.CASCADE, null=True, related_name="activities")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # From where it was asked for; nothing for a command, and for the program itself.
    address = models.GenericIPAddressField(_("from address"), null=True, unpack_ipv4=True)
    action = models.CharField(_("action"), max_length=40)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        indexes = [models.Index(fields=["account", "id"], name="activity_of_account")]

    def __str__(self) -> str:
        return self.action
