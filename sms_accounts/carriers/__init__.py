"""The carriers by name; alone takes their settings from Django and hands them over."""

from functools import lru_cache

from django.conf import settings

from sms_accounts.carriers.base import (
    SHORT,
    Carrier,
    Dlr,
    DlrState,
    MalformedDlr,
    OutcomeUnknown,
    Rejected,
    Submit,
    TryLater,
    asked_at,
)
from sms_accounts.carriers.http.carrier import Http
from sms_accounts.carriers.http.options import Dialect as HttpDialect
from sms_accounts.carriers.http.options import Generic, Http2sms, Kannel
from sms_accounts.carriers.http.options import Options as HttpOptions
from sms_accounts.carriers.replies import HasReplies, MalformedReply, Reply, parse_plain
from sms_accounts.carriers.simulator import Simulator
from sms_accounts.carriers.smpp.carrier import Smpp
from sms_accounts.carriers.smpp.options import Ids as SmppIds
from sms_accounts.carriers.smpp.options import Joining as SmppJoining
from sms_accounts.carriers.smpp.options import Kind as SmppKind
from sms_accounts.carriers.smpp.options import Options as SmppOptions

__all__ = [
    "SHORT",
    "Carrier",
    "Dlr",
    "DlrState",
    "Generic",
    "HasReplies",
    "Http",
    "Http2sms",
    "HttpDialect",
    "HttpOptions",
    "Kannel",
    "MalformedDlr",
    "MalformedReply",
    "OutcomeUnknown",
    "Rejected",
    "Reply",
    "Smpp",
    "SmppIds",
    "SmppJoining",
    "SmppKind",
    "SmppOptions",
    "Submit",
    "TryLater",
    "UnknownCarrier",
    "asked_at",
    "get",
    "over_http",
    "parse_plain",
]


class UnknownCarrier(LookupError):
    """No carrier has this name."""


def get(name: str) -> Carrier:
    """Return the carrier of this name; the same object, and its connections, at every call.

    Those that staff set up stand in a table, which carriers do not know: `carrier_accounts` does.
    """
    if name != Simulator.name:
        raise UnknownCarrier(name)
    return _simulator(settings.SIMULATOR_URL, settings.SIMULATOR_SECRET, settings.SIMULATOR_REPEATS)


# Keyed by all that was set: a carrier that is set differently is another.
@lru_cache(maxsize=64)
def over_http(options: HttpOptions) -> Http:
    """Return the carrier of these options; the same object, and its connections, at every call."""
    return Http(options)


# Keyed by the settings themselves, so that a test which changes them gets a carrier of its own.
@lru_cache(maxsize=8)
def _simulator(url: str, secret: str, repeats_are_safe: bool) -> Simulator:
    return Simulator(url=url, secret=secret, repeats_are_safe=repeats_are_safe)
