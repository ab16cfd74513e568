"""Receivers as people bring them: typed, pasted, or in a CSV file whose rows fill the text."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

NUMBER = "number"
# Together with what a text may take: the limits that the page states.
MOST_RECEIVERS = 20_000
LARGEST_FILE = 5 * 1024 * 1024

_APART = re.compile(r"[\n\r,;\t|]+")
# Where one of several numbers begins that only spaces keep apart.
_NEXT = re.compile(r"\s+(?=\+)")
_PLACEHOLDER = re.compile(r"\{([^{}\n]{1,40})\}")
_DELIMITERS = ";,\t|"


class NotReadable(ValueError):
    """A file from which no receivers can be taken."""


class NotText(NotReadable):
    """It is no text file, or is damaged."""


class NoNumbers(NotReadable):
    """It has no column `number`; `columns` are those that it has."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = tuple(columns)


class TwoAlike(NotReadable):
    """Two of its columns have the same name."""


class TooMany(NotReadable):
    """It has more rows than one order may have receivers, or is too large to look."""


class NoRows(NotReadable):
    """Nothing comes after the names of its columns."""


@dataclass(frozen=True, slots=True)
class Given:
    """A receiver as written, and what its row says under each column; `row` counts from 1."""

    number: str
    row: int
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """The receivers of a file, and the names of its columns as their author wrote them."""

    columns: tuple[str, ...]
    rows: tuple[Given, ...]


def typed(text: str) -> list[Given]:
    """Return the receivers that were typed or pasted, with anything usual between them.

    A space may be within a number as well as between two: it parts them before a plus sign only.
    """
    pieces = (piece for part in _APART.split(text) for piece in _NEXT.split(part.strip()))
    return [Given(number=piece, row=row) for row, piece in enumerate(filter(None, pieces), 1)]


def decoded(content: bytes) -> str:
    """Return the text of a file, in the encodings that spreadsheets write; raises NotReadable."""
    if len(content) > LARGEST_FILE:
        raise TooMany
    encodings = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise NotText


def read(text: str) -> Table:
    """Return the receivers of a CSV file, whatever its delimiter; raises NotReadable.

    Names of columns are compared without capitals and outer spaces; cells that are missing at
    the end of a row are empty.
    """
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter_of(text))
    try:
        columns = [name.strip() for name in next(lines, [])]
        keys = [column.casefold() for column in columns]
        if NUMBER not in keys:
            raise NoNumbers([column for column in columns if column])
        if len(set(keys)) < len(keys):
            raise TwoAlike
        rows = tuple(_rows(lines, keys))
    except csv.Error:
        raise NotText from None
    if not rows:
        raise NoRows
    return Table(columns=tuple(columns), rows=rows)


def _rows(lines: Iterator[list[str]], keys: Sequence[str]) -> Iterator[Given]:
    blank = [""] * len(keys)
    count = 0
    for cells in lines:
        if not any(map(str.strip, cells)):
            continue
        count += 1
        if count > MOST_RECEIVERS:
            raise TooMany
        values = dict(zip(keys, map(str.strip, [*cells, *blank]), strict=False))
        yield Given(number=values[NUMBER], row=count, values=values)


def _delimiter_of(text: str) -> str:
    head = text.partition("\n")[0]
    return max(_DELIMITERS, key=head.count)


def placeholders(text: str) -> list[str]:
    """Return what a text wants to be filled with: the `name` of each `{name}`, as written."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def key_of(placeholder: str) -> str:
    """Return the key under which a row has the value of a placeholder."""
    return placeholder.strip().casefold()


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with the values of one row, which are not looked into again.

    What the row has no column for stays as it is.
    """
    return _PLACEHOLDER.sub(lambda found: values.get(key_of(found[1]), found[0]), text)
