"""Alone says from which address a request came."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from sms_accounts.models.api_user import Address

# For a caller without an address, as behind a Unix socket; no restriction names it.
UNKNOWN = ipaddress.IPv6Address("::")

_Written = tuple[Address, str]


def client_address(request: HttpRequest) -> Address:
    """Return the address that a request of Django came from, see `address_and_text_of`."""
    meta = request.META
    return address_and_text_of(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""))[0]


def address_and_text_of(peer: str, forwarded_for: str) -> _Written:
    """Return the caller's address, as it is and written out; an IPv4-mapped one as an IPv4 address.

    `peer` is the other end of the connection, `forwarded_for` the header X-Forwarded-For. With
    `PROXIES` of N it is the address that the outermost of our own proxies saw: the Nth from the
    right of the header. What stands left of it came from the caller, who may have
    written anything there. Where the header does not hold such an address the request took
    another way, and only the other end of the connection is sure.
    """
    if settings.PROXIES:
        forwarded = forwarded_for.split(",")
        if len(forwarded) >= settings.PROXIES:
            seen = _address(forwarded[-settings.PROXIES])
            if seen is not None:
                return seen
    return _address(peer) or (UNKNOWN, str(UNKNOWN))


@lru_cache(maxsize=4096)
def _address(text: str) -> _Written | None:
    # A scope such as %eth0 says which of our own cables, not who calls.
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    return address, str(address)
