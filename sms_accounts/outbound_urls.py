"""Reads the URLs that customers typed, and says which of them may lead to an address at all.

Whatever is said in several ways (a host above all) becomes one spelling here, and what parsers
disagree about is refused. `outbound` calls what is left.
"""

import re
import socket
import string
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, quote, urlsplit

from sms_accounts.special_addresses import Address, Network, is_public, unmapped

# What may be typed, and what may be called once the caller has added values to it.
LONGEST_URL = 2_000
LONGEST_CALLED = 2_500

_PORTS = {"http": 80, "https": 443}
_NETLOC = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[^:]*))?")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
# As browsers have it: a last label like these makes the whole host an IPv4 address or nothing.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Refusal(StrEnum):
    """Why a URL is not called, as a sentence that says what is accepted."""

    LENGTH = "The URL may have at most 2,000 characters."
    CHARACTERS = "The URL may hold no spaces, backslashes or control characters."
    SCHEME = "The URL must start with http:// or https://."
    CREDENTIALS = "The URL may hold no user name and no password."
    HOST = "The URL needs a host name or an IP address, such as www.example.com."
    PORT = "The port of the URL must be a number from 1 to 65535."
    ADDRESS = "The URL must lead to an address on the public internet."


class NotAllowed(Exception):
    """The URL is not one to call; nothing was sent. Never tells what a name resolved to."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True)
class Target:
    scheme: str
    host: str
    port: int
    path: str
    # The address that the host is a spelling of; None if it is a name to resolve.
    address: Address | None


def check_url(url: str, *, trusted: Collection[Network] = ()) -> None:
    """Raise NotAllowed for a URL that `get` would refuse whatever its name resolves to.

    Asks nobody: this is for the moment a URL is saved. `get` judges the addresses again.
    """
    # In the form in which it is stored and indexed: letters like é take more than one place.
    if len(url.encode(errors="replace")) > LONGEST_URL:
        raise NotAllowed(Refusal.LENGTH)
    target = read(url)
    if target.address is not None:
        allow([target.address], trusted=trusted)


def allow(addresses: Iterable[Address], *, trusted: Collection[Network]) -> None:
    """Raise NotAllowed if a single address is neither public nor trusted.

    A name with both kinds of addresses is an attack or a mistake, so it is not called at all.
    """
    for address in addresses:
        if not is_public(address) and not any(address in network for network in trusted):
            raise NotAllowed(Refusal.ADDRESS)


def query_sent(url: str) -> str:
    """Return the query of a URL byte for byte as `get` sends it; raises NotAllowed."""
    return read(url).path.partition("?")[2]


def read(url: str) -> Target:
    if len(url) > LONGEST_CALLED:
        raise NotAllowed(Refusal.LENGTH)
    # Parsers disagree about what these mean, and some drop them silently.
    if not url.isprintable() or " " in url or "\\" in url:
        raise NotAllowed(Refusal.CHARACTERS)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise NotAllowed(Refusal.HOST) from error
    if parts.scheme not in _PORTS:
        raise NotAllowed(Refusal.SCHEME)
    if "@" in parts.netloc:
        raise NotAllowed(Refusal.CREDENTIALS)
    netloc = _NETLOC.fullmatch(parts.netloc)
    if netloc is None:
        raise NotAllowed(Refusal.HOST)
    host, address = _host(name=netloc["name"], ipv6=netloc["ipv6"])
    port = _port(netloc["port"]) or _PORTS[parts.scheme]
    return Target(parts.scheme, host, port, _path(parts), address)


def _host(*, name: str | None, ipv6: str | None) -> tuple[str, Address | None]:
    """Return the host in its one ASCII spelling, and the address if it is one."""
    if name is not None:
        return _named_host(name)
    try:
        address = IPv6Address(ipv6 or "")
    except ValueError as error:
        raise NotAllowed(Refusal.HOST) from error
    # A zone names an interface of this machine, which is nothing a customer can know.
    if address.scope_id is not None:
        raise NotAllowed(Refusal.HOST)
    plain = unmapped(address)
    return str(plain), plain


# The same hosts come over and over.
@lru_cache(maxsize=1_024)
def _named_host(typed: str) -> tuple[str, Address | None]:
    # The standard library knows the older IDNA, in which these two become other letters, and
    # the call would go to somebody else's domain. Their owners know the xn-- spelling.
    if any(letter in typed for letter in "ßς"):
        raise NotAllowed(Refusal.HOST)
    try:
        name = typed.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise NotAllowed(Refusal.HOST) from error
    if not _NAME.fullmatch(name):
        raise NotAllowed(Refusal.HOST)
    # Always this machine (RFC 6761). Not resolved, as it would be ::1 too, which nobody lists.
    if name == "localhost" or name.endswith(".localhost"):
        return name, IPv4Address("127.0.0.1")
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name, None
    try:
        # The rules that resolvers use: decimal, octal and hexadecimal, one to four numbers.
        address = IPv4Address(socket.inet_aton(name))
    except OSError as error:
        raise NotAllowed(Refusal.HOST) from error
    return str(address), address


def _port(typed: str | None) -> int | None:
    if not typed:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", typed) or not 1 <= int(typed) <= 65_535:
        raise NotAllowed(Refusal.PORT)
    return int(typed)


def _path(parts: SplitResult) -> str:
    """Return path and query as they were typed; only what is not ASCII is encoded."""
    query = f"?{parts.query}" if parts.query else ""
    return quote((parts.path or "/") + query, safe=string.punctuation)


def host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == _PORTS[target.scheme] else f"{host}:{target.port}"
