"""Display of texts that are about to be sent."""

import re

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sms_accounts import gsm

register = template.Library()


@register.filter
def beyond_gsm7_marked(text: str) -> SafeString:
    """Return a text in which the characters stand out that make it Unicode."""
    beyond = gsm.beyond_gsm7(text)
    if not beyond:
        return format_html("{}", text)
    parts = re.split(f"([{re.escape(''.join(beyond))}])", text)
    # Every second part is a character that was split at.
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<mark>{}</mark>", part) if number % 2 else part,)
            for number, part in enumerate(parts)
        ),
    )


@register.filter
def visible_sign(character: str) -> str:
    """Return a character as it is, or its code where nobody would see it."""
    is_seen = character.isprintable() and not character.isspace()
    return character if is_seen else f"U+{ord(character):04X}"
