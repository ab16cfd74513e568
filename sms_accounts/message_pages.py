"""Finds messages for a list, page by page, without looking through all of a large account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Subquery

from sms_accounts import message_searches
from sms_accounts.forms.messages import MessageFilterForm
from sms_accounts.models import Message

# How many messages, or orders, are looked through for a page: first those among which most
# searches find enough of them, then as many as take some tenths of a second.
FIRST, MOST = 5_000, 300_000

# What a list shows. To read all columns of a page takes as long as to draw its rows.
_SHOWN = (
    "account",
    "msisdn",
    "credits",
    "state",
    "ptt",
    "due_at",
    *(
        f"submission__{name}"
        for name in (
            "channel",
            "sender",
            "text",
            "tag",
            "created_at",
            "text_removed_at",
            "numbers_removed_at",
            "api_user__login",
        )
    ),
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Messages, the newest first, and the key `before` which older ones follow, if there are any.

    Where few are like what is searched for, the page may end before it is full: then what was
    accepted since `looked_back_to` is looked through, and nothing is known of what is older.
    """

    messages: list[Message]
    before: int | None = None
    looked_back_to: datetime | None = None


def page(form: MessageFilterForm, *, before: int | None, size: int) -> Page:
    """Return the messages of a search that follow the one with the key `before`, or the newest."""
    walked = _walked(form, before)
    may_find_little = form.is_sparse or walked.model is not Message
    for most in (FIRST, MOST) if may_find_little else (None,):
        floor = None if most is None else _at(walked, most)
        found = list(_found(form, walked, before, floor)[: size + 1])
        if len(found) > size:
            return Page(messages=found[:size], before=found[size - 1].pk)
        if floor is None:
            return Page(messages=found)
    of_floor = "pk" if walked.model is Message else "submission"
    last = Message.objects.filter(**{of_floor: floor}).select_related("submission")
    oldest = last.order_by("pk")[0]
    looked_back_to = oldest.submission.created_at
    return Page(messages=found, before=oldest.pk, looked_back_to=looked_back_to)


def _walked(form: MessageFilterForm, before: int | None) -> QuerySet[Any]:
    """Return the orders, or else the messages, among which a search finds what it does."""
    orders = form.orders()
    if orders is None:
        messages = Message.objects.filter(account=form.account)
        return messages if before is None else messages.filter(pk__lt=before)
    return orders if before is None else orders.filter(pk__lte=_order_of(before))


def _order_of(message: int) -> Subquery:
    return Subquery(Message.objects.filter(pk=message).values("submission")[:1])


def _at(walked: QuerySet[Any], place: int) -> int | None:
    """Return the key at a place, counted from the newest; None where there are fewer."""
    keys = walked.order_by("-pk").values_list("pk", flat=True)
    return next(iter(keys[place : place + 1]), None)


def _found(
    form: MessageFilterForm, walked: QuerySet[Any], before: int | None, floor: int | None
) -> QuerySet[Message]:
    if floor is not None:
        walked = walked.filter(pk__gte=floor)
    if walked.model is Message:
        found = message_searches.found(form)
        found = found if before is None else found.filter(pk__lt=before)
        found = found if floor is None else found.filter(pk__gte=floor)
        return found.only(*_SHOWN).order_by("-pk")
    found = message_searches.found(form, walked)
    if before is not None:
        # Of the order that the page before ended in, only what follows there.
        found = found.filter(Q(submission__lt=_order_of(before)) | Q(pk__lt=before))
    # A database walks from the newest order on, where it would sort all messages by their own keys.
    return found.only(*_SHOWN).order_by("-submission", "-pk")
