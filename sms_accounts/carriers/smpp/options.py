"""How a carrier wants to be spoken to: everything that staff can set, already checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Joining = Literal["udh", "sar", "payload"]
Ids = Literal["caseless", "exact", "decimal", "hex"]
# What a code means: a ptt, or that the same is to be tried later.
Meaning = int | Literal["later"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Type of number and numbering plan of an address."""

    ton: int
    npi: int


@dataclass(frozen=True, kw_only=True)
class Options:
    """All that a carrier of this protocol is told by staff; neither password nor table is shown."""

    name: str
    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    is_split: bool = False
    binds: int = 1
    uses_tls: bool = False
    # Instead of those that the system trusts, in PEM.
    certificates: str = field(default="", repr=False)

    window: int = 10
    # Messages a second over all binds; without it as fast as the window lets through.
    rate: int | None = None
    answer_within: timedelta = timedelta(seconds=10)
    enquire_every: timedelta = timedelta(seconds=30)

    service_type: str = ""
    alphanumeric: Kind = Kind(ton=5, npi=0)
    short: Kind = Kind(ton=3, npi=0)
    international: Kind = Kind(ton=1, npi=1)
    receiver: Kind = Kind(ton=1, npi=1)
    # A sender of so many digits at most is a short number.
    longest_short: int = 6
    coding_gsm7: int = 0
    coding_ucs2: int = 8
    class_in_coding: bool = True
    joining: Joining = "udh"
    validity: timedelta | None = None
    intermediate: bool = False
    keeps_reference: bool = True

    ids_in_answers: Ids = "caseless"
    ids_in_receipts: Ids = "caseless"
    err_codes: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[int, Meaning] = field(default_factory=dict)
