"""What a part costs to each destination: the rates, remembered in this process for two seconds."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sms_accounts.models import Rate

# A rate that staff change counts everywhere after this time.
REMEMBERED_FOR = timedelta(seconds=2)
_AHEAD = timedelta(seconds=1)


@dataclass(frozen=True)
class _List:
    by_prefix: dict[str, Decimal]
    longest: int
    until: float


_remembered: _List | None = None


def credits_a_part(msisdns: Iterable[str]) -> dict[str, Decimal]:
    """Return the credits of the longest matching prefix for each number that has a rate."""
    rates = _present()
    found = {}
    for msisdn in msisdns:
        for length in range(min(rates.longest, len(msisdn)), -1, -1):
            credits = rates.by_prefix.get(msisdn[:length])
            if credits is not None:
                found[msisdn] = credits
                break
    return found


def is_fresh() -> bool:
    """Say whether the rates are remembered just now, so that nobody has to wait for them."""
    return _remembered is not None and _remembered.until > time.monotonic()


def keep_fresh() -> None:
    """Read the rates anew before they are too old: for a thread that may wait for them."""
    if _remembered is None or _remembered.until < time.monotonic() + _AHEAD.total_seconds():
        # The ones of before stay until these are there: others use them meanwhile.
        _read()


def forget() -> None:
    """Forget the rates of this process (tests begin with that)."""
    global _remembered
    _remembered = None


def _present() -> _List:
    rates = _remembered
    if rates is None or rates.until < time.monotonic():
        return _read()
    return rates


def _read() -> _List:
    # Two who find them too old at once read them both, and either is right.
    global _remembered
    by_prefix = dict(Rate.objects.values_list("prefix", "credits"))
    _remembered = rates = _List(
        by_prefix=by_prefix,
        longest=max(map(len, by_prefix), default=0),
        until=time.monotonic() + REMEMBERED_FOR.total_seconds(),
    )
    return rates
