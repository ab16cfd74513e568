"""What an order from the browser would come to: who gets what, at which price, and who is left out.

Nothing is stored here. Whether a number may be sent to, and for how much, says `orders.quote`
alone, so that what is told before is what is charged after.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from sms_accounts import gsm, msisdn, opt_outs, orders, receiver_lists
from sms_accounts.models import Account, Submission
from sms_accounts.receiver_lists import Given

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Planned:
    """A receiver, with its own text where that differs from the others', and its price."""

    msisdn: str
    text: str
    parts: int
    credits: Decimal


@dataclass(frozen=True)
class OfCountry:
    """What goes to one country; its two letters are empty where a number has none."""

    country: str
    receivers: int
    parts: int
    credits: Decimal


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who would get the text, and who would not: receivers as they were given.

    `sample` is what the first one would read. `unknown` are the placeholders that no column
    fills; `blanks` counts the rows that say nothing where the text wants a value. The longest
    text of all takes `most_parts`, and is that of row `longest_row`.
    """

    receivers: tuple[Planned, ...]
    duplicates: tuple[str, ...]
    invalid: tuple[str, ...]
    not_served: tuple[str, ...]
    opted_out: tuple[str, ...]
    sample: str
    unknown: tuple[str, ...]
    blanks: int
    most_parts: int
    longest_row: int

    @property
    def credits(self) -> Decimal:
        return sum((one.credits for one in self.receivers), Decimal(0))

    @property
    def length(self) -> gsm.Length:
        return gsm.measure(self.sample)


@dataclass(frozen=True)
class _Numbers:
    """Receivers by their numbers, each once, with the credits of one part."""

    rows: Mapping[str, Given]
    a_part: Mapping[str, Decimal]
    duplicates: tuple[str, ...]
    invalid: tuple[str, ...]


def sent_text(text: str, *, stop_clause: bool) -> str:
    return text + (orders.STOP_CLAUSE if stop_clause else "")


def plan(
    account: Account,
    text: str,
    given: Iterable[Given],
    *,
    stop_clause: bool,
    columns: Iterable[str] = (),
) -> Plan:
    """Return what a text to these receivers comes to; `columns` are those of their rows.

    Each number counts once, with the first of its rows.
    """
    numbers = _numbers(account, given)
    known = {receiver_lists.key_of(column) for column in columns}
    wanted = {name: receiver_lists.key_of(name) for name in receiver_lists.placeholders(text)}
    fills = [key for key in wanted.values() if key in known]
    planned: list[Planned] = []
    most, longest_row, blanks = _parts(text, stop_clause=stop_clause), 0, 0
    common = most
    for number, credits in numbers.a_part.items():
        row = numbers.rows[number]
        own = receiver_lists.filled(text, row.values) if fills else ""
        parts = _parts(own, stop_clause=stop_clause) if own else common
        if own and (parts > most or not longest_row):
            most, longest_row = parts, row.row
        blanks += any(not row.values[key] for key in fills)
        planned.append(Planned(number, own, parts, credits * parts))
    out = opted_out(account, numbers.rows)
    lost = {number: row for number, row in numbers.rows.items() if number not in numbers.a_part}
    return Plan(
        receivers=tuple(planned),
        duplicates=numbers.duplicates,
        invalid=numbers.invalid,
        not_served=tuple(row.number for number, row in lost.items() if number not in out),
        opted_out=tuple(row.number for number, row in lost.items() if number in out),
        sample=sent_text((planned[0].text if planned else "") or text, stop_clause=stop_clause),
        unknown=tuple(name for name, key in wanted.items() if key not in known),
        blanks=blanks,
        most_parts=most,
        longest_row=longest_row,
    )


def _parts(text: str, *, stop_clause: bool) -> int:
    return gsm.measure(sent_text(text, stop_clause=stop_clause)).parts


def _numbers(account: Account, given: Iterable[Given]) -> _Numbers:
    rows: dict[str, Given] = {}
    duplicates, invalid = [], []
    for one in _apart(account, given):
        number = _number(account, one.number)
        if not number:
            invalid.append(one.number)
        elif number in rows:
            duplicates.append(one.number)
        else:
            rows[number] = one
    return _Numbers(
        rows=rows,
        a_part=credits_a_part(account, rows),
        duplicates=tuple(duplicates),
        invalid=tuple(invalid),
    )


def _apart(account: Account, given: Iterable[Given]) -> Iterator[Given]:
    """Take apart what was pasted with spaces alone between the numbers.

    Only where it is no number as a whole, and each piece is one.
    """
    for one in given:
        pieces = _SPACES.split(one.number)
        if (
            len(pieces) > 1
            and not _number(account, one.number)
            and all(_number(account, piece) for piece in pieces)
        ):
            yield from (Given(piece, one.row, one.values) for piece in pieces)
        else:
            yield one


def _number(account: Account, given: str) -> str:
    """Return the digits of a number, or an empty text where it is none."""
    try:
        return msisdn.parse(given, home_country=account.home_country)
    except msisdn.NotANumber:
        return ""


def opted_out(account: Account, numbers: Iterable[str]) -> set[str]:
    """Return those of the numbers that want no messages of this account."""
    if not account.opt_outs_at:
        return set()
    return {number for _account, number in opt_outs.among({account.pk: set(numbers)})}


def credits_a_part(account: Account, numbers: Iterable[str]) -> dict[str, Decimal]:
    """Return the credits of one part for each number that an order may be for."""
    found: dict[str, Decimal] = {}
    wanted = list(numbers)
    out = opted_out(account, wanted)
    left = (number for number in wanted if number not in out)
    while some := list(islice(left, orders.MOST_RECEIVERS)):
        # Of one part, so that its price is that of a part.
        order = orders.Order(
            account=account,
            api_user=None,
            channel=Submission.Channel.PANEL,
            sender="",
            receivers=some,
            text="x",
        )
        try:
            found |= orders.quote(order).credits
        except orders.NoValidReceiver:
            continue
    return found


def by_country(prices: Iterable[tuple[str, int, Decimal]]) -> list[OfCountry]:
    """Sum up numbers with their parts and credits, the dearest country first."""
    sums: dict[str, OfCountry] = {}
    for number, parts, credits in prices:
        country = msisdn.country_of(number)
        one = sums.get(country, OfCountry(country, 0, 0, Decimal(0)))
        sums[country] = OfCountry(
            country, one.receivers + 1, one.parts + parts, one.credits + credits
        )
    return sorted(sums.values(), key=lambda one: (-one.credits, one.country))
