"""Alone says from which address a request came."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

from sms_accounts.models.api_user import Address

# For a caller without an address, as behind a Unix socket; no restriction names it.
UNKNOWN = ipaddress.IPv6Address("::")


def client_address(request: HttpRequest) -> Address:
    """Return the caller's address; an IPv4-mapped one as the IPv4 address that it is.

    With `PROXIES` of N the one that the outermost of our own proxies saw: the Nth from the
    right of X-Forwarded-For. What stands left of it came from the caller, who may have
    written anything there. Where the header does not hold such an address the request took
    another way, and only the other end of the connection is sure.
    """
    if settings.PROXIES:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        if len(forwarded) >= settings.PROXIES:
            address = _address(forwarded[-settings.PROXIES])
            if address is not None:
                return address
    return _address(request.META.get("REMOTE_ADDR", "")) or UNKNOWN


def _address(text: str) -> Address | None:
    # A scope such as %eth0 says which of our own cables, not who calls.
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
