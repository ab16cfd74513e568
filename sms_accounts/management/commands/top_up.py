"""Puts bought credits into an account."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sms_accounts import activity, ledger
from sms_accounts.management.commands._answers import (
    all_or_nothing,
    answer,
    credits_above_zero,
    locked_account,
)
from sms_accounts.models import Account, LedgerEntry, Wallet

_LONGEST_REASON = 120


class Command(BaseCommand):
    help = (
        "Put credits into an account: once per call, or, with --reference, once per reference, "
        "however often it is called. Prints what was done as one JSON line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT", help="name of the account")
        parser.add_argument(
            "credits", metavar="N", type=credits_above_zero, help="credits to put in"
        )
        parser.add_argument(
            "--reason",
            metavar="TEXT",
            type=_reason,
            default="Top-up",
            help="what the holder reads in the statement",
        )
        parser.add_argument(
            "--reference",
            metavar="KEY",
            type=_reference,
            help="key of this top-up, such as the invoice; a second call with it adds nothing",
        )

    def handle(
        self,
        *args: Any,
        account: str,
        credits: Decimal,
        reason: str,
        reference: str | None,
        **_: Any,
    ) -> str:
        with all_or_nothing():
            # Of two calls with one reference the second waits here, and then finds the entry.
            topped_up = locked_account(account)
            former = _entered(topped_up, reference) if reference else None
            if former is not None and former.credits != credits:
                raise CommandError(
                    f"--reference: '{reference}' has put in {former.credits} credits already. "
                    "Give another reference for another top-up."
                )
            added = Decimal("0.00") if former else credits
            if added:
                told = f"{reason} [{reference}]" if reference else reason
                ledger.top_up(topped_up, added, by=None, reason=told)
                told_more = {"credits": str(added), "reason": told}
                activity.record(None, "credits granted", topped_up, after=told_more)
            left = Wallet.objects.get(pk=topped_up.wallet_id).credits
        return answer(account=account, credits_added=added, credits_left=left, reference=reference)


def _entered(account: Account, reference: str) -> LedgerEntry | None:
    top_ups = LedgerEntry.objects.filter(
        account=account, kind=LedgerEntry.Kind.TOP_UP, reason__endswith=f" [{reference}]"
    )
    # SQLite takes capitals and small letters for the same; references differ by them.
    return next((entry for entry in top_ups if entry.reason.endswith(f" [{reference}]")), None)


def _reason(text: str) -> str:
    told = text.strip()
    # A reason that ends in a bracket could be taken for somebody's reference.
    if not told or len(told) > _LONGEST_REASON or told.endswith("]"):
        raise ArgumentTypeError(
            f"give 1 to {_LONGEST_REASON} characters, the last of them no square bracket"
        )
    return told


def _reference(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:/-]{1,60}", text):
        raise ArgumentTypeError("give 1 to 60 letters, digits and . _ : / -")
    return text
