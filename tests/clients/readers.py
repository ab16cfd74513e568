"""How clients read the answers of http2sms, each as its public code does it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """What a client makes of an answer; None and nothing where it does not look."""

    sent: bool
    ids: list[str] = field(default_factory=list)
    credits: str | None = None
    error: str | None = None


Reader = Callable[[str], Outcome]


def json_with(ids: str, *, accepted: range) -> Reader:
    """Read JSON by one spelling of the ids, and take these status codes for success."""

    def read(body: str) -> Outcome:
        said = json.loads(body)
        if said["status"] not in accepted:
            return Outcome(sent=False, error=said["message"])
        return Outcome(sent=True, ids=said[ids], credits=said["creditLeft"])

    return read


ONLY_100 = range(100, 101)
BELOW_200 = range(100, 200)
json_100 = json_with("smsIds", accepted=ONLY_100)
json_1xx = json_with("smsIds", accepted=BELOW_200)
json_capital = json_with("SmsIds", accepted=BELOW_200)


def plain_lines(body: str) -> Outcome:
    """Read the first line as the result, the second as credits or cause, the rest as ids."""
    first, *rest = re.split(r"\r?\n", body.strip())
    if first != "OK":
        return Outcome(sent=False, error="\n".join(rest))
    return Outcome(sent=True, ids=rest[1:], credits=rest[0])


def has_ok(body: str) -> Outcome:
    return Outcome(sent="OK" in body)


def has_no_ko(body: str) -> Outcome:
    return Outcome(sent="KO" not in body)


def has_status_100(body: str) -> Outcome:
    return Outcome(sent='"status":100' in body)


def xml_by_patterns(body: str) -> Outcome:
    def values(name: str) -> list[str]:
        return re.findall(rf"<{name}>(.*?)</{name}>", body, re.IGNORECASE)

    if values("status") != ["100"]:
        return Outcome(sent=False, error=values("message")[0])
    return Outcome(sent=True, ids=values("smsId"), credits=values("creditLeft")[0])


def html_by_patterns(body: str) -> Outcome:
    [inner] = re.findall(r"<BODY>(.*?)</BODY>", body, re.IGNORECASE | re.DOTALL)
    first, *rest = filter(None, (line.strip() for line in re.split(r"<br\s*/?>", inner)))
    if first != "OK":
        return Outcome(sent=False, error="\n".join(rest))
    return Outcome(sent=True, ids=rest[1:], credits=rest[0])
