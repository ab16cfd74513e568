"""Tests of the table of address ranges, at the edges of each and against Python's own table."""

import random
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from sms_accounts.special_addresses import is_public, unmapped

# Ranges that are not public, whose neighbours on both sides are.
ISLANDS = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/29",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001:db8::/32",
]
# Ranges that are not public and touch others, or the end of all addresses.
RANGES = [
    *ISLANDS,
    "0.0.0.0/8",
    "192.0.0.128/25",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "3fff::/20",
    "4000::/3",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
# Ranges inside special ones, or special in name only, that IANA calls globally reachable.
REACHABLE = [
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.175.48.0/24",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:20::/28",
    "2001:30::/28",
    "2620:4f:8000::/48",
]
CARRIERS = ["::ffff:{}", "64:ff9b::{}", "2002:{}::1"]


def carried_in(shape, address):
    value = int(IPv4Address(address))
    return ip_address(shape.format(f"{value >> 16:x}:{value & 0xFFFF:x}"))


class TestIsPublic:
    @pytest.mark.parametrize("cidr", RANGES)
    def test_is_false_from_the_first_to_the_last_address_of_a_special_range(self, cidr):
        network = ip_network(cidr)

        assert not is_public(network[0])
        assert not is_public(network[network.num_addresses // 2])
        assert not is_public(network[-1])

    @pytest.mark.parametrize("cidr", [*ISLANDS[:5], *ISLANDS[6:]])
    def test_is_true_on_both_sides_of_a_special_range(self, cidr):
        network = ip_network(cidr)

        assert is_public(network[0] - 1)
        assert is_public(network[-1] + 1)

    @pytest.mark.parametrize("cidr", REACHABLE)
    def test_is_true_from_the_first_to_the_last_address_of_a_reachable_range(self, cidr):
        network = ip_network(cidr)

        assert is_public(network[0])
        assert is_public(network[-1])

    @pytest.mark.parametrize(
        ("last", "first"),
        [
            ("0.255.255.255", "1.0.0.0"),
            ("192.0.0.255", "192.0.1.0"),
            ("192.0.0.8", "192.0.0.9"),
            ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
            ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
            ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
            ("2001:4:113::", "2001:4:112:ffff:ffff:ffff:ffff:ffff"),
        ],
    )
    def test_changes_where_a_special_range_ends(self, last, first):
        assert not is_public(ip_address(last))
        assert is_public(ip_address(first))

    @pytest.mark.parametrize(
        ("first", "before"),
        [("224.0.0.0", "223.255.255.255"), ("4000::", "3fff:ffff::"), ("192.0.0.11", "192.0.0.10")],
    )
    def test_changes_where_a_special_range_starts(self, first, before):
        assert not is_public(ip_address(first))
        assert is_public(ip_address(before))

    @pytest.mark.parametrize("shape", CARRIERS)
    @pytest.mark.parametrize("inner", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0"])  # noqa: S104
    def test_judges_by_a_special_address_inside(self, shape, inner):
        assert not is_public(carried_in(shape, inner))

    @pytest.mark.parametrize("shape", CARRIERS)
    def test_judges_by_a_public_address_inside(self, shape):
        assert is_public(carried_in(shape, "8.8.8.8"))

    def test_agrees_with_python_on_random_ipv4_addresses(self):
        # Python counts these as global, against RFC 7526 and the address space registry.
        differing = [ip_network("192.88.99.0/24"), ip_network("224.0.0.0/4")]
        numbers = random.Random(4)  # noqa: S311

        for _ in range(20_000):
            address = IPv4Address(numbers.getrandbits(32))
            expected = address.is_global and not any(address in one for one in differing)
            # What the registry added later than this Python is judged by the tests above.
            if address not in ip_network("192.0.0.0/24"):
                assert is_public(address) == expected, address

    def test_agrees_with_python_on_random_ipv6_addresses(self):
        # Python takes all that is not registered for global, not only what is given out. What
        # carries an IPv4 address, and what newer versions know, is judged by the tests above.
        unicast = ip_network("2000::/3")
        apart = [ip_network(one) for one in ("2001::/23", "2002::/16", "3fff::/20")]
        drawn_from = [ip_network(one) for one in ("::/0", "2000::/3", "2001:d00::/24")]
        numbers = random.Random(6)  # noqa: S311

        for _ in range(20_000):
            network = numbers.choice(drawn_from)
            address = network[numbers.randrange(network.num_addresses)]
            if not any(address in one for one in apart):
                expected = address.is_global and address in unicast
                assert is_public(address) == expected, address


class TestUnmapped:
    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:ffff:ffff", "255.255.255.255"),
            ("::fffe:192.0.2.1", "::fffe:192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
        ],
    )
    def test_unwraps_mapped_addresses_and_no_others(self, address, expected):
        assert unmapped(ip_address(address)) == ip_address(expected)
