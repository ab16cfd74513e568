"""Display only: numbers from which something came, or which something went to."""

from django import template

from sms_accounts.reply_matching import LONGEST_SHORT

register = template.Library()


@register.filter
def shown_number(number: str) -> str:
    """Return a number as people write it; a short one, or a name, as it is."""
    return f"+{number}" if number.isdecimal() and len(number) > LONGEST_SHORT else number
