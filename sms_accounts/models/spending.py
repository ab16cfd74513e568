"""What each purse paid on each day, added up from its entries: what the pace is told from."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.fields import CreditsField
from sms_accounts.models.wallet import Wallet


class DaySpent(models.Model):
    """Debits less refunds of a purse on one day, in UTC."""

    wallet = models.ForeignKey(Wallet, models.CASCADE, related_name="days_spent", db_index=False)
    day = models.DateField(_("day"))
    credits = CreditsField(_("credits"), default=0)

    class Meta:
        verbose_name = _("day's spending")
        verbose_name_plural = _("days' spending")
        constraints = [
            models.UniqueConstraint(
                fields=["wallet", "day"], name="spending_once_per_wallet_and_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.credits}"
