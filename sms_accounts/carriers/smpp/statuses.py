"""What a carrier means by the status of an answer; alone turns it into an outcome.

A status can say three things: the message will never do, the carrier takes nothing just now, or
the call was not as this carrier wants it, which is no fault of the message: then it must not be
lost, and staff have to look.
"""

from collections.abc import Mapping
from datetime import timedelta

import structlog

from sms_accounts.carriers.base import Rejected, TryLater
from sms_accounts.carriers.smpp.options import Options

log = structlog.get_logger(__name__)

OK = 0x00
INVALID_COMMAND = 0x03
WRONG_STATE = 0x04
ALREADY_BOUND = 0x05
TRY_AGAIN = 0x64

# Source: SMPP v3.4, section 5.1.3.
NAMES: Mapping[int, str] = {
    0x00: "ESME_ROK",
    0x01: "ESME_RINVMSGLEN",
    0x02: "ESME_RINVCMDLEN",
    0x03: "ESME_RINVCMDID",
    0x04: "ESME_RINVBNDSTS",
    0x05: "ESME_RALYBND",
    0x06: "ESME_RINVPRTFLG",
    0x07: "ESME_RINVREGDLVFLG",
    0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR",
    0x0B: "ESME_RINVDSTADR",
    0x0C: "ESME_RINVMSGID",
    0x0D: "ESME_RBINDFAIL",
    0x0E: "ESME_RINVPASWD",
    0x0F: "ESME_RINVSYSID",
    0x11: "ESME_RCANCELFAIL",
    0x13: "ESME_RREPLACEFAIL",
    0x14: "ESME_RMSGQFUL",
    0x15: "ESME_RINVSERTYP",
    0x33: "ESME_RINVNUMDESTS",
    0x34: "ESME_RINVDLNAME",
    0x40: "ESME_RINVDESTFLAG",
    0x42: "ESME_RINVSUBREP",
    0x43: "ESME_RINVESMCLASS",
    0x44: "ESME_RCNTSUBDL",
    0x45: "ESME_RSUBMITFAIL",
    0x48: "ESME_RINVSRCTON",
    0x49: "ESME_RINVSRCNPI",
    0x50: "ESME_RINVDSTTON",
    0x51: "ESME_RINVDSTNPI",
    0x53: "ESME_RINVSYSTYP",
    0x54: "ESME_RINVREPFLAG",
    0x55: "ESME_RINVNUMMSGS",
    0x58: "ESME_RTHROTTLED",
    0x61: "ESME_RINVSCHED",
    0x62: "ESME_RINVEXPIRY",
    0x63: "ESME_RINVDFTMSGID",
    0x64: "ESME_RX_T_APPN",
    0x65: "ESME_RX_P_APPN",
    0x66: "ESME_RX_R_APPN",
    0x67: "ESME_RQUERYFAIL",
    0xC0: "ESME_RINVOPTPARSTREAM",
    0xC1: "ESME_ROPTPARNOTALLWD",
    0xC2: "ESME_RINVPARLEN",
    0xC3: "ESME_RMISSINGOPTPARAM",
    0xC4: "ESME_RINVOPTPARAMVAL",
    0xFE: "ESME_RDELIVERYFAILURE",
    0xFF: "ESME_RUNKNOWNERR",
}

# Refusals of the message itself, and the ptt of each.
REFUSALS: Mapping[int, int] = {
    0x01: 20,  # its length
    0x0A: 20,  # its sender
    0x0B: 23,  # its receiver
    0x45: 39,  # submit_sm failed
    0x65: 20,  # a permanent error
    0x66: 20,  # refused
    0xFE: 5,  # not delivered
    0xFF: 39,  # an unknown error
}

# The carrier takes nothing just now: it is full, too fast for it, or in trouble.
BUSY = frozenset({0x08, 0x14, 0x58, 0x64})

# A bind that is refused for one of these is refused again until somebody corrects the settings.
BIND_REFUSALS = frozenset({0x0D, 0x0E, 0x0F, 0x53})

# A refusal that nobody here knows: it is one, since the carrier says that it did not take the part.
_UNKNOWN = 39

# How long a carrier is left alone with messages that it does not want like this.
_UNTIL_CORRECTED = timedelta(minutes=1)


def name_of(status: int) -> str:
    """Return what the standard calls a status, or its number as carriers' manuals write it."""
    return NAMES.get(status, f"0x{status:08X}")


def is_busy(status: int, options: Options) -> bool:
    """Tell whether a status asks to slow down."""
    return status in BUSY or options.statuses.get(status) == "later"


def failure(status: int, options: Options) -> Rejected | TryLater:
    """Return the outcome of a submit that was answered with a status other than OK.

    Whatever it says, the carrier has not taken the part. What staff say about a status comes
    before the standard.
    """
    name = name_of(status)
    meaning = options.statuses.get(status)
    if is_busy(status, options):
        return TryLater(f"the carrier is busy: {name}")
    if isinstance(meaning, int):
        return Rejected(code=name, ptt=meaning)
    if status in REFUSALS:
        return Rejected(code=name, ptt=REFUSALS[status])
    if status in NAMES:
        log.error("carrier_refused_the_call", carrier=options.name, status=name)
        return TryLater(f"the carrier refused the call: {name}", wait=_UNTIL_CORRECTED)
    log.warning("carrier_code_unknown", carrier=options.name, status=name)
    return Rejected(code=name, ptt=_UNKNOWN)
