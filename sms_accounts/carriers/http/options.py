"""How a carrier wants to be called: everything that staff can set, already checked.

All of it can be compared and hashed: a carrier of the same options keeps its connections.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from sms_accounts.placeholders import Kind as BodyKind

# What a code in an answer means: taken, refused for good with a ptt, or to be tried later.
Meaning = int | Literal["taken", "later"]
Table = tuple[tuple[str, str], ...]
Ptts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class Kannel:
    """What Kannel's sendsms takes beyond user name and password."""

    # Which of its SMSCs is to be taken, where it has several.
    smsc: str = ""
    # What `err` in the receipts of its SMSC stands for.
    err_codes: Ptts = ()


@dataclass(frozen=True, kw_only=True)
class Http2sms:
    """An account at somebody who speaks http2sms."""

    account: str
    # Whether a repeated idempotencyKey gets the first answer again, as it does from this program.
    knows_keys: bool = False


@dataclass(frozen=True, kw_only=True)
class Generic:
    """A carrier as a form describes it."""

    method: Literal["GET", "POST"] = "POST"
    headers: Table = ()
    body_kind: BodyKind = "form"
    # Fields of a form, or one text of another kind.
    fields: Table = ()
    body: str = ""
    coding_gsm7: str = ""
    coding_ucs2: str = ""

    reads_json: bool = True
    id_at: str = ""
    code_at: str = ""
    codes: tuple[tuple[str, Meaning], ...] = ()
    http_statuses: tuple[tuple[int, Meaning], ...] = ()

    dlr_list_at: str = ""
    dlr_id: str = ""
    dlr_reference: str = ""
    dlr_state: str = ""
    dlr_code: str = ""
    dlr_states: Table = ()
    dlr_codes: Ptts = ()
    dlr_answer: str = "OK"


Dialect = Kannel | Http2sms | Generic


@dataclass(frozen=True, kw_only=True)
class Options:
    """All that a carrier over HTTP is told by staff; neither password nor secret is shown."""

    name: str
    url: str
    dialect: Dialect
    username: str = ""
    # None where it cannot be read any more.
    password: str | None = field(default="", repr=False)
    # Whoever has it in the URL may report; without one nobody may.
    dlr_secret: str = field(default="", repr=False)
    # Where the carrier reports, the secret included.
    dlr_url: str = field(default="", repr=False)
    certificates: str = field(default="", repr=False)

    window: int = 10
    # Messages a second of each process; without it as fast as the window lets through.
    rate: int | None = None
    answer_within: timedelta = timedelta(seconds=10)
    takes_long_texts: bool = False
