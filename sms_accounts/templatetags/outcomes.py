"""Draws what became of messages as one bar."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from sms_accounts.outcomes import Outcomes

register = template.Library()

_WIDTH = 1_000


@register.simple_tag
def outcome_bar(outcomes: Outcomes) -> SafeString:
    """Return a bar divided as the outcomes are; each has its own colour and its place in a row.

    The figures stand beside it. Widths are attributes, since the content security policy allows
    no inline style.
    """
    parts = (
        ("delivered", outcomes.delivered),
        ("failed", outcomes.failed),
        ("waiting", outcomes.waiting),
        ("cancelled", outcomes.cancelled),
    )
    drawn, left = [], 0
    for name, count in parts:
        width = round(_WIDTH * count / outcomes.total) if outcomes.total else 0
        drawn.append((name, left, width))
        left += width
    label = _("%(delivered)d delivered, %(failed)d failed, %(waiting)d not final yet") % {
        "delivered": outcomes.delivered,
        "failed": outcomes.failed,
        "waiting": outcomes.waiting,
    }
    bars = format_html_join("", '<rect class="outcome-{}" x="{}" width="{}" height="1"/>', drawn)
    return format_html(
        '<svg class="outcome-bar" viewBox="0 0 {} 1" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>',
        _WIDTH,
        label,
        bars,
    )
