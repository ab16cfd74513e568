"""Checks what must hold for every page and dialog, whatever it shows."""

import re
from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib

_NAMES = ("aria-label", "aria-labelledby", "title")


def check_page(html: str) -> None:
    """Fail on a page or dialog that breaks a rule of the house; all faults are named at once."""
    is_page = html.lstrip().lower().startswith("<!doctype")
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(html) if is_page else parser.parseFragment(html, container="div")
    faults = [f"HTML: {code} at {place}" for place, code, _values in parser.errors]
    faults += _faults_of_headings(tree, is_page=is_page)
    faults += _faults_of_ids(tree)
    faults += [fault for field in tree.iter() for fault in _faults_of_element(field, tree)]
    assert not faults, "\n".join(faults)


def _faults_of_headings(tree: Element, *, is_page: bool) -> Iterator[str]:
    if not is_page:
        titles = [found for found in tree.iter("h2") if found.get("id") == "dialog-title"]
        if len(titles) != 1 or not _text(titles[0]):
            yield "a dialog has one title"
        return
    headings = [_text(found) for found in tree.iter("h1")]
    if len(headings) != 1 or not headings[0]:
        yield f"a page has one h1, this one {headings}"
    names = [_text(found) for found in tree.iter("title")]
    if not names or not names[0].partition("·")[0].strip():
        yield "a page has a title"


def _faults_of_ids(tree: Element) -> Iterator[str]:
    counted = Counter(found.get("id") for found in tree.iter() if found.get("id"))
    yield from (f"id {name} twice" for name, count in counted.items() if count > 1)
    for found in tree.iter():
        for attribute in ("for", "aria-labelledby", "aria-describedby"):
            for name in (found.get(attribute) or "").split():
                # The dialog's own title comes with its content.
                if name not in counted and name != "dialog-title":
                    yield f"{attribute}={name} names nothing"


def _faults_of_element(element: Element, tree: Element) -> Iterator[str]:
    tag = element.tag
    if tag in ("input", "select", "textarea") and not _is_labelled(element, tree):
        yield f"no label: {tag} {element.get('name')}"
    if tag in ("a", "button", "summary") and not (_text(element) or _is_named(element)):
        yield f"no words: {tag} {element.attrib}"
    if tag == "img" and element.get("alt") is None:
        yield "img without alt"
    if tag in ("style", "font") or element.get("style"):
        yield f"inline style: {tag}"
    if any(str(name).startswith("on") for name in element.attrib):
        yield f"inline script: {tag} {element.attrib}"


def _is_labelled(field: Element, tree: Element) -> bool:
    if field.get("type") in ("hidden", "submit", "button") or _is_named(field):
        return True
    labels = [found for found in tree.iter("label") if found.get("for") == field.get("id")]
    return any(_text(label) for label in labels)


def _is_named(element: Element) -> bool:
    return any(element.get(name) for name in _NAMES)


def _text(element: Element) -> str:
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def text_of(html: str) -> str:
    """Return what a person reads of a page, with single spaces."""
    body: Element = html5lib.parse(html, namespaceHTMLElements=False).find("body")
    return _text(body)
