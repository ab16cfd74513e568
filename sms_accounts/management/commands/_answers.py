"""How the operators' commands read their options and answer: one JSON line, or one sentence."""

import json
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import DatabaseError, IntegrityError, transaction

from sms_accounts.models import Account
from sms_accounts.models.fields import HUNDREDTH, MOST_CREDITS


def answer(**facts: object) -> str:
    """Return what was done as one line of JSON; credits are texts, so that none is rounded."""
    return json.dumps(facts, default=str)


def credits_from_zero(text: str) -> Decimal:
    return _credits(text, least=Decimal("0.00"))


def credits_from_one(text: str) -> Decimal:
    return _credits(text, least=Decimal("1.00"))


def credits_above_zero(text: str) -> Decimal:
    return _credits(text, least=HUNDREDTH)


def _credits(text: str, *, least: Decimal) -> Decimal:
    wrong = ArgumentTypeError(
        f"'{text}' is no number of credits: give {least} to {MOST_CREDITS}, two decimals at most"
    )
    try:
        credits = Decimal(text)
    except InvalidOperation:
        raise wrong from None
    if not credits.is_finite() or not least <= credits <= MOST_CREDITS:
        raise wrong
    if credits != credits.quantize(HUNDREDTH):
        raise wrong
    return credits.quantize(HUNDREDTH)


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Open the one transaction of a command, and tell what the database has against it."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise CommandError(
            "Somebody else changed the same thing at this moment, so nothing was done. "
            "Run the command again."
        ) from None
    except DatabaseError as refused:
        reason = " ".join(str(refused).split())
        raise CommandError(
            f"The database does not do its work: {reason}. "
            "Where it is new, run 'python3 manage.py migrate' first."
        ) from refused


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Put the option's name in front of what is wrong with its value."""
    try:
        yield
    except (ValidationError, ValueError) as wrong:
        reasons = wrong.messages if isinstance(wrong, ValidationError) else [str(wrong)]
        raise CommandError(f"{option}: {' '.join(reasons)}") from None


def locked_account(name: str) -> Account:
    """Return an account, and let a second command on it wait until this one is through."""
    # The weaker lock leaves those alone who meanwhile send from the account.
    account = Account.objects.select_for_update(no_key=True).filter(name=name).first()
    if account is None:
        raise CommandError(
            f"ACCOUNT: there is no account '{name}'. Open it with create_account first."
        )
    return account
