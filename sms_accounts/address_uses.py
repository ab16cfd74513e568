"""Remembers from which addresses each API user calls, and from which it was refused."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F
from django.utils import timezone

from sms_accounts.credentials import SignedIn
from sms_accounts.models import AddressUse
from sms_accounts.models.api_user import Address

log = structlog.get_logger(__name__)

_LATELY = timedelta(minutes=1)
# How long what is to be stored waits for more: each time is a transaction.
GATHERING = timedelta(seconds=1)
_MOST_REMEMBERED = 20_000

# Of an accepted call: user, address, method, and whether it had the former password.
_Call = tuple[int, str, AddressUse.Method, bool]

# When this process last stored, or saw stored, a call like this.
_noted: dict[_Call, float] = {}

# What is to be stored by the thread, and when it was.
_waiting: dict[_Call, datetime] = {}
_lock = threading.Lock()
_thread = ThreadPoolExecutor(1, thread_name_prefix="address-uses")


def note_soon(signed_in: SignedIn, address: str, *, method: AddressUse.Method) -> None:
    """Remember an accepted call from an address that the restrictions name; nobody waits for it.

    A thread stores it together with what others bring in the next second. Where it cannot, it is
    lost, and the next call like it is stored.
    """
    call = _call(signed_in, address, method)
    if _is_noted(call):
        return
    _remember(call)
    with _lock:
        _waiting[call] = timezone.now()
        is_first = len(_waiting) == 1
    if is_first:
        _thread.submit(_store_waiting)


def _store_waiting() -> None:
    time.sleep(GATHERING.total_seconds())
    with _lock:
        calls = dict(_waiting)
        _waiting.clear()
    try:
        _store(calls)
    except (DatabaseError, InterfaceError) as failed:
        log.warning("address_uses_not_stored", calls=len(calls), problem=type(failed).__name__)
        for call in calls:
            _noted.pop(call, None)
    finally:
        connection.close()


def _store(calls: Mapping[_Call, datetime]) -> None:
    # Of an address the last way; in the order of the keys, since another process may do so too.
    uses = {
        (user, address): AddressUse(
            api_user_id=user,
            address=address,
            accepted_at=at,
            method=method,
            with_former_password=with_former_password,
        )
        for (user, address, method, with_former_password), at in calls.items()
    }
    AddressUse.objects.bulk_create(
        [uses[key] for key in sorted(uses)],
        update_conflicts=True,
        unique_fields=["api_user", "address"],
        update_fields=["accepted_at", "method", "with_former_password"],
    )


def _call(signed_in: SignedIn, address: str, method: AddressUse.Method) -> _Call:
    return signed_in.user.pk, address, method, signed_in.with_former_password


def _is_noted(call: _Call) -> bool:
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
    call = _call(signed_in, str(address), method)
    if is_inside and _is_noted(call):
        return
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


def _remember(call: _Call) -> None:
    if len(_noted) >= _MOST_REMEMBERED:
        _noted.clear()
    _noted[call] = time.monotonic()


def forget_all() -> None:
    """Forget what this process has noted, and what it was to store (tests begin with that)."""
    with _lock:
        _waiting.clear()
    _noted.clear()
