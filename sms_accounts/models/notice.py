"""What the holders of an account are told by mail of what the program did, or could not do."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.mailed import Mailed


class Notice(Mailed):
    """That a matter is told to one of those who hold the account, once."""

    class Kind(models.TextChoices):
        PAUSED = "paused", _("API user paused")
        NOT_RENEWED = "not_renewed", _("Quotas not renewed")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(_("kind"), max_length=11, choices=Kind.choices)
    # Which matter it is of its kind: nobody hears of the same one twice.
    matter = models.CharField(_("matter"), max_length=40)
    api_user = models.ForeignKey(ApiUser, models.CASCADE, null=True, related_name="+")
    values: models.JSONField[Any, dict[str, Any]] = models.JSONField(_("values"), default=dict)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "matter", "address"], name="told_once_of_each_matter"
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="waiting"),
                name="notices_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.matter}"
