"""The test numbers of the simulated carrier; alone decides what becomes of each number."""

import zlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# The French regulator keeps 06 39 98 xx xx for fiction: nobody is ever reached there. In
# international form seven digits, then one for the behaviour and three for the ptt.
# Source: Arcep, national numbering plan, decision 2018-0881.
PREFIX = "3363998"
_LENGTH = 11

# The word with which each final ptt is reported; any other three digits are reported as
# UNDELIV with a reason that the panel does not know.
STATS = {
    "004": "DELIVRD",
    "005": "UNDELIV",
    "006": "UNKNOWN",
    "008": "EXPIRED",
    "020": "REJECTD",
    "021": "EXPIRED",
    "023": "UNDELIV",
    "024": "EXPIRED",
    "025": "EXPIRED",
    "026": "EXPIRED",
    "027": "UNDELIV",
    "028": "REJECTD",
    "029": "REJECTD",
    "033": "UNDELIV",
    "039": "UNDELIV",
    "073": "UNDELIV",
    "074": "UNDELIV",
    "076": "REJECTD",
    "202": "REJECTD",
}
# Phones that take a message and answer it a moment later, if it came from a number.
REPLIES = {
    "901": "OK, thank you!",
    "902": "STOP",
    "903": "Stop!",
    "904": "Merci beaucoup ! Ça me va très bien 👍 " + "à demain, à la même heure. " * 6 + "Ciao",
}
# Asked whether it wants messages again, this one does; it does not answer that it gets them.
_CHANGES_ITS_MIND = "903"
_TROUBLE = {"001", "002"}
_STAYS_ACCEPTED = "003"
_DELIVERED = "004"

_SLOW = timedelta(seconds=30)
_LATE = timedelta(seconds=10)
_LITTLE = timedelta(seconds=1)


class Behaviour(StrEnum):
    """The digit after the prefix."""

    ORDINARY = "0"
    SLOW = "1"
    EARLY = "2"
    REPEATED = "3"
    OUT_OF_ORDER = "4"
    REFUSED = "5"
    TRY_LATER = "6"
    UNANSWERED = "7"
    LAST_PART = "8"
    CONTRADICTING = "9"


@dataclass(frozen=True, kw_only=True)
class Report:
    """One DLR to be sent, so long `after` the part was taken."""

    stat: str
    err: str
    after: timedelta


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of one part. Spans are those of pace 1."""

    behaviour: Behaviour
    ptt: str
    answer_after: timedelta
    reports: tuple[Report, ...]
    # What the phone sends back so long after the message was delivered, and nothing mostly.
    reply: str = ""
    reply_after: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class _Timing:
    accepted_after: timedelta
    final_after: timedelta


def plan(*, msisdn: str, reference: str, part: int, parts: int, text: str = "") -> Plan:
    """Return what becomes of a part, always the same for the same arguments."""
    behaviour, ptt = _read(msisdn)
    if behaviour is Behaviour.LAST_PART and part < parts:
        ptt = _DELIVERED
    share = zlib.crc32(reference.encode()) % 1000 / 1000
    timing = _timing(behaviour, msisdn, share)
    return Plan(
        behaviour=behaviour,
        ptt=ptt,
        answer_after=timedelta(milliseconds=5 + 45 * share),
        reports=_reports(behaviour, ptt, timing),
        reply=_reply(ptt, text) if part == parts and behaviour is not Behaviour.REFUSED else "",
        reply_after=timing.final_after + _LITTLE,
    )


def _reply(ptt: str, text: str) -> str:
    if ptt == _CHANGES_ITS_MIND and "START" in text:
        return "Start!"
    if ptt == _CHANGES_ITS_MIND and "STOP" in text:
        return ""
    return REPLIES.get(ptt, "")


def _read(msisdn: str) -> tuple[Behaviour, str]:
    if not msisdn.startswith(PREFIX) or len(msisdn) != _LENGTH:
        return Behaviour.ORDINARY, _DELIVERED
    return Behaviour(msisdn[len(PREFIX)]), msisdn[-3:]


def _timing(behaviour: Behaviour, msisdn: str, share: float) -> _Timing:
    accepted_after = timedelta(seconds=0.2 + 0.8 * share)
    final_after = timedelta(seconds=1 + 2 * share)
    if behaviour is Behaviour.EARLY:
        return _Timing(accepted_after=timedelta(0), final_after=timedelta(0))
    if behaviour is Behaviour.SLOW:
        return _Timing(accepted_after=accepted_after, final_after=_SLOW)
    if behaviour is Behaviour.UNANSWERED:
        return _Timing(accepted_after=_LATE, final_after=_LATE + _LITTLE)
    if not msisdn.startswith(PREFIX) and zlib.crc32(msisdn.encode()) % 20 == 0:
        return _Timing(accepted_after=accepted_after, final_after=_LATE)
    return _Timing(accepted_after=accepted_after, final_after=final_after)


def _reports(behaviour: Behaviour, ptt: str, timing: _Timing) -> tuple[Report, ...]:
    if behaviour is Behaviour.REFUSED:
        return ()
    accepted = Report(stat="ACCEPTD", err="000", after=timing.accepted_after)
    if ptt == _STAYS_ACCEPTED:
        return (accepted,)
    final = _final(ptt, after=timing.final_after)
    if behaviour is Behaviour.REPEATED:
        again = (_later(final, _LITTLE), _later(final, 2 * _LITTLE))
        return (accepted, *_trouble(ptt, timing), final, *again)
    if behaviour is Behaviour.OUT_OF_ORDER:
        first = _final(ptt, after=timing.accepted_after)
        return (first, _later(accepted, _LITTLE))
    if behaviour is Behaviour.CONTRADICTING:
        contrary = "005" if final.stat == "DELIVRD" else _DELIVERED
        return (accepted, final, _final(contrary, after=final.after + _LITTLE))
    return (accepted, *_trouble(ptt, timing), final)


def _final(ptt: str, *, after: timedelta) -> Report:
    if ptt in _TROUBLE or ptt in REPLIES or ptt == _DELIVERED:
        return Report(stat="DELIVRD", err="000", after=after)
    return Report(stat=STATS.get(ptt, "UNDELIV"), err=ptt, after=after)


def _trouble(ptt: str, timing: _Timing) -> tuple[Report, ...]:
    if ptt not in _TROUBLE:
        return ()
    between = (timing.accepted_after + timing.final_after) / 2
    return (Report(stat="ENROUTE", err=ptt, after=between),)


def _later(report: Report, by: timedelta) -> Report:
    return Report(stat=report.stat, err=report.err, after=report.after + by)
