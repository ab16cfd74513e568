"""Messages that phones send to us, as carriers hand them over and as they read when joined."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.account import Account
from sms_accounts.models.api_user import ApiUser
from sms_accounts.models.message import Message, Submission

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User


class ReceivedPost(models.Model):
    """What a carrier sent of messages from phones, kept before it is understood."""

    carrier = models.CharField(_("carrier"), max_length=40)
    body = models.BinaryField(_("body"))
    content_type = models.CharField(_("content type"), max_length=100, blank=True)
    received_at = models.DateTimeField(_("received"))
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    body_removed_at = models.DateTimeField(_("body removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("reply as received")
        verbose_name_plural = _("replies as received")
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(read_at=None), name="received_posts_to_read"
            ),
            models.Index(
                fields=["received_at", "id"],
                condition=models.Q(body_removed_at=None),
                name="received_posts_with_body",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.received_at}"


class ReceivedQuerySet(models.QuerySet["Received"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(account__memberships__user_id=user.pk)


class Received(models.Model):
    """A message from a phone, and whose it is: of no account where nobody can tell.

    `key` is what a repetition, or another part, has too; it is empty once that cannot come any
    more. Nothing follows of it, and nobody but staff sees it, before it is settled: whole, or
    given up as incomplete.
    """

    class Keyword(models.TextChoices):
        STOP = "stop", _("STOP")
        START = "start", _("START")

    carrier = models.CharField(_("carrier"), max_length=40)
    carrier_id = models.CharField(_("carrier's id"), max_length=100, blank=True)
    key = models.CharField(max_length=110, blank=True)
    account = models.ForeignKey(
        Account, models.PROTECT, null=True, related_name="received", db_index=False
    )
    api_user = models.ForeignKey(
        ApiUser, models.PROTECT, null=True, related_name="received", db_index=False
    )
    message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="replies")
    msisdn = models.CharField(_("from"), max_length=20)
    number = models.CharField(_("to"), max_length=20)
    text = models.TextField(_("text"))
    parts = models.PositiveSmallIntegerField(_("parts"), default=1)
    missing = models.PositiveSmallIntegerField(_("parts missing"), default=0)
    repeats = models.PositiveIntegerField(_("came again"), default=0)
    keyword = models.CharField(_("keyword"), max_length=5, choices=Keyword.choices, blank=True)
    # What became of the keyword, and the SMS that answered it.
    answer = models.OneToOneField(
        Submission, models.SET_NULL, null=True, related_name="answered_reply"
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    received_at = models.DateTimeField(_("received"))
    settled_at = models.DateTimeField(_("settled"), null=True)
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    text_removed_at = models.DateTimeField(_("text removed"), null=True)
    numbers_removed_at = models.DateTimeField(_("numbers removed"), null=True)
    posts = models.ManyToManyField(ReceivedPost, related_name="received")

    objects = ReceivedQuerySet.as_manager()

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "key"],
                condition=~models.Q(key=""),
                name="received_once_however_often_it_comes",
            )
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="received_of_account"),
            models.Index(fields=["account", "msisdn", "id"], name="received_of_msisdn"),
            models.Index(fields=["api_user", "id"], name="received_of_api_user"),
            models.Index(
                fields=["received_at", "id"],
                condition=models.Q(settled_at=None),
                name="received_not_settled",
            ),
            models.Index(
                fields=["account", "received_at", "id"],
                condition=models.Q(numbers_removed_at=None),
                name="received_with_numbers",
            ),
            models.Index(
                fields=["api_user", "received_at", "id"],
                condition=models.Q(text_removed_at=None),
                name="received_with_text",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class ReceivedPart(models.Model):
    """One part of a message from a phone, in the coding in which it came."""

    received = models.ForeignKey(
        Received, models.CASCADE, related_name="came_parts", db_index=False
    )
    number = models.PositiveSmallIntegerField(_("part"))
    coding = models.CharField(_("coding"), max_length=8)
    octets = models.BinaryField(_("octets"))

    class Meta:
        verbose_name = _("part of a reply")
        verbose_name_plural = _("parts of replies")
        constraints = [
            models.UniqueConstraint(fields=["received", "number"], name="received_part_once")
        ]

    def __str__(self) -> str:
        return f"{self.received_id}/{self.number}"


class ReplySettings(models.Model):
    """What becomes of replies: the URL that they are forwarded to, and whether STOP is answered.

    Of an account, or of an API user, which has no answers of its own. No row is what a new one
    says.
    """

    account = models.OneToOneField(
        Account, models.CASCADE, null=True, related_name="reply_settings"
    )
    api_user = models.OneToOneField(
        ApiUser, models.CASCADE, null=True, related_name="reply_settings"
    )
    url = models.CharField(_("URL for replies"), max_length=2000, blank=True)
    answers_stop = models.BooleanField(_("answers STOP"), default=True)

    class Meta:
        verbose_name = _("settings of replies")
        verbose_name_plural = _("settings of replies")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account=None, api_user__isnull=False)
                | models.Q(account__isnull=False, api_user=None),
                name="reply_settings_are_of_an_account_or_of_a_user",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
