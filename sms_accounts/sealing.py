"""Seals what must be kept and read again, such as a carrier's password; alone knows the keys.

A database that falls into wrong hands gives nothing away: the keys stand in the environment, or
in a file of the data folder.
"""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """It was sealed with a key that is not there any more."""


def seal(text: str) -> str:
    """Return a text that only `unseal` can read, sealed with the first of the keys."""
    return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed with any of the keys, or raise Unreadable."""
    try:
        return _box(tuple(settings.ENCRYPTION_KEYS)).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    # A key may be any long text: what Fernet wants are 32 octets in a coding of its own.
    return MultiFernet(
        [
            Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"sealing:" + key.encode()).digest()))
            for key in keys
        ]
    )
