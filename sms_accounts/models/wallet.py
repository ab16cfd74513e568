"""Purses of credits and their append-only entries; written by `ledger.py` alone."""

from decimal import Decimal
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sms_accounts.models.fields import CreditsField

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from sms_accounts.models.user import User


def spendable(credits: Decimal, *, reserve: Decimal) -> Decimal:
    """Return how much of these credits is there for everything but alerts."""
    return max(credits - reserve, Decimal(0))


class Wallet(models.Model):
    """A purse: an account's, or that of an API user with a quota."""

    credits = CreditsField(_("credits"), default=0)
    # Of these credits so many are for alert SMS alone. An account's purse has such a reserve,
    # that of a quota has none.
    reserve = CreditsField(_("reserve for alerts"), default=0)
    # The highest level at which somebody is told that this purse has fallen. It spares an
    # ordinary debit the look for levels that it crossed.
    highest_threshold = CreditsField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(credits__gte=0), name="wallet_never_overdrawn"
            ),
            models.CheckConstraint(
                condition=models.Q(reserve__gte=0), name="reserve_never_below_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.credits}"

    @property
    def spendable(self) -> Decimal:
        """What is there for everything but alerts."""
        return spendable(self.credits, reserve=self.reserve)


class LedgerEntryQuerySet(models.QuerySet["LedgerEntry"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(account__memberships__user_id=user.pk)

    def of_kind(self, kind: "LedgerEntry.Kind") -> Self:
        found = self.filter(kind=kind)
        # As the index has it: SQLite takes that only where it finds the same words.
        return found if kind == LedgerEntry.Kind.DEBIT else found.filter(~models.Q(kind="debit"))


class LedgerEntry(models.Model):
    """One movement of credits in or out of one purse; the database lets nobody change it.

    `kind` and `reason` say why, `api_user` or `by` who, `submission` and `message` for what.
    """

    class Kind(models.TextChoices):
        TOP_UP = "top_up", _("Top-up")
        CORRECTION = "correction", _("Correction")
        DEBIT = "debit", _("Messages")
        REFUND = "refund", _("Refund")
        QUOTA = "quota", _("Quota")
        TRANSFER = "transfer", _("Transfer")

    # PostgreSQL is not asked for these three and the submission at each entry: it lets nobody
    # delete them, see migrations 0061 and 0063. Indexes of the three stand below, each with the
    # key behind it.
    account = models.ForeignKey(
        "Account",
        models.PROTECT,
        related_name="ledger_entries",
        db_index=False,
        db_constraint=False,
    )
    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="entries", db_index=False, db_constraint=False
    )
    api_user = models.ForeignKey(
        "ApiUser",
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    credits = CreditsField(_("credits"))
    balance = CreditsField(_("balance after"))
    submission = models.ForeignKey(
        "Submission",
        models.PROTECT,
        null=True,
        related_name="ledger_entries",
        db_constraint=False,
    )
    # Debits have neither of these two, and cost their indexes nothing: they stand below too.
    message = models.ForeignKey(
        "Message", models.PROTECT, null=True, related_name="+", db_index=False
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("at"))

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(
                fields=["message"],
                condition=models.Q(kind="refund"),
                name="refund_once_per_message",
            ),
            models.UniqueConstraint(
                fields=["submission"],
                condition=models.Q(kind="debit"),
                name="debit_once_per_submission",
            ),
            models.CheckConstraint(
                condition=~models.Q(credits=0), name="ledger_entry_moves_something"
            ),
            models.CheckConstraint(
                condition=models.Q(balance__gte=0), name="ledger_balance_never_overdrawn"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="debit", submission__isnull=False)
                | models.Q(kind="refund", submission__isnull=False, message__isnull=False)
                | models.Q(kind="quota", api_user__isnull=False)
                | (models.Q(kind__in=["top_up", "correction", "transfer"]) & ~models.Q(reason="")),
                name="ledger_entry_says_why_or_for_what",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="ledger_of_account"),
            models.Index(fields=["account", "api_user", "id"], name="ledger_of_api_user"),
            models.Index(fields=["wallet", "id"], name="ledger_of_wallet"),
            # Without debits, which are nearly all of a ledger: the other kinds are found among
            # them, and what is paid for messages is not slowed down.
            models.Index(
                fields=["account", "kind", "id"],
                condition=~models.Q(kind="debit"),
                name="ledger_but_debits",
            ),
            models.Index(
                fields=["message"],
                condition=models.Q(message__isnull=False),
                name="ledger_of_message",
            ),
            models.Index(
                fields=["by"], condition=models.Q(by__isnull=False), name="ledger_of_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.credits:+}"

    @property
    def kind_label(self) -> str:
        """The kind in words, for long lists: `get_kind_display` takes ten times as long."""
        return str(self.Kind(self.kind).label)
