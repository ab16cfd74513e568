"""Checks what the ledger wrote: purses against their entries, and that nobody can change those."""

from collections.abc import Iterable
from decimal import Decimal

from django.db import connection
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from sms_accounts.models import LedgerEntry, Wallet
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
