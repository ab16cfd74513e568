"""The answers of http2sms, byte for byte."""

import json
from decimal import Decimal
from xml.etree import ElementTree

import html5lib
import pytest

from sms_accounts.endpoints.http2sms_answers import FORMATS, Accepted, Refused, shown

ONE = Accepted(message_ids=(10867690,), invalid=(), credits_left=Decimal(1987))
TWO = Accepted(
    message_ids=(10867690, 10867691), invalid=("06<12", "a&b"), credits_left=Decimal("0.5")
)
MISSING = Refused(status=201, cause="Missing message", hint="It is required.")
HOSTILE = Refused(status=241, cause="""Sms sender <b>"A" & 'B'</b>]]> does not exists""")

HTML_BEFORE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
    ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n<HTML>\n<HEAD>\n'
    '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
    "<title>HTTP2SMS</title>\n</HEAD>\n<BODY>\n"
)
HTML_AFTER = "\n</BODY>\n</HTML>\n"
XML_BEFORE = '<?xml version="1.0" encoding="UTF-8" ?><response>'

PLAIN_ROWS = [
    (ONE, "OK\n1987.00\n10867690"),
    (TWO, "OK\n0.50\n10867690\n10867691"),
    (MISSING, "KO\nMissing message\n"),
]
HTML_ROWS = [
    (ONE, f"{HTML_BEFORE}OK<br>\n1987.00<br>\n10867690<br>{HTML_AFTER}"),
    (TWO, f"{HTML_BEFORE}OK<br>\n0.50<br>\n10867690<br>\n10867691<br>{HTML_AFTER}"),
    (MISSING, f"{HTML_BEFORE}KO<br>Missing message<br>{HTML_AFTER}"),
]
XML_ROWS = [
    (
        ONE,
        XML_BEFORE + "<status>100</status><creditLeft>1987.00</creditLeft>"
        "<smsIds><smsId>10867690</smsId></smsIds></response>",
    ),
    (
        TWO,
        XML_BEFORE + "<status>100</status><creditLeft>0.50</creditLeft>"
        "<smsIds><smsId>10867690</smsId><smsId>10867691</smsId></smsIds>"
        "<invalidReceivers><invalidReceiver>06&lt;12</invalidReceiver>"
        "<invalidReceiver>a&amp;b</invalidReceiver></invalidReceivers></response>",
    ),
    (
        MISSING,
        XML_BEFORE + "<status>201</status>"
        "<message>Missing message. It is required.</message></response>",
    ),
]
JSON_ROWS = [
    (
        ONE,
        '{"status":100,"smsIds":["10867690"],"SmsIds":["10867690"],"creditLeft":"1987.00"}',
    ),
    (
        TWO,
        '{"status":100,"smsIds":["10867690","10867691"],"SmsIds":["10867690","10867691"],'
        '"creditLeft":"0.50","invalidReceivers":["06<12","a&b"]}',
    ),
    (MISSING, '{"status":201,"message":"Missing message. It is required."}'),
]
ROWS = [
    pytest.param(name, answer, text, id=f"{name}-{case}")
    for names, rows in (
        (("text/plain",), PLAIN_ROWS),
        (("text/html",), HTML_ROWS),
        (("text/xml", "application/xml"), XML_ROWS),
        (("text/json", "application/json"), JSON_ROWS),
    )
    for name in names
    for case, (answer, text) in zip(("one", "two and invalid", "error"), rows, strict=True)
]


@pytest.mark.parametrize(("name", "answer", "text"), ROWS)
def test_answer_is_exact_to_the_byte(name, answer, text):
    assert FORMATS[name](answer) == text


class TestEscaping:
    def test_in_html_leaves_a_parser_the_text_alone(self):
        document = html5lib.parse(FORMATS["text/html"](HOSTILE), namespaceHTMLElements=False)

        assert HOSTILE.cause in "".join(document.itertext())
        assert document.find(".//b") is None

    def test_in_xml_leaves_a_parser_the_text_alone(self):
        document = ElementTree.fromstring(FORMATS["text/xml"](HOSTILE))  # noqa: S314  # our own

        assert document.findtext("message") == HOSTILE.cause

    def test_in_json_leaves_a_parser_the_text_alone(self):
        assert json.loads(FORMATS["text/json"](HOSTILE))["message"] == HOSTILE.cause


class TestShown:
    @pytest.mark.parametrize("character", ["\0", "\n", "\r", "\x1b", "\x85", "‮", "￾"])
    def test_replaces_what_no_answer_can_hold(self, character):
        assert shown(f"a{character}b") == "a\ufffdb"

    def test_is_short_whatever_was_given(self):
        assert shown("9" * 1_000_000) == "9" * 40 + "…"

    def test_leaves_an_ordinary_text_alone(self):
        assert shown("Élan & Söhne €") == "Élan & Söhne €"

    def test_of_every_first_plane_character_makes_sound_xml(self):
        everything = "".join(
            shown(chr(code)) for code in range(0x10000) if not 0xD800 <= code <= 0xDFFF
        )

        ElementTree.fromstring(  # noqa: S314  # our own
            FORMATS["text/xml"](Refused(status=202, cause=everything))
        )
