"""What trials of carriers have in common: the part that is sent, and what staff are shown."""

import uuid
from dataclasses import dataclass, field

from sms_accounts import carriers, gsm


@dataclass(kw_only=True)
class Trial:
    """What happened, step by step, and whether it went as it should."""

    is_well: bool = False
    steps: list[str] = field(default_factory=list)
    # What was said on the wire, by whom.
    wire: list[tuple[str, str]] = field(default_factory=list)
    # What to do where it did not.
    advice: str = ""


def part(msisdn: str, sender: str, text: str) -> carriers.Submit:
    """Return a short text as the one part of a message that stands in no account."""
    return carriers.Submit(
        reference=uuid.uuid4().hex,
        msisdn=msisdn,
        sender=sender,
        text=text,
        coding=gsm.coding_of(text),
        part=1,
        parts=1,
        concat_reference=0,
    )
