"""Draws shares and days as SVG; the figures themselves stand in a table beside each drawing."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sms_accounts.templatetags.panel import shown_credits

register = template.Library()

_WIDTH = 1000
_STEP, _BAR, _HEIGHT = 10, 8, 100


@register.simple_tag
def shares_chart(shares: Sequence[tuple[str, Decimal]], label: str) -> SafeString:
    """Return one bar of several shares, each with its class and its credits.

    Widths are attributes, since the content security policy allows no inline style.
    """
    whole = sum((credits for _name, credits in shares), Decimal(0))
    places: list[tuple[str, int, int]] = []
    left = Decimal(0)
    for name, credits in shares:
        if credits > 0:
            begin, end = (round(_WIDTH * at / whole) for at in (left, left + credits))
            # What is there at all is seen.
            places.append((name, begin, max(end - begin, 3)))
            left += credits
    bars = format_html_join("", '<rect class="{}" x="{}" width="{}" height="10"/>', places)
    return format_html(
        '<svg class="shares-chart" viewBox="0 0 {} 10" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect class="hue-none" width="{}" height="10"/>{}</svg>',
        _WIDTH,
        label,
        _WIDTH,
        bars,
    )


@register.simple_tag
def days_chart(
    days: Sequence[tuple[date, Sequence[tuple[str, Decimal]]]], label: str
) -> SafeString:
    """Return a column for each day, of shares one above the other; each day with its sum."""
    highest = max((_height(shares) for _day, shares in days), default=Decimal(0))
    columns = format_html_join(
        "",
        '<g><title>{}</title><rect class="hue-none" x="{}" width="{}" height="{}"/>{}</g>',
        (
            (
                _words(day, shares),
                place * _STEP,
                _STEP,
                _HEIGHT,
                _column(shares, place * _STEP + 1, highest),
            )
            for place, (day, shares) in enumerate(days)
        ),
    )
    return format_html(
        '<svg class="days-chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>',
        _STEP * len(days),
        _HEIGHT,
        label,
        columns,
    )


def _words(day: date, shares: Sequence[tuple[str, Decimal]]) -> str:
    together = sum((credits for _name, credits in shares), Decimal(0))
    return f"{day:%Y-%m-%d}: {shown_credits(together)}"


def _height(shares: Sequence[tuple[str, Decimal]]) -> Decimal:
    # More may be refunded on a day than is paid: that is no height.
    return sum((credits for _name, credits in shares if credits > 0), Decimal(0))


def _column(shares: Sequence[tuple[str, Decimal]], x: int, highest: Decimal) -> SafeString:
    bars = []
    foot = Decimal(_HEIGHT)
    for name, credits in shares:
        if credits > 0:
            height = _HEIGHT * credits / highest
            foot -= height
            bars.append((name, x, f"{foot:.2f}", _BAR, f"{height:.2f}"))
    return format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', bars)
