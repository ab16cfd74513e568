"""Finds again what somebody has searched for among the messages, by the link that repeats it."""

from django.db.models import QuerySet
from django.http import QueryDict

from sms_accounts.forms.messages import MessageFilterForm
from sms_accounts.models import Account, Message, Submission

# A little less than what a column of the database holds.
LONGEST_QUERY = 1000


class Unreadable(Exception):
    """What was searched for cannot be understood, or not any more."""


def form_of(account: Account, query: QueryDict) -> MessageFilterForm:
    """Return the form of a search, as a page shows it."""
    return MessageFilterForm(query, account=account)


def found(form: MessageFilterForm, orders: QuerySet[Submission] | None = None) -> QuerySet[Message]:
    """Return what a search finds, in no order; of some orders, if those are given."""
    return form.found(orders).select_related("submission__api_user")


def found_again(account: Account, query: str) -> QuerySet[Message]:
    """Return what a search finds that was kept; raises Unreadable.

    A page shows all messages where it cannot read a value. Whoever works on them must not.
    """
    form = form_of(account, QueryDict(query))
    if form.errors:
        raise Unreadable(", ".join(form.errors))
    return found(form)
