"""Callbacks: changes of a message's state, and replies, that a customer's URL is to hear of."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account, Membership
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.message import Message, State
from sms_accounts.models.received import Received

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User


class CallbackEndpointQuerySet(models.QuerySet["CallbackEndpoint"]):
    def managed_by(self, user: "User | AnonymousUser") -> Self:
        return self.filter(
            account__memberships__user_id=user.pk,
            account__memberships__role__in=[Membership.Role.OWNER, Membership.Role.MANAGER],
        )


class CallbackEndpoint(models.Model):
    """A URL that an account has callbacks for, and how its receiver has been lately.

    Made by the worker that first has a callback for it.
    """

    class OffBecause(models.TextChoices):
        GONE = "gone", _("The receiver answered 410: it wants no more calls.")
        FAILING = "failing", _("Not one call has succeeded for five days.")

    account = models.ForeignKey(Account, models.CASCADE, related_name="callback_endpoints")
    url = models.CharField(_("URL"), max_length=2000)
    # The first failure after the last success, and whether the holder was told at half time.
    failing_since = models.DateTimeField(_("failing since"), null=True)
    warned_at = models.DateTimeField(_("warned"), null=True)
    # The receiver asked for no call until then.
    paused_until = models.DateTimeField(_("paused until"), null=True)
    off_at = models.DateTimeField(_("switched off"), null=True)
    off_because = models.CharField(
        _("switched off because"), max_length=7, choices=OffBecause.choices, blank=True
    )
    # A mail about the last two is due, and how often the mail server did not take it.
    to_tell_at = models.DateTimeField(null=True)
    to_tell_tries = models.PositiveSmallIntegerField(default=0)
    has_backlog = models.BooleanField(default=False)

    objects = CallbackEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("callback endpoint")
        verbose_name_plural = _("callback endpoints")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "url"], name="one_callback_endpoint_per_account_and_url"
            )
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(has_backlog=True),
                name="callback_endpoints_backlog",
            ),
            models.Index(
                fields=["to_tell_at"],
                condition=models.Q(to_tell_at__isnull=False),
                name="callback_endpoints_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def is_paused(self) -> bool:
        return self.paused_until is not None and self.paused_until > timezone.now()


class CallbackReplay(models.Model):
    """An order to call what failed since a moment again, one after the other."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="callback_replays")
    # Of one user, or of all and the account.
    api_user = models.ForeignKey(ApiUser, models.CASCADE, null=True, related_name="+")
    since = models.DateTimeField(_("since"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(_("started"))
    # How far it has come: the last callback that it sent again, when, and how many.
    position = models.BigIntegerField(default=0)
    stepped_at = models.DateTimeField()
    released = models.PositiveIntegerField(_("sent again"), default=0)
    ended_at = models.DateTimeField(_("ended"), null=True)
    is_stopped = models.BooleanField(_("stopped"), default=False)

    class Meta:
        verbose_name = _("replay of callbacks")
        verbose_name_plural = _("replays of callbacks")
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(ended_at=None),
                name="one_open_callback_replay_per_account",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class CallbackQuerySet(models.QuerySet["Callback"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(account__memberships__user_id=user.pk)

    def managed_by(self, user: "User | AnonymousUser") -> Self:
        return self.filter(
            account__memberships__user_id=user.pk,
            account__memberships__role__in=[Membership.Role.OWNER, Membership.Role.MANAGER],
        )

    def open(self) -> Self:
        """Those that are still to be called."""
        return self.filter(done_at=None, given_up_at=None)

    def failed(self) -> Self:
        """Those that were given up."""
        return self.filter(done_at=None, given_up_at__isnull=False)

    def retrying(self, now: datetime) -> Self:
        """Those that failed and wait for their next attempt."""
        unclaimed = models.Q(claimed_until=None) | models.Q(claimed_until__lt=now)
        return self.open().filter(unclaimed, tries__gt=0, due_at__gt=now)

    def due(self, now: datetime) -> Self:
        """Those to call now that no other worker holds."""
        unclaimed = models.Q(claimed_until=None) | models.Q(claimed_until__lt=now)
        return self.open().filter(unclaimed, due_at__lte=now).order_by("due_at", "id")


class Callback(models.Model):
    """A change of a message's state, or a reply, that a customer's URL is to hear of.

    A reply has no state. It comes again with the next sequence number when a part was late.
    """

    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="callbacks")
    received = models.ForeignKey(
        Received, models.CASCADE, null=True, related_name="callbacks", db_index=False
    )
    # Indexes of these two stand below, each with the key behind it.
    account = models.ForeignKey(Account, models.CASCADE, related_name="callbacks", db_index=False)
    api_user = models.ForeignKey(
        ApiUser, models.CASCADE, null=True, related_name="callbacks", db_index=False
    )
    url = models.CharField(_("URL"), max_length=2000)
    sequence = models.PositiveSmallIntegerField(_("sequence"))
    state = models.CharField(_("state"), max_length=13, choices=State.choices, blank=True)
    ptt = models.PositiveSmallIntegerField(_("ptt"), null=True)
    changed_at = models.DateTimeField(_("changed"))
    due_at = models.DateTimeField(_("next attempt"))
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    given_up_at = models.DateTimeField(_("given up"), null=True, blank=True)
    # Set where the endpoint has more to be told than it takes: it then waits apart from those
    # of other endpoints, so that nobody walks over it to find them.
    backlog_of = models.ForeignKey(
        CallbackEndpoint,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="backlog",
        db_index=False,
    )
    replay = models.ForeignKey(
        CallbackReplay,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="callbacks",
        db_index=False,
    )

    objects = CallbackQuerySet.as_manager()

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        constraints = [
            models.UniqueConstraint(
                fields=["message", "sequence", "url"], name="callback_once_per_change_and_url"
            ),
            # Without the condition each callback would stand in its index.
            models.UniqueConstraint(
                fields=["received", "sequence", "url"],
                condition=models.Q(received__isnull=False),
                name="callback_once_per_reply_and_url",
            ),
            models.CheckConstraint(
                condition=models.Q(message=None, received__isnull=False)
                | models.Q(message__isnull=False, received=None),
                name="callback_tells_of_a_message_or_of_a_reply",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(done_at=None, given_up_at=None, backlog_of=None),
                name="callbacks_due",
            ),
            models.Index(
                fields=["backlog_of", "due_at", "id"],
                condition=models.Q(done_at=None, given_up_at=None, backlog_of__isnull=False),
                name="callbacks_in_backlog",
            ),
            models.Index(
                fields=["account", "id"],
                condition=models.Q(done_at=None, given_up_at__isnull=False),
                name="callbacks_failed",
            ),
            models.Index(
                fields=["account", "id"],
                condition=models.Q(done_at=None, given_up_at=None, tries__gt=0),
                name="callbacks_retrying",
            ),
            models.Index(
                fields=["replay", "id"],
                condition=models.Q(done_at=None, given_up_at=None, replay__isnull=False),
                name="callbacks_of_replay",
            ),
            models.Index(fields=["account", "id"], name="callbacks_of_account"),
            models.Index(fields=["api_user", "id"], name="callbacks_of_api_user"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id or f'reply {self.received_id}'}/{self.sequence}"

    @property
    def state_label(self) -> str:
        """The state in words, as Message has it; nothing for a reply, which has none."""
        return str(State(self.state).label) if self.state else ""

    @property
    def is_waiting(self) -> bool:
        return self.done_at is None and self.given_up_at is None

    @property
    def can_be_hastened(self) -> bool:
        """Tell whether it is over, or waits for another attempt, and may be called now."""
        return not self.is_waiting or (self.tries > 0 and self.due_at > timezone.now())


class CallbackSecretQuerySet(models.QuerySet["CallbackSecret"]):
    def valid(self, now: datetime) -> Self:
        """Those that calls are signed with, the newest first."""
        return self.filter(models.Q(ends_at=None) | models.Q(ends_at__gt=now)).order_by("-id")

    def of(self, subject: ApiUser | Account) -> Self:
        if isinstance(subject, ApiUser):
            return self.filter(api_user=subject)
        return self.filter(account=subject)


class CallbackSecret(models.Model):
    """What the secret that signs the calls of a user, or of an account's own callback, is made
    of, with the panel's own key.

    Without that key this row tells nothing.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="callback_secrets")
    api_user = models.ForeignKey(
        ApiUser, models.CASCADE, null=True, related_name="callback_secrets"
    )
    seed = models.CharField(max_length=43)
    created_at = models.DateTimeField(_("made"))
    ends_at = models.DateTimeField(_("works until"), null=True, blank=True)

    objects = CallbackSecretQuerySet.as_manager()

    class Meta:
        verbose_name = _("callback secret")
        verbose_name_plural = _("callback secrets")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account=None, api_user__isnull=False)
                | models.Q(account__isnull=False, api_user=None),
                name="callback_secret_is_of_an_account_or_of_a_user",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


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
