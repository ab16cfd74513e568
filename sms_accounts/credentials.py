"""Passwords of API users: made, hashed, checked, and right ones remembered for a short time."""

import re
import secrets
import string
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.utils import timezone

from sms_accounts import callers, guesses
from sms_accounts.callers import Caller
from sms_accounts.models import AddressUse, ApiUser
from sms_accounts.models.api_user import Address

SHORTEST, LONGEST = 8, 64
_ACCEPTED = re.compile(r"[A-Za-z0-9]{8,64}")
_ALPHABET = string.ascii_letters + string.digits

REMEMBERED_FOR = timedelta(minutes=5)
MOST_REMEMBERED = 20_000

# A user has the present password, and for a while the one before.
MOST_PASSWORDS = 2
# How long an address from which a user has signed in stays one that guessers cannot block.
KNOWN_FOR = timedelta(days=90)

# Of the digests that are remembered, which no other process ever sees.
_KEY = secrets.token_bytes(64)


class UnfitPassword(ValueError):
    """A password is not 8 to 64 letters and digits."""


def generate() -> str:
    """Return a new password of 16 letters and digits (95 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def hashed(password: str) -> str:
    """Return what is stored of a password; raises UnfitPassword."""
    if not _ACCEPTED.fullmatch(password):
        raise UnfitPassword(f"A password has {SHORTEST} to {LONGEST} letters and digits.")
    return make_password(password, hasher=settings.SCRIPT_PASSWORD_HASHER)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who somebody says that he is, and the address that he calls from."""

    account: str
    login: str
    password: str = field(repr=False)
    address: Address


class SignedIn(NamedTuple):
    """Whose credentials a claim had, and whether by the password before the present one."""

    caller: Caller
    with_former_password: bool = False

    @property
    def user(self) -> ApiUser:
        return self.caller.user


class WrongCredentials(Exception):
    """No user who may send has these credentials, whatever was wrong with them."""


def remembered(claim: Claim) -> SignedIn | None:
    """Return whose credentials these were a short time ago, without asking the database.

    None means nothing: `authenticate` knows. What follows from the rest has to be confirmed by
    the revisions of the caller, see `callers.py`.
    """
    caller = callers.remembered(claim.account, claim.login)
    if caller is None:
        return None
    which = _known_one(caller.user, _working_hashes(caller.user), claim.password)
    return None if which is None else SignedIn(caller, bool(which))


def authenticate(claim: Claim) -> SignedIn:
    """Return whose credentials these are; raises WrongCredentials, guesses.TooManyTries.

    A right password is remembered in this process, as a keyed digest bound to the stored hash,
    so that a busy script pays for the slow hash once, until it rests for five minutes. Whatever
    is wrong, the slow hash is computed as often, for nobody too: the time that the answer takes
    does not tell an unknown account, an unknown login, a wrong password and a disabled user apart.
    """
    user = callers.read(claim.account, claim.login)
    hashes = _working_hashes(user)
    which = _known_one(user, hashes, claim.password)
    if user is None or which is None:
        with guesses.counted(
            account=claim.account,
            login=claim.login,
            address=claim.address,
            is_known=_is_known(user, claim),
        ):
            which = _right_one(claim.password, hashes)
            if user is None or which is None:
                raise WrongCredentials
        _remembered.remember(user, hashes[which], claim.password)
    return SignedIn(callers.remember(user), bool(which))


def _working_hashes(user: ApiUser | None) -> list[str]:
    """Return the hashes of the present and of the former password, where they work."""
    if user is None or not (user.is_enabled and user.account.is_enabled):
        return []
    if user.former_password and user.has_former_password(timezone.now()):
        return [user.password, user.former_password]
    return [user.password]


def _known_one(user: ApiUser | None, hashes: Sequence[str], password: str) -> int | None:
    """Return which of the hashes is that of a password that was right a short time ago."""
    if user is not None:
        for number, stored in enumerate(hashes):
            if _remembered.knows(user, stored, password):
                return number
    return None


def _right_one(password: str, hashes: Sequence[str]) -> int | None:
    """Return which of one or two hashes is that of the password.

    A password that is wrong is compared with two hashes for every user and for nobody: that a
    user has two passwords just now, or exists, takes no more time than that it does not.
    """
    for number in range(MOST_PASSWORDS):
        stored = hashes[number] if number < len(hashes) else None
        is_right = check_password(password, stored or _stand_in_hash())
        if stored is not None and is_right:
            return number
    return None


def _is_known(user: ApiUser | None, claim: Claim) -> bool:
    """Say whether a user of the account has signed in from here lately, or the holder has named
    the place for this one."""
    has_signed_in = AddressUse.objects.filter(
        address=str(claim.address),
        accepted_at__gt=timezone.now() - KNOWN_FOR,
        api_user__account__name=claim.account,
    ).exists()
    is_named = user is not None and bool(user.restrictions) and user.allows(claim.address)
    return has_signed_in or is_named


class _Remembered:
    """Digests of passwords that were right, for as long as they come again in a short time.

    Of too many the one that has not come for longest is forgotten. That an end is fixed from the
    first time would guard nothing, since the stored hash is part of a digest; but all scripts that
    began together, as after a restart, would pay for their slow hashes together time and again.
    """

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, user: ApiUser, stored: str, password: str) -> bool:
        digest, now = _digest(user, stored, password), time.monotonic()
        with self._lock:
            is_known = self._until.get(digest, 0.0) > now
            if is_known:
                self._keep(digest, now)
        return is_known

    def remember(self, user: ApiUser, stored: str, password: str) -> None:
        digest, now = _digest(user, stored, password), time.monotonic()
        with self._lock:
            self._keep(digest, now)
            while len(self._until) > MOST_REMEMBERED:
                self._until.popitem(last=False)

    def _keep(self, digest: bytes, now: float) -> None:
        self._until[digest] = now + REMEMBERED_FOR.total_seconds()
        self._until.move_to_end(digest)

    def clear(self) -> None:
        with self._lock:
            self._until.clear()


_remembered = _Remembered()


def forget_all() -> None:
    """Forget every remembered credential of this process (tests begin with that)."""
    _remembered.clear()
    callers.forget_all()


def _digest(user: ApiUser, stored: str, password: str) -> bytes:
    # The stored hash is part of it: a changed password is another entry, in every process at
    # once. No part can hold the character between them.
    told = f"{user.id}\0{stored}\0{password}".encode(errors="replace")
    return blake2b(told, key=_KEY).digest()


_stand_in: list[str] = []


def _stand_in_hash() -> str:
    if not _stand_in:
        _stand_in.append(hashed(generate()))
    return _stand_in[0]
