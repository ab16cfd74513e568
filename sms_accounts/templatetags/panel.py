"""Display only: icons, credits, counts, moments and the heads of sorted columns."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

register = template.Library()

A_MOMENT = timedelta(minutes=1)
# Older than this, "7 months ago" says less than the date.
RECENT = timedelta(days=30)


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """Return a vendored icon as inline SVG in the colour of the text around it.

    It is hidden from screen readers: the words stand beside it or in an `aria-label`.
    Raises LookupError for an icon that is not vendored.
    """
    path = finders.find(f"vendor/bootstrap-icons/{name}.svg")
    if path is None:
        raise LookupError(f'No icon "{name}" in static/vendor/bootstrap-icons.')
    drawing = Path(path).read_text(encoding="utf-8")
    # A file of ours, whose checksum a test compares.
    return mark_safe(  # noqa: S308
        re.sub(r'class="[^"]*"', 'class="icon" aria-hidden="true" focusable="false"', drawing)
    )


@register.filter("credits")
def shown_credits(value: Decimal | int | None) -> str:
    """Return credits with two places, grouped as the language does; nothing for None."""
    if value is None:
        return ""
    return formats.number_format(value, decimal_pos=2, force_grouping=True)


@register.filter
def signed(value: Decimal | None) -> str:
    """Return credits with the sign of their way, also where they came; nothing for None."""
    if value is None:
        return ""
    return f"{'+' if value >= 0 else '−'}{shown_credits(abs(value))}"


@register.filter
def number(value: int | None) -> str:
    """Return a count, grouped as the language does; nothing for None."""
    if value is None:
        return ""
    return formats.number_format(value, decimal_pos=0, force_grouping=True)


@register.filter
def marked(text: str, word: str) -> SafeString:
    """Return a text in which a whole word stands out wherever it occurs."""
    mark = format_html("<mark>{}</mark>", word)
    around = re.split(rf"\b{re.escape(word)}\b", text)
    return format_html_join(mark, "{}", ((part,) for part in around))


@register.filter
def moment(value: datetime | None) -> str:
    """Return how long ago a moment was, exact in the current zone on hover; nothing for None."""
    if value is None:
        return ""
    now = timezone.now()
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        _relative(value, local, now),
    )


def _relative(value: datetime, local: datetime, now: datetime) -> str:
    # The span is told from the moment as it is stored: between two time zones it takes longer.
    distance = now - value
    if abs(distance) < A_MOMENT:
        return _("just now") if distance >= timedelta() else _("in a moment")
    if abs(distance) > RECENT:
        return formats.date_format(local, "DATE_FORMAT")
    if distance > timedelta():
        return _("%(span)s ago") % {"span": timesince(value, now, depth=1)}
    return _("in %(span)s") % {"span": timeuntil(value, now, depth=1)}


@register.simple_tag
def share_bar(*, part: Decimal, rest: Decimal) -> SafeString:
    """Return a thin bar, filled as far as `part` is of `part` and `rest` together.

    Decoration: the two figures stand beside it. Widths are attributes, since the content
    security policy allows no inline style.
    """
    whole = part + rest
    width = round(100 * part / whole) if whole > 0 else 0
    return format_html(
        '<svg class="share-bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="share-rest" width="100" height="1"/>'
        '<rect class="share-part" width="{}" height="1"/></svg>',
        max(0, min(100, width)),
    )


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(
    context: Mapping[str, Any], column: str, label: str, *, numeric: bool = False
) -> dict[str, Any]:
    """Draw a column's head as a link that sorts by it, or the other way when it already does.

    The page's context says in `sort` which column it is sorted by: `"login"`, or `"-login"`
    from the end.
    """
    ascending = context.get("sort") == column
    descending = context.get("sort") == f"-{column}"
    return {
        "label": label,
        "next_sort": f"-{column}" if ascending else column,
        "direction": "ascending" if ascending else "descending" if descending else "",
        "numeric": numeric,
    }
