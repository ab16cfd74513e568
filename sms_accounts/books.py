"""Checks what the ledger wrote: purses against their entries, and that nobody can change those."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from sms_accounts.models import Account, LedgerEntry, Submission, Wallet
from sms_accounts.models.fields import CreditsField

Kind = LedgerEntry.Kind

_ENTRY = LedgerEntry._meta.db_table


def wrong_books(wallet_ids: Iterable[int] | None = None) -> list[tuple[int, Decimal, Decimal]]:
    """Return (purse, what it holds, what its entries add up to) for each purse that is off."""
    wallets = Wallet.objects.all()
    if wallet_ids is not None:
        wallets = wallets.filter(pk__in=wallet_ids)
    added = Coalesce(
        Sum("entries__credits", output_field=CreditsField()), 0, output_field=CreditsField()
    )
    return list(
        wallets.annotate(added=added)
        .exclude(credits=F("added"))
        .order_by("pk")
        .values_list("pk", "credits", "added")
    )


@dataclass(frozen=True)
class WrongPurse:
    """A purse that does not hold what its entries say: of an API user, or of the account."""

    login: str
    held: Decimal
    added: Decimal


@dataclass(frozen=True)
class AccountBooks:
    """What the entries of an account add up to, anew, beside what its purses hold.

    `paid` is the price of all orders in the log of messages. `wrong` names the purses that do
    not hold what their entries say, as `wrong_books` does.
    """

    left: Decimal
    held: Decimal
    topped_up: Decimal
    corrected: Decimal
    transferred: Decimal
    debited: Decimal
    refunded: Decimal
    quotas: Decimal
    paid: Decimal
    purses: int
    entries: int
    wrong: tuple[WrongPurse, ...]

    @property
    def bought(self) -> Decimal:
        return self.topped_up - self.corrected + self.transferred

    @property
    def spent(self) -> Decimal:
        return self.debited - self.refunded

    @property
    def found(self) -> Decimal:
        """What is left, held and spent."""
        return self.left + self.held + self.spent

    @property
    def equals_log(self) -> bool:
        return self.debited == self.paid

    @property
    def is_right(self) -> bool:
        adds_up = self.found == self.bought and not self.quotas
        return adds_up and self.equals_log and not self.wrong


_BESIDE = ("left", "held", "paid")


def check(account: Account) -> AccountBooks:
    """Add up all entries of an account, and compare them with its purses and its orders.

    One question, so that all figures are of the same moment while others spend.
    """
    quotas = Wallet.objects.filter(quota_of__account=account)
    rows = (
        LedgerEntry.objects.filter(account=account)
        .values("kind")
        .annotate(
            added=Sum("credits"),
            entries=Count("pk"),
            left=_sum(Wallet.objects.filter(pk=account.wallet_id), "credits"),
            held=_sum(quotas, "credits"),
            paid=_sum(Submission.objects.filter(account=account), "credits"),
        )
    )
    found = {row["kind"]: row for row in rows}
    added = {kind: found[kind]["added"] if kind in found else Decimal(0) for kind in Kind}
    # An account of which nothing was ever entered holds nothing.
    any_row: Mapping[str, Any] = next(iter(found.values()), dict.fromkeys(_BESIDE, Decimal(0)))
    purses = Wallet.objects.filter(Q(account=account) | Q(quota_of__account=account))
    wrong = wrong_books(purses.values_list("pk", flat=True))
    return AccountBooks(
        left=any_row["left"],
        held=any_row["held"],
        topped_up=added[Kind.TOP_UP],
        corrected=-added[Kind.CORRECTION],
        transferred=added[Kind.TRANSFER],
        debited=-added[Kind.DEBIT],
        refunded=added[Kind.REFUND],
        quotas=added[Kind.QUOTA],
        paid=any_row["paid"],
        purses=purses.count(),
        entries=sum(row["entries"] for row in found.values()),
        wrong=_named(wrong),
    )


def _named(wrong: Sequence[tuple[int, Decimal, Decimal]]) -> tuple[WrongPurse, ...]:
    purses = Wallet.objects.filter(pk__in=[pk for pk, _held, _added in wrong])
    logins = dict(purses.values_list("pk", "quota_of__login"))
    return tuple(WrongPurse(logins[pk] or "", held, added) for pk, held, added in wrong)


def _sum(rows: QuerySet[Any], column: str) -> Coalesce:
    """Return the sum of a column, to be asked along with sums of something else."""
    # Grouped by nothing, and in no order: one row.
    summed = rows.order_by().values(one=Value(1)).annotate(summed=Sum(column)).values("summed")
    # The count, which is of no account, makes an aggregate of it: else it would be asked anew for
    # each row that is added up.
    return Coalesce(Subquery(summed), Count("pk") * 0, output_field=CreditsField())


def one_sided() -> list[tuple[LedgerEntry.Kind, str, Decimal]]:
    """Return (kind, account, sum) where movements between purses do not add up to nothing.

    Quotas move within one account, transfers between two; for the latter there is no account.
    """
    quotas = (
        LedgerEntry.objects.filter(kind=Kind.QUOTA)
        .values_list("account__name")
        .annotate(added=Sum("credits", output_field=CreditsField()))
    )
    transferred = LedgerEntry.objects.filter(kind=Kind.TRANSFER).aggregate(
        added=Sum("credits", output_field=CreditsField())
    )["added"]
    found = [(Kind.QUOTA, name, added) for name, added in quotas.order_by("account__name") if added]
    return [*found, (Kind.TRANSFER, "", transferred)] if transferred else found


def is_append_only() -> bool:
    """Return whether the database refuses to change or delete an entry.

    The triggers are those of the table: a migration that makes the table anew, as many do on
    SQLite, or a copy taken without them leaves them behind.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgname = 'ledger_entry_is_kept'"
                " AND tgrelid = %s::regclass AND tgenabled <> 'D'",
                [_ENTRY],
            )
            return bool(cursor.fetchone() == (1,))
        cursor.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
            " AND name IN ('ledger_entry_is_never_changed', 'ledger_entry_is_never_deleted')",
            [_ENTRY],
        )
        return bool(cursor.fetchone() == (2,))
