"""Tells whether an IP address is on the public internet, by a table of its own and nothing else.

The table follows the IANA registries as they stood in 2025; an entry that is neither in one of
them nor in an RFC named beside it has no place here. Python's `is_private` and `is_global` answer
other questions (multicast and 6to4 relays are "global" there) and change with the version.

Sources: IANA IPv4 Special-Purpose Address Registry, IANA IPv6 Special-Purpose Address Registry,
IANA IPv4 Address Space Registry, IANA IPv6 Address Space Registry; RFC 6890 and RFC 8190.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_IPV4_SPECIAL = (
    IPv4Network("0.0.0.0/8"),  # this network; Linux connects 0.0.0.0 to itself
    IPv4Network("10.0.0.0/8"),  # private use
    IPv4Network("100.64.0.0/10"),  # shared by carrier-grade NAT, and by some clouds' metadata
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("169.254.0.0/16"),  # link-local, with the clouds' metadata services
    IPv4Network("172.16.0.0/12"),  # private use
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments, but for the exceptions below
    IPv4Network("192.0.2.0/24"),  # documentation, TEST-NET-1
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, given up by RFC 7526
    IPv4Network("192.168.0.0/16"),  # private use
    IPv4Network("198.18.0.0/15"),  # benchmarking
    IPv4Network("198.51.100.0/24"),  # documentation, TEST-NET-2
    IPv4Network("203.0.113.0/24"),  # documentation, TEST-NET-3
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, with the broadcast address at its end
)
_IPV4_REACHABLE = (
    IPv4Network("192.0.0.9/32"),  # Port Control Protocol anycast
    IPv4Network("192.0.0.10/32"),  # TURN anycast
)

# All that IANA ever gave out as global unicast. What lies outside needs no entry of its own:
# unspecified, loopback, IPv4-compatible (::/96), locally translated (64:ff9b:1::/48), discard-only
# (100::/64), segment routing (5f00::/16), unique local, link-local, site-local and multicast.
_IPV6_UNICAST = IPv6Network("2000::/3")
_IPV6_SPECIAL = (
    # IETF protocol assignments, but for the exceptions below: Teredo (2001::/32), benchmarking
    # (2001:2::/48) and the first ORCHID (2001:10::/28) are in it.
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)
_IPV6_REACHABLE = (
    IPv6Network("2001:1::1/128"),  # Port Control Protocol anycast
    IPv6Network("2001:1::2/128"),  # TURN anycast
    IPv6Network("2001:1::3/128"),  # DNS-SD service registration anycast
    IPv6Network("2001:3::/32"),  # automatic multicast tunneling
    IPv6Network("2001:4:112::/48"),  # AS112
    IPv6Network("2001:20::/28"),  # ORCHIDv2
    IPv6Network("2001:30::/28"),  # drone remote identification
)

_IPV4_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")


def is_public(address: Address) -> bool:
    """Return whether an address is meant to be reached from the whole internet.

    An IPv6 address that only carries an IPv4 address (mapped, NAT64, 6to4) is judged by that one.
    """
    if isinstance(address, IPv4Address):
        return not _within(address, _IPV4_SPECIAL) or _within(address, _IPV4_REACHABLE)
    carried = _carried(address)
    if carried is not None:
        return is_public(carried)
    if address not in _IPV6_UNICAST:
        return False
    return not _within(address, _IPV6_SPECIAL) or _within(address, _IPV6_REACHABLE)


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that a mapped IPv6 address is another spelling of, else itself."""
    if isinstance(address, IPv6Address) and address in _IPV4_MAPPED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address in _IPV4_MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _6TO4:
        return IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return None


def _within(address: Address, networks: tuple[IPv4Network, ...] | tuple[IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)
