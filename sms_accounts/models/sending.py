"""What http2sms remembers of a user's calls: idempotency keys, and how many messages lately."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.message import Submission


class IdempotencyKey(models.Model):
    """A key that a caller chose for one order, and what that order became.

    `fingerprint` tells another order from the same one. Ids and credits of the answer are in
    the submission's messages and its debit.
    """

    api_user = models.ForeignKey(ApiUser, models.CASCADE, related_name="idempotency_keys")
    key = models.CharField(_("key"), max_length=255)
    fingerprint = models.CharField(max_length=64)
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="idempotency_key")
    invalid = models.JSONField(_("invalid receivers"), default=list)
    created_at = models.DateTimeField(_("used"))

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(
                fields=["api_user", "key"], name="idempotency_key_once_per_api_user"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_keys_by_age")]

    def __str__(self) -> str:
        return f"{self.pk}"


class Pace(models.Model):
    """How many messages an API user submitted in each second of the last minute.

    Kept for users with a limit only. `sent` has seconds since 1970 as its keys.
    """

    api_user = models.OneToOneField(ApiUser, models.CASCADE, primary_key=True, related_name="pace")
    sent = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("pace")
        verbose_name_plural = _("paces")

    def __str__(self) -> str:
        return f"{self.pk}"
