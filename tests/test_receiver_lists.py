"""Receivers as people type, paste and upload them, without a database."""

import pytest

from sms_accounts import receiver_lists
from sms_accounts.receiver_lists import (
    NoNumbers,
    NoRows,
    NotReadable,
    NotText,
    TooMany,
    TwoAlike,
    decoded,
    filled,
    placeholders,
    read,
    typed,
)


def numbers(text: str) -> list[str]:
    return [given.number for given in typed(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("06 39 98 00 04", ["06 39 98 00 04"]),
        ("+33639980004, 0033639980017;33639980024", "+33639980004 0033639980017 33639980024"),
        ("+33 639 00 004 +33 639 980 017", ["+33 639 00 004", "+33 639 980 017"]),
        ("33639980004 33639980017", ["33639980004 33639980017"]),
        ("06.39.98.00.04\r\n\r\n 06-39-98-00-17 \n", "06.39.98.00.04 06-39-98-00-17"),
        ("33639980004\t33639980017|x", "33639980004 33639980017 x"),
        (" ;,\n ", []),
    ],
)
def test_typed_numbers_are_taken_apart(text, found):
    assert numbers(text) == (found.split() if isinstance(found, str) else found)


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_a_file_is_read_whatever_its_delimiter(delimiter):
    lines = [("Number ", "Name"), ("33639980004", "Ann"), ("", ""), ("33639980017", '"B')]
    text = "\r\n".join(delimiter.join(line) for line in lines[:3]) + "\r\n33639980017\r\n"

    table = read(text)

    assert table.columns == ("Number", "Name")
    assert [(row.row, row.number, row.values["name"]) for row in table.rows] == [
        (1, "33639980004", "Ann"),
        (2, "33639980017", ""),
    ]


def test_a_cell_in_quotes_may_hold_what_parts_cells_and_lines():
    [row] = read('number;name\n33639980004;"Ann; ""Bob""\nand Eve"\n').rows

    assert row.values["name"] == 'Ann; "Bob"\nand Eve'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", NoNumbers),
        ("tel;name\n336;x\n", NoNumbers),
        ("number;name;Name\n336;x;y\n", TwoAlike),
        ("number;name\n\n", NoRows),
        ('number\n"' + "x" * 200_000, NotText),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text, fault):
    with pytest.raises(NotReadable) as raised:
        read(text)

    assert type(raised.value) is fault


def test_the_columns_are_told_where_none_has_numbers():
    with pytest.raises(NoNumbers) as raised:
        read("tel;name\n336;x\n")

    assert raised.value.columns == ("tel", "name")


def test_a_file_may_have_so_many_rows_and_no_more(monkeypatch):
    monkeypatch.setattr(receiver_lists, "MOST_RECEIVERS", 2)

    assert len(read("number\n1\n\n2\n").rows) == 2
    with pytest.raises(TooMany):
        read("number\n1\n2\n3\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_file_is_decoded_as_spreadsheets_write_it(encoding):
    assert decoded("number;prénom".encode(encoding)) == "number;prénom"


@pytest.mark.parametrize("content", [b"number\0", b"\x89PNG\x81\x8d", b"\xff\xfea"])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(NotText):
        decoded(content)


def test_a_file_may_be_so_large_and_no_larger(monkeypatch):
    monkeypatch.setattr(receiver_lists, "LARGEST_FILE", 4)

    assert decoded(b"1234") == "1234"
    with pytest.raises(TooMany):
        decoded(b"12345")


def test_placeholders_are_filled_plainly_and_once():
    text = "Hi {Name}, { code } {name}, {not this\n} {}"
    assert placeholders(text) == ["Name", " code ", "name"]

    told = filled(text, {"name": "{code}", "code": "{0.__class__}"})

    assert told == "Hi {code}, {0.__class__} {code}, {not this\n} {}"
    assert filled("{other}", {}) == "{other}"
