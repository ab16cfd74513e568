"""Numbers whose holders want no more messages of an account."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account


class OptOut(models.Model):
    """A number that an account may send nothing to."""

    class Source(models.TextChoices):
        HAND = "hand", _("By hand")
        IMPORT = "import", _("Import")
        STAFF = "staff", _("Staff")
        REPLY = "reply", _("STOP by SMS")

    account = models.ForeignKey(Account, models.CASCADE, related_name="opt_outs", db_index=False)
    msisdn = models.CharField(_("number"), max_length=15)
    source = models.CharField(_("source"), max_length=6, choices=Source.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")
        constraints = [
            # Each submission looks its receivers up by this one's index.
            models.UniqueConstraint(
                fields=["account", "msisdn"], name="opt_out_once_per_account_and_number"
            )
        ]
        indexes = [models.Index(fields=["account", "id"], name="opt_outs_of_account")]

    def __str__(self) -> str:
        return f"+{self.msisdn}"
