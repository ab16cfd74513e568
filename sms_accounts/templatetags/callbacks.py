"""Draws the calls of an endpoint, and says how long one took."""

from collections.abc import Sequence
from datetime import timedelta

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sms_accounts.callback_figures import DRAWN, Call

register = template.Library()

_HEIGHT, _BAR, _STEP = 32, 4, 6
# A call that takes so long or longer is a whole bar; the shortest still shows.
_WHOLE = timedelta(seconds=2)
_SHORTEST = 3


@register.filter
def took(value: timedelta | None) -> str:
    """Return how long something took, in milliseconds or seconds; nothing for None."""
    if value is None:
        return ""
    milliseconds = value / timedelta(milliseconds=1)
    if milliseconds < 1_000:
        return _("%(count)d ms") % {"count": round(milliseconds)}
    return _("%(seconds).1f s") % {"seconds": milliseconds / 1_000}


@register.simple_tag
def call_bars(calls: Sequence[Call]) -> SafeString:
    """Return the last calls as bars: the longer one took the higher, failures in another form.

    A failure has a gap at its foot beside another colour, for whoever tells colours badly.
    """
    failed = sum(not call.is_success for call in calls)
    label = ngettext("the last call", "the last %(count)d calls", len(calls)) % {
        "count": len(calls)
    } + (
        ", " + ngettext("%(failed)d failed", "%(failed)d failed", failed) % {"failed": failed}
        if failed
        else ", " + _("none failed")
    )
    first = DRAWN - len(calls)
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>',
        (_bar(call, (first + place) * _STEP) for place, call in enumerate(calls)),
    )
    return format_html(
        '<svg class="call-bars" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        DRAWN * _STEP,
        _HEIGHT,
        label,
        bars,
    )


def _bar(call: Call, left: int) -> tuple[str, int, int, int, int]:
    share = min(1.0, (call.duration or _WHOLE) / _WHOLE)
    height = max(_SHORTEST, round(share * _HEIGHT))
    if call.is_success:
        return "call-good", left, _HEIGHT - height, _BAR, height
    height = max(_SHORTEST, min(height, _HEIGHT - 4))
    return "call-bad", left, _HEIGHT - 4 - height, _BAR, height
