"""Alone says from which address a request came."""

import ipaddress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

from sms_accounts.models.api_user import Address

# For a caller without an address, as behind a Unix socket; no restriction names it.
UNKNOWN = ipaddress.IPv6Address("::")


def client_address(request: HttpRequest) -> Address:
    """Return the address that a request of Django came from, see `address_of`."""
    return address_of(
        request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
    )


def address_of(peer: str, forwarded_for: str) -> Address:
    """Return the caller's address; an IPv4-mapped one as the IPv4 address that it is.

    `peer` is the other end of the connection, `forwarded_for` the header X-Forwarded-For. With
    `PROXIES` of N it is the address that the outermost of our own proxies saw: the Nth from the
    right of the header. What stands left of it came from the caller, who may have
    written anything there. Where the header does not hold such an address the request took
    another way, and only the other end of the connection is sure.
    """
    if settings.PROXIES:
        forwarded = forwarded_for.split(",")
        if len(forwarded) >= settings.PROXIES:
            address = _address(forwarded[-settings.PROXIES])
            if address is not None:
                return address
    return _address(peer) or UNKNOWN


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    # A scope such as %eth0 says which of our own cables, not who calls.
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
