"""The words of the SMS that answer STOP and START, in the account's language."""

from django.utils import translation
from django.utils.translation import gettext as _

from sms_accounts import reply_matching
from sms_accounts.models import Account, Received

Keyword = Received.Keyword


def text_of(received: Received, account: Account) -> str:
    """Return what a phone is answered that sent one of the words to a number of an account."""
    number = received.number
    shown = f"+{number}" if reply_matching.is_subscriber(number) else number
    with translation.override(account.language):
        if received.keyword == Keyword.STOP:
            text = _("You get no more messages from %(number)s. Reply START to get them again.")
        else:
            text = _("You get messages from %(number)s again. Reply STOP to end them.")
        return text % {"number": shown}
