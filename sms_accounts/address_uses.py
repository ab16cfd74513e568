"""Remembers from which addresses each API user calls, and from which it was refused."""

import time
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from sms_accounts.credentials import SignedIn
from sms_accounts.models import AddressUse
from sms_accounts.models.api_user import Address

_LATELY = timedelta(minutes=1)
_MOST_REMEMBERED = 20_000

# When this process last stored, or saw stored, a call like this: user, address, method, and
# whether it had the former password.
_noted: dict[tuple[int, str, str, bool], float] = {}


def is_noted(signed_in: SignedIn, address: Address, *, method: AddressUse.Method) -> bool:
    """Say whether this process has noted an accepted call like this a short time ago."""
    call = (signed_in.user.pk, str(address), method, signed_in.with_former_password)
    return _noted.get(call, 0) > time.monotonic() - _LATELY.total_seconds()


def note(
    signed_in: SignedIn,
    address: Address,
    *,
    method: AddressUse.Method,
    accepted: bool,
    is_inside: bool,
) -> None:
    """Remember that somebody with the right password called from an address.

    `is_inside` says whether the restrictions name the address. What is as it was a minute ago
    is not stored again, since it only says "lately"; each call from outside counts.
    """
    user, now = signed_in.user, timezone.now()
    if is_inside and is_noted(signed_in, address, method=method):
        return
    call = (user.pk, str(address), method, signed_in.with_former_password)
    changes: dict[str, object] = {}
    if accepted:
        changes |= {
            "accepted_at": now,
            "method": method,
            "with_former_password": signed_in.with_former_password,
        }
    rows = AddressUse.objects.filter(api_user=user, address=str(address))
    if (
        is_inside
        and rows.filter(
            accepted_at__gt=now - _LATELY,
            method=method,
            with_former_password=signed_in.with_former_password,
        ).exists()
    ):
        _remember(call)
        return
    counted = "observations" if accepted else "refusals"
    outside = {"observed_at" if accepted else "refused_at": now} if not is_inside else {}
    if is_inside:
        _remember(call)
    if rows.update(**changes, **outside, **({counted: F(counted) + 1} if outside else {})):
        return
    first = AddressUse(api_user=user, address=str(address), **changes, **outside)
    if outside:
        setattr(first, counted, 1)
    AddressUse.objects.bulk_create([first], ignore_conflicts=True)


def _remember(call: tuple[int, str, str, bool]) -> None:
    if len(_noted) >= _MOST_REMEMBERED:
        _noted.clear()
    _noted[call] = time.monotonic()


def forget_all() -> None:
    """Forget what this process has noted (tests begin with that)."""
    _noted.clear()
