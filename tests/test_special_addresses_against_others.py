"""The table of address ranges against IANA's registries as another program would read them.

The rows below are those of the registries, as prefixes in bits, and are judged by the longest
prefix that matches: nothing here is shared with the table that is tested.
"""

import random
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from sms_accounts.outbound import CallFailed, get
from sms_accounts.outbound_urls import NotAllowed
from sms_accounts.special_addresses import is_public
from tests.sizes import in_full

# Prefix, and whether IANA calls it globally reachable. What carries an IPv4 address is judged by
# that one; whatever is in no row of IPv6 was given to nobody.
IPV4 = {
    "0.0.0.0/0": True,
    "0.0.0.0/8": False,
    "10.0.0.0/8": False,
    "100.64.0.0/10": False,
    "127.0.0.0/8": False,
    "169.254.0.0/16": False,
    "172.16.0.0/12": False,
    "192.0.0.0/24": False,
    "192.0.0.9/32": True,
    "192.0.0.10/32": True,
    "192.0.2.0/24": False,
    "192.31.196.0/24": True,
    "192.52.193.0/24": True,
    "192.88.99.0/24": False,
    "192.168.0.0/16": False,
    "192.175.48.0/24": True,
    "198.18.0.0/15": False,
    "198.51.100.0/24": False,
    "203.0.113.0/24": False,
    "224.0.0.0/4": False,
    "240.0.0.0/4": False,
}
IPV6 = {
    "::/0": False,
    "2000::/3": True,
    "64:ff9b:1::/48": False,
    "100::/64": False,
    "100:0:0:1::/64": False,
    "2001::/23": False,
    "2001::/32": False,
    "2001:1::1/128": True,
    "2001:1::2/128": True,
    "2001:1::3/128": True,
    "2001:2::/48": False,
    "2001:3::/32": True,
    "2001:4:112::/48": True,
    "2001:10::/28": False,
    "2001:20::/28": True,
    "2001:30::/28": True,
    "2001:db8::/32": False,
    "2620:4f:8000::/48": True,
    "3fff::/20": False,
    "5f00::/16": False,
    "fc00::/7": False,
    "fe80::/10": False,
}
CARRIERS = [("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80)]
# An address below each of these metadata services is what an attacker asks for first.
METADATA = ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254"]

RANDOM = 100_000


def bits(address) -> str:
    return format(int(address), f"0{address.max_prefixlen}b")


def rows(table):
    networks = [(ip_network(prefix), reachable) for prefix, reachable in table.items()]
    return {bits(one.network_address)[: one.prefixlen]: reachable for one, reachable in networks}


ROWS = {4: rows(IPV4), 6: rows(IPV6)}
CARRYING = {bits(ip_address("::ffff:0:0"))[:96]: 96, bits(ip_address("64:ff9b::"))[:96]: 96}
CARRYING[bits(ip_address("2002::"))[:16]] = 16


def is_reachable(address):
    """Judge by the longest prefix of the registries, bit by bit."""
    written = bits(address)
    if address.version == 6:
        for prefix, length in CARRYING.items():
            if written.startswith(prefix):
                return is_reachable(IPv4Address(int(written[length : length + 32], 2)))
    known = ROWS[address.version]
    return next(known[written[:n]] for n in range(len(written), -1, -1) if written[:n] in known)


def boundaries():
    """The first and last address of each row, and their neighbours."""
    for table in (IPV4, IPV6):
        for prefix in table:
            network = ip_network(prefix)
            for number in (int(network[0]), int(network[-1])):
                for near in (number - 1, number, number + 1):
                    if 0 <= near < 2**network.max_prefixlen:
                        yield IPv4Address(near) if network.version == 4 else IPv6Address(near)


def carried(address):
    for base, shift in CARRIERS:
        yield IPv6Address(int(ip_address(base)) | int(address) << shift)


def random_addresses(count):
    """Half of each family; of IPv6 most near the rows, since nearly all else is given to nobody."""
    dice = random.Random(7)  # noqa: S311
    bases = [ip_network(prefix) for prefix in IPV6]
    for number in range(count):
        if number % 2:
            yield IPv4Address(dice.getrandbits(32))
        elif number % 4:
            base = dice.choice(bases)
            yield base[dice.randrange(base.num_addresses)]
        else:
            yield IPv6Address(dice.getrandbits(128))


class TestIsPublic:
    def test_agrees_at_every_boundary(self):
        for address in boundaries():
            assert is_public(address) == is_reachable(address), address

    def test_agrees_at_every_boundary_within_what_carries_it(self):
        for address in boundaries():
            if address.version == 4:
                for carrier in carried(address):
                    assert is_public(carrier) == is_reachable(carrier), carrier

    def test_agrees_on_random_addresses(self):
        for address in random_addresses(RANDOM):
            assert is_public(address) == is_reachable(address), address

    @pytest.mark.parametrize("address", METADATA)
    def test_is_false_for_metadata_services(self, address):
        assert not is_public(ip_address(address))


class TestGet:
    def dialled(self, addresses, host="name.example"):
        """Whom a call would connect to, where the name has these addresses."""
        noted = []

        def resolve(host, port, **ignored):
            return [(0, 0, 0, "", (str(address), port)) for address in addresses]

        def connect(address, timeout):
            noted.append(address[0])
            raise ConnectionRefusedError

        with pytest.raises((NotAllowed, CallFailed)) as ended:
            get(f"http://{host}/", resolve=resolve, connect=connect)
        assert not (noted and isinstance(ended.value, NotAllowed))
        return noted

    def test_dials_no_boundary_that_the_registries_deny(self):
        for address in boundaries():
            noted = self.dialled([address])

            assert bool(noted) == is_reachable(address), address

    def test_dials_none_of_many_random_addresses_that_are_denied(self):
        for address in random_addresses(in_full(20_000, otherwise=2_000)):
            for name in self.dialled([address]):
                assert is_reachable(ip_address(name)), address

    def test_dials_nobody_in_any_spelling(self):
        spelt = set(spellings())
        assert len(spelt) >= 300

        for host in spelt:
            # The resolver knows a public address, should anything be taken for a name.
            assert self.dialled(["8.8.8.8"], host=host) == [], host


DENIED = [
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "192.168.0.1",
    "100.64.0.1",
    "172.16.5.4",
    "198.18.0.1",
    "0.0.0.0",  # noqa: S104
]
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")


FORMS: list[Callable[[int], str]] = [
    str,
    hex,
    lambda part: f"0{part:o}",
    lambda part: f"0x{part:02X}",
]


def spellings():
    """More ways to write an inner address than anybody needs."""
    for address in DENIED:
        a, b, c, d = parts = [int(part) for part in address.split(".")]
        number = int(IPv4Address(address))
        yield from (address, f"{address}.", str(number), hex(number), f"0{number:o}")
        yield hex(number).upper().replace("0X", "0x")
        yield from (address.translate(FULL_WIDTH), address.translate(CIRCLED))
        yield address.replace(".", "。")
        yield address.replace(".", "｡")
        for first in FORMS:
            for last in FORMS:
                yield ".".join([first(a), str(b), str(c), last(d)])
            yield f"{first(a)}.{first(b << 16 | c << 8 | d)}"
            yield f"{first(a)}.{first(b)}.{first(c << 8 | d)}"
            yield ".".join(map(first, parts))
        high, low = number >> 16, number & 0xFFFF
        yield f"[::ffff:{address}]"
        yield f"[::FFFF:{high:x}:{low:x}]"
        yield f"[0:0:0:0:0:ffff:{high:04x}:{low:04x}]"
        yield f"[::{address}]"
        yield f"[64:ff9b::{address}]"
        yield f"[64:ff9b::{high:x}:{low:x}]"
        yield f"[64:ff9b:1::{address}]"
        yield f"[2002:{high:x}:{low:x}::]"
        yield f"[2002:{high:04X}:{low:04X}::1]"
        yield f"[2001:0:{high:x}:{low:x}::]"
    yield from ("[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[fe80::1]", "[fec0::1]")
    yield from ("[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[100::1]", "[2001:db8::1]")
    yield from ("localhost", "LOCALHOST", "localhost.", "a.localhost", "ⓛocalhost", "ｌocalhost")
