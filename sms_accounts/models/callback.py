"""Callbacks: changes of a message's state that a customer's URL is to hear of."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.message import Message, State


class Callback(models.Model):
    """A change of a message's state that a customer's URL is to hear of."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="callbacks")
    account = models.ForeignKey(Account, models.CASCADE, related_name="callbacks")
    api_user = models.ForeignKey(ApiUser, models.CASCADE, null=True, related_name="callbacks")
    url = models.CharField(_("URL"), max_length=2000)
    sequence = models.PositiveSmallIntegerField(_("sequence"))
    state = models.CharField(_("state"), max_length=13, choices=State.choices)
    ptt = models.PositiveSmallIntegerField(_("ptt"), null=True)
    changed_at = models.DateTimeField(_("changed"))
    due_at = models.DateTimeField(_("next attempt"))
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    given_up_at = models.DateTimeField(_("given up"), null=True, blank=True)

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        constraints = [
            models.UniqueConstraint(
                fields=["message", "sequence", "url"], name="callback_once_per_change_and_url"
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(done_at=None, given_up_at=None),
                name="callbacks_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.message_id}/{self.sequence}"


class CallbackAttempt(models.Model):
    """One call of a customer's URL."""

    callback = models.ForeignKey(Callback, models.CASCADE, related_name="attempts")
    at = models.DateTimeField(_("at"))
    duration = models.DurationField(_("duration"), null=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    answer = models.CharField(_("first bytes of the answer"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("callback attempt")
        verbose_name_plural = _("callback attempts")
        indexes = [
            models.Index(
                fields=["at", "id"],
                condition=~models.Q(answer=""),
                name="callback_attempts_with_answer",
            )
        ]

    def __str__(self) -> str:
        return f"{self.status or self.problem}"
