"""The checks of pages find what they look for."""

import pytest

from tests.pages.checks import check_page

PAGE = '<!DOCTYPE html><html lang="en"><head><title>T</title></head><body>{}</body></html>'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p>x</p>", "one h1"),
        ("<h1>a</h1><h1>b</h1>", "one h1"),
        ("<h1>a</h1><input name='n'>", "no label: input n"),
        ("<h1>a</h1><p id='x'></p><p id='x'></p>", "id x twice"),
        ("<h1>a</h1><label for='y'>L</label>", "for=y names nothing"),
        ("<h1>a</h1><button></button>", "no words: button"),
        ("<h1>a</h1><p style='color:red'></p>", "inline style"),
        ("<h1>a</h1><p onclick='x()'></p>", "inline script"),
        ("<h1>a</h1><p><div></div></p>", "HTML: "),
    ],
)
def test_a_fault_is_found(body, fault):
    with pytest.raises(AssertionError, match=fault):
        check_page(PAGE.format(body))


def test_a_dialog_needs_its_title():
    with pytest.raises(AssertionError, match="one title"):
        check_page("<h2>Quota</h2>")

    check_page('<h2 id="dialog-title">Quota</h2>')
