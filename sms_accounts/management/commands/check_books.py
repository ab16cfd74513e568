"""Recomputes every purse, submission and refund from what it is made of; changes nothing."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from sms_accounts import books
from sms_accounts.management.commands._answers import all_or_nothing, answer
from sms_accounts.models import LedgerEntry, Message, Submission, Wallet
from sms_accounts.models.fields import CreditsField


class Command(BaseCommand):
    help = (
        "Check that every purse holds what its entries add up to, that each submission was paid "
        "once for the price of its messages, that no message or entry lacks its submission, that "
        "each refund gave back what the message cost, that quotas and transfers gave to one purse "
        "what they took from another, and that the database keeps entries from being changed. "
        "Prints the result as one JSON line, and fails where something is off."
    )

    def handle(self, *args: Any, **_: Any) -> None:
        with all_or_nothing():
            differences = [
                *_purses(),
                *_submissions(),
                *_without_submission(),
                *_refunds(),
                *_one_sided(),
                *_protection(),
            ]
            line = answer(
                ok=not differences,
                wallets=Wallet.objects.count(),
                entries=LedgerEntry.objects.count(),
                submissions=Submission.objects.count(),
                differences=differences,
            )
        self.stdout.write(line)
        if differences:
            told = "; ".join(
                f"{found['what']}: {found['is']} instead of {found['should_be']}"
                for found in differences
            )
            raise CommandError(f"The books are wrong: {told}.")


def _difference(what: str, found: Decimal | str, expected: Decimal | str) -> dict[str, object]:
    return {"what": what, "is": found, "should_be": expected}


def _purses() -> Iterable[dict[str, object]]:
    wrong = books.wrong_books()
    wallets = Wallet.objects.select_related("account", "quota_of__account").in_bulk(
        [wallet_id for wallet_id, _held, _added in wrong]
    )
    for wallet_id, held, added in wrong:
        yield _difference(_name(wallets[wallet_id]), held, added)


def _name(wallet: Wallet) -> str:
    if hasattr(wallet, "account"):
        return f"purse of {wallet.account.name}"
    if hasattr(wallet, "quota_of"):
        return f"purse of {wallet.quota_of.login} in {wallet.quota_of.account.name}"
    return f"purse {wallet.pk} of nobody"


def _submissions() -> Iterable[dict[str, object]]:
    messages = Message.objects.filter(submission=OuterRef("pk")).values("submission")
    debits = LedgerEntry.objects.filter(
        submission=OuterRef("pk"), kind=LedgerEntry.Kind.DEBIT
    ).values("submission")
    submissions = Submission.objects.annotate(price=_added(messages), paid=_added(debits))
    for submission in submissions.exclude(credits=F("price")).order_by("pk"):
        yield _difference(
            f"price of submission {submission.pk}", submission.credits, submission.price
        )
    # A debit is stored as what it takes away.
    for submission in submissions.exclude(paid=-F("credits")).order_by("pk"):
        yield _difference(
            f"debit of submission {submission.pk}", -submission.paid, submission.credits
        )


def _without_submission() -> Iterable[dict[str, object]]:
    # No foreign key looks for it on PostgreSQL, see migration 0063.
    submission = Submission.objects.filter(pk=OuterRef("submission_id"))
    paid = LedgerEntry.objects.exclude(submission=None)
    for what, rows in (("message", Message.objects.all()), ("entry", paid)):
        alone = rows.filter(~Exists(submission)).order_by("pk")
        for pk in alone.values_list("pk", flat=True):
            yield _difference(f"submission of {what} {pk}", "missing", "there")


def _added(rows: QuerySet[Any, Any]) -> Coalesce:
    added = rows.annotate(added=Sum("credits", output_field=CreditsField())).values("added")
    return Coalesce(Subquery(added), 0, output_field=CreditsField())


def _refunds() -> Iterable[dict[str, object]]:
    refunds = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND)
    wrong = refunds.exclude(credits=F("message__credits")).select_related("message")
    for entry in wrong.order_by("pk"):
        cost = entry.message.credits if entry.message else Decimal(0)
        yield _difference(f"refund of message {entry.message_id}", entry.credits, cost)


def _one_sided() -> Iterable[dict[str, object]]:
    for kind, account, added in books.one_sided():
        what = f"sum of quota entries of {account}" if account else f"sum of {kind} entries"
        yield _difference(what, added, Decimal("0.00"))


def _protection() -> Iterable[dict[str, object]]:
    if not books.is_append_only():
        yield _difference("protection of ledger entries", "missing", "in place")
