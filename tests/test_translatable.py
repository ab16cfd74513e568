"""Every text that people see is marked for translation, in templates and in Python."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, TokenType

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
APP = ROOT / "sms_accounts"

LETTERS = re.compile(r"[^\W\d_]{2,}")
# Attributes that are read to or by people.
SPOKEN = {"title", "alt", "placeholder", "aria-label", "aria-description", "data-failed"}
# What is the same in every language: text on the wire, and words of the protocol.
WIRE = {"code", "kbd", "pre", "samp", "script", "style"}
SAME_EVERYWHERE = {
    "API", "CIDR", "CSV", "DLR", "GET", "HTTP", "ID", "IP", "JSON", "MSISDN", "POST", "PHP", "SMS",
    "Python", "Ruby", "SMPP", "STOP", "URL", "UTC", "curl", "ptt", "http2sms",
}  # fmt: skip

# What a call shows to people, by the name of the function or of the argument.
SHOWING_ARGUMENTS = {"label", "help_text", "empty_label", "verbose_name", "verbose_name_plural"}
SHOWING_CALLS = {"success", "warning", "error", "info", "add_error"}


class _Texts(HTMLParser):
    """Collects the texts of a page that people read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in WIRE:
            self._inside.append(tag)
        self.found += [value or "" for name, value in attrs if name in SPOKEN]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.found.append(data)


def own_words(template: str) -> list[str]:
    """Return the words that stand in a template outside of what is marked."""
    plain, until = [], ""
    for token in Lexer(template).tokenize():
        if token.token_type == TokenType.BLOCK:
            command, *arguments = token.split_contents()
            is_no_text = command == "block" and arguments[0].endswith("_class")
            if command in ("blocktranslate", "comment") or is_no_text:
                until = f"end{command}"
            elif command == until:
                until = ""
        elif token.token_type == TokenType.TEXT and not until:
            plain.append(token.contents)
    texts = _Texts()
    texts.feed("".join(plain))
    return [word for text in texts.found for word in words_of(text)]


def words_of(text: str) -> list[str]:
    return [word for word in LETTERS.findall(text) if word not in SAME_EVERYWHERE]


def shown_literals(source: str) -> list[str]:
    """Return the texts that Python shows to people as they stand in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        of = node.func.value if isinstance(node.func, ast.Attribute) else None
        is_shown = name == "add_error" or (
            name in SHOWING_CALLS and isinstance(of, ast.Name) and of.id == "messages"
        )
        given = [each.value for each in node.keywords if each.arg in SHOWING_ARGUMENTS]
        given += node.args[1:] if is_shown else []
        for value in given:
            text = value.value if isinstance(value, ast.Constant) else value
            if isinstance(value, ast.JoinedStr) or (isinstance(text, str) and words_of(text)):
                found.append(f"line {value.lineno}: {ast.unparse(value)}")
    return found


def test_templates_mark_what_they_say():
    wrong = {
        str(path.relative_to(TEMPLATES)): words
        for path in sorted(TEMPLATES.rglob("*.html"))
        if (words := own_words(path.read_text()))
    }

    assert wrong == {}


def test_python_marks_what_it_shows():
    wrong = {
        str(path.relative_to(APP)): texts
        for path in sorted(APP.rglob("*.py"))
        if "migrations" not in path.parts and (texts := shown_literals(path.read_text()))
    }

    assert wrong == {}


def test_what_is_not_marked_is_found():
    assert own_words('<p title="Some hint">{% translate "Fine" %} {{ name }} was sent</p>') == [
        "Some", "hint", "was", "sent",
    ]  # fmt: skip
    assert own_words("{% blocktranslate %}All {{ of }} this{% endblocktranslate %}") == []
    assert own_words("<code>to be typed</code>") == []
    assert shown_literals('messages.success(request, "Saved")\nCharField(label="Text")') == [
        "line 1: 'Saved'", "line 2: 'Text'",
    ]  # fmt: skip
    assert shown_literals('messages.success(request, _("Saved"))') == []
