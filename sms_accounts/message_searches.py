"""Finds again what somebody has searched for among the messages, by the link that repeats it."""

from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict

from sms_accounts.forms.messages import MessageFilterForm
from sms_accounts.models import Account, ApiUser, Message

# A little less than what a column of the database holds.
LONGEST_QUERY = 1000


class Unreadable(Exception):
    """What was searched for cannot be understood, or not any more."""


def form_of(account: Account, query: QueryDict) -> MessageFilterForm:
    """Return the form of a search, as a page shows it."""
    users = ApiUser.objects.filter(account=account).order_by(Lower("login"), "pk")
    choices = [(str(pk), login) for pk, login in users.values_list("pk", "login")]
    return MessageFilterForm(query, users=choices, zone=ZoneInfo(account.time_zone))


def found(account: Account, form: MessageFilterForm) -> QuerySet[Message]:
    """Return what a search finds, in no order."""
    listed = Message.objects.filter(account=account).select_related("submission__api_user")
    return form.filtered(listed)


def found_again(account: Account, query: str) -> QuerySet[Message]:
    """Return what a search finds that was kept; raises Unreadable.

    A page shows all messages where it cannot read a value. Whoever works on them must not.
    """
    form = form_of(account, QueryDict(query))
    if form.errors:
        raise Unreadable(", ".join(form.errors))
    return found(account, form)
