"""Counts wrong passwords of API users, and alone says who has to wait before the next try.

Three counts stand against a guesser: those of its address, of the login that it tries, and of the
whole installation. An address from which a user of the account has signed in before, or which the
holder has named in the restrictions, stands under none of them but has counts of its own: whoever
guesses from elsewhere, from however many places, cannot lock the owner out, and one script with an
old password does not stop the others beside it. A try counts before its
password is looked at and is taken back when that was right, so that many at once are no way round.

The counts are in the cache, and say nothing of whether an account or a login exists.
"""

import ipaddress
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

from django.core.cache import cache

from sms_accounts.models.api_user import Address

# Whoever has a network of version 6 has as many addresses as he likes within it.
_IPV6_NETWORK = 64


class TooManyTries(Exception):
    """Nothing was checked; the next try is worth making after `wait`."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"wait {wait}")
        self.wait = wait


@dataclass(frozen=True, kw_only=True)
class Limit:
    """So many tries in each span; spans follow each other by the clock."""

    name: str
    most: int
    span: timedelta


OF_ADDRESS = Limit(name="address", most=20, span=timedelta(minutes=10))
OF_LOGIN = Limit(name="login", most=50, span=timedelta(minutes=10))
# What the slow hash may take of the processors, however many addresses and logins are tried.
OF_ALL = Limit(name="all", most=300, span=timedelta(minutes=1))
OF_KNOWN_LOGIN = Limit(name="known-login", most=60, span=timedelta(minutes=10))
OF_KNOWN_ADDRESS = Limit(name="known-address", most=300, span=timedelta(minutes=10))


@contextmanager
def counted(*, account: str, login: str, address: Address, is_known: bool) -> Iterator[None]:
    """Count one try, whose body raises where the password was wrong.

    Raises TooManyTries, before the body, where there were too many.
    """
    now = time.time()
    place = _place(address)
    who = f"{account}/{login}"
    limits = (
        {OF_KNOWN_LOGIN: f"{who} {place}", OF_KNOWN_ADDRESS: f"{account} {place}"}
        if is_known
        else {OF_ADDRESS: place, OF_LOGIN: who, OF_ALL: ""}
    )
    keys = {limit: _key(limit, of, now) for limit, of in limits.items()}
    _refuse_those_who_tried_enough(keys, now)
    counts = {limit: _count(limit, key) for limit, key in keys.items()}
    for limit, count in counts.items():
        # Others came between the look and the count.
        if count > limit.most:
            raise TooManyTries(_left(limit, now))
    yield
    for key in keys.values():
        _take_back(key)


def _refuse_those_who_tried_enough(keys: dict[Limit, str], now: float) -> None:
    found = cache.get_many(keys.values())
    waits = [_left(limit, now) for limit, key in keys.items() if found.get(key, 0) >= limit.most]
    if waits:
        raise TooManyTries(max(waits))


def _count(limit: Limit, key: str) -> int:
    cache.add(key, 0, timeout=limit.span.total_seconds() + 1)
    try:
        return cache.incr(key)
    except ValueError:
        # The cache lost it between the two calls.
        return 1


def _take_back(key: str) -> None:
    try:
        cache.incr(key, -1)
    except ValueError:
        return


def _key(limit: Limit, of: str, now: float) -> str:
    # Whatever was typed as a login: keys are short, and hold nobody's secret.
    digest = blake2b(of.encode(errors="replace"), digest_size=16).hexdigest()
    return f"guesses:{limit.name}:{int(now / limit.span.total_seconds())}:{digest}"


def _left(limit: Limit, now: float) -> timedelta:
    """Return what is left of the present span."""
    span = limit.span.total_seconds()
    return timedelta(seconds=span - now % span)


def _place(address: Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
    return str(address)
