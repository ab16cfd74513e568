"""Opens an account for somebody, with its first credits and senders."""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sms_accounts import accounts
from sms_accounts.management.commands._answers import (
    all_or_nothing,
    answer,
    credits_from_zero,
    naming,
)
from sms_accounts.models import Account, Membership, Sender, User, Wallet
from sms_accounts.models.account import ACCOUNT_NAME
from sms_accounts.models.routing import SENDER_NAME
from sms_accounts.senders import enable_sender


class Command(BaseCommand):
    help = (
        "Open an account. Run again, it enables senders that are new, and grants no credits a "
        "second time: that is what top_up is for. Prints what was done as one JSON line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="name like sms-ab12345-1")
        parser.add_argument(
            "--owner", metavar="EMAIL", required=True, help="who holds it; see create_holder"
        )
        parser.add_argument(
            "--credits",
            metavar="N",
            type=credits_from_zero,
            default=Decimal("0.00"),
            help="credits that a new account begins with; none unless given",
        )
        parser.add_argument(
            "--sender",
            metavar="NAME",
            action="append",
            default=[],
            help="sender to enable: 3 to 11 letters and digits, or a number; may be repeated",
        )

    def handle(
        self,
        *args: Any,
        name: str,
        owner: str,
        credits: Decimal,
        sender: list[str],
        **_: Any,
    ) -> str:
        with naming("NAME"):
            ACCOUNT_NAME(name)
        with naming("--sender"):
            for each in sender:
                SENDER_NAME(each)
        with all_or_nothing():
            person = User.objects.filter(email__iexact=owner.strip()).first()
            if person is None:
                raise CommandError(
                    f"--owner: nobody has the e-mail address '{owner}'. "
                    "Add the person with create_holder first."
                )
            account = Account.objects.select_for_update(no_key=True).filter(name=name).first()
            if account is None:
                return _open(name, person, credits, sender)
            return _complete(account, person, sender)


def _open(name: str, owner: User, credits: Decimal, senders: list[str]) -> str:
    wanted = tuple(dict.fromkeys(senders))
    accounts.open_account(name, owner=owner, by=None, credits=credits, senders=wanted)
    return answer(
        account=name,
        created=True,
        owner=owner.email,
        credits_granted=credits,
        credits_left=credits,
        senders_enabled=wanted,
    )


def _complete(account: Account, owner: User, senders: list[str]) -> str:
    holds = Membership.objects.filter(account=account, user=owner, role=Membership.Role.OWNER)
    if not holds.exists():
        raise CommandError(
            f"--owner: {account.name} exists, and {owner.email} does not own it. "
            "Staff name further owners in the administration."
        )
    enabled = set(
        Sender.objects.filter(account=account, status=Sender.Status.ENABLED).values_list(
            "name", flat=True
        )
    )
    missing = [sender for sender in dict.fromkeys(senders) if sender not in enabled]
    for sender in missing:
        enable_sender(account, sender, by=None)
    return answer(
        account=account.name,
        created=False,
        owner=owner.email,
        credits_granted=Decimal("0.00"),
        credits_left=Wallet.objects.get(pk=account.wallet_id).credits,
        senders_enabled=missing,
    )
