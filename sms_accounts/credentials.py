"""Passwords of API users: made, hashed, checked, and right ones remembered for a short time."""

import hmac
import re
import secrets
import string
import threading
import time
from collections import OrderedDict
from datetime import timedelta
from hashlib import blake2b

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from sms_accounts.models import ApiUser

SHORTEST, LONGEST = 8, 64
_ACCEPTED = re.compile(r"[A-Za-z0-9]{8,64}")
_ALPHABET = string.ascii_letters + string.digits

REMEMBERED_FOR = timedelta(minutes=5)
MOST_REMEMBERED = 20_000


class UnfitPassword(ValueError):
    """A password is not 8 to 64 letters and digits."""


def generate() -> str:
    """Return a new password of 16 letters and digits (95 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def hashed(password: str) -> str:
    """Return what is stored of a password; raises UnfitPassword."""
    if not _ACCEPTED.fullmatch(password):
        raise UnfitPassword(f"A password has {SHORTEST} to {LONGEST} letters and digits.")
    return make_password(password)


def authenticate(account_name: str, login: str, password: str) -> ApiUser | None:
    """Return the user whose credentials these are, or None, whatever was wrong with them.

    A right password is remembered in this process, as a keyed digest bound to the moment the
    password was set, so that a busy script pays for the slow hash once in five minutes. For
    an unknown account or login the slow hash is computed all the same: the time that the
    answer takes does not tell which of the three was wrong.
    """
    user = (
        ApiUser.objects.present()
        .select_related("account", "wallet")
        # PostgreSQL cannot even be asked for a NUL; nobody has an empty login.
        .filter(account__name=account_name, login="" if "\0" in login else login)
        .first()
    )
    if user is not None and _remembered.knows(user, password):
        return user if _may_send(user) else None
    if not check_password(password, user.password if user else _stand_in_hash()):
        return None
    if user is None or not _may_send(user):
        return None
    _remembered.remember(user, password)
    return user


def _may_send(user: ApiUser) -> bool:
    return user.is_enabled and user.account.is_enabled


class _Remembered:
    """Digests of passwords that were right a short time ago, the oldest forgotten first."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, user: ApiUser, password: str) -> bool:
        digest = _digest(user, password)
        with self._lock:
            until = self._until.get(digest)
        return until is not None and until > time.monotonic()

    def remember(self, user: ApiUser, password: str) -> None:
        with self._lock:
            self._until[_digest(user, password)] = time.monotonic() + REMEMBERED_FOR.total_seconds()
            while len(self._until) > MOST_REMEMBERED:
                self._until.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._until.clear()


_remembered = _Remembered()


def forget_all() -> None:
    """Forget every remembered credential of this process (tests begin with that)."""
    _remembered.clear()


def _digest(user: ApiUser, password: str) -> bytes:
    # The stored hash is part of the key: a changed password is another entry, in every
    # process at once.
    key = hmac.digest(settings.SECRET_KEY.encode(), user.password.encode(), "sha256")
    return blake2b(f"{user.pk}:{password}".encode(errors="replace"), key=key).digest()


_stand_in: list[str] = []


def _stand_in_hash() -> str:
    if not _stand_in:
        _stand_in.append(make_password(generate()))
    return _stand_in[0]
