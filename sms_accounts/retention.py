"""Removes what is kept for a time only: texts, numbers, bodies of DLRs and replies, answers,
addresses.

All of it in small transactions, each of which changes nothing that is still under way and can
be made again: whoever was stopped in between goes on where it was.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, Min, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Right
from django.utils import timezone

from sms_accounts import activity
from sms_accounts.models import (
    FINAL,
    Account,
    AddressUse,
    ApiUser,
    Callback,
    CallbackAttempt,
    DlrPost,
    Message,
    Notification,
    Received,
    ReceivedPart,
    ReceivedPost,
    Submission,
    User,
)

# How many rows one transaction changes, and how long one run of a worker goes on: the next
# ring does the rest, so that no thread is lost to it for long.
BATCH = 200
A_RUN = timedelta(seconds=20)

# What is left of a number.
DIGITS_LEFT = 3

# How long the words of carriers and receivers are kept for whoever looks for a fault, where no
# account asks for less; and how long it is known from where an API user called.
FOREIGN_WORDS_KEPT = timedelta(days=30)
ADDRESSES_KEPT = timedelta(days=365)

# Nobody waits for a count of millions.
MOST_COUNTED = 10_000


@dataclass(frozen=True, kw_only=True)
class _Old:
    """Rows that may have outlived their period, in the order of `by`, as an index has them.

    `removable` returns those of a few keys that have nothing under way; `remove` clears them.
    """

    rows: QuerySet[Any]
    by: str
    removable: Callable[[Sequence[int]], Sequence[int]]
    remove: Callable[[Sequence[int]], object]
    # The column with which the index begins, where all rows have none in it: PostgreSQL does not
    # know of NULL that it is everywhere the same, and would sort them all.
    led_by: str = ""

    def in_order(self) -> QuerySet[Any]:
        """Return the rows in the order of the index."""
        led_by = [self.led_by] if self.led_by else []
        return self.rows.order_by(*led_by, self.by, "id")


def set_keeps_no_texts(user: ApiUser, keeps_none: bool, *, by: User | None) -> bool:
    """Say whether the texts of a user go as soon as they can; return whether that changed."""
    with transaction.atomic():
        changed = (
            ApiUser.objects.filter(pk=user.pk)
            .exclude(keeps_no_texts=keeps_none)
            .update(keeps_no_texts=keeps_none)
        )
        if changed:
            activity.record(
                by,
                "keeping of texts changed",
                user,
                before={"keeps no texts": not keeps_none},
                after={"keeps no texts": keeps_none},
            )
    user.keeps_no_texts = keeps_none
    return bool(changed)


def older_than(account: Account, *, days: int) -> int:
    """Return how many orders of an account a period of so many days reaches now.

    At most one more than MOST_COUNTED. Some may have messages under way yet.
    """
    before = timezone.now() - timedelta(days=days)
    return _with_numbers(account.pk, before=before)[: MOST_COUNTED + 1].count()


def remove_old(*, within: timedelta | None = A_RUN) -> int:
    """Remove what has outlived its period; return how many rows were cleared.

    Begins nothing after the time that is given; without one it goes on until all is done.
    """
    began = time.monotonic()
    removed = 0
    for old in _old(timezone.now()):
        for keys in _portions(old):
            removable = old.removable(keys)
            if removable:
                old.remove(removable)
            removed += len(removable)
            if within is not None and time.monotonic() - began >= within.total_seconds():
                return removed
    return removed


def _portions(old: _Old) -> Iterator[list[int]]:
    """Walk along the index, and look at each row once: many may have to stay for long."""
    rows = old.in_order().values_list(old.by, "pk")
    portion = list(rows[:BATCH])
    while portion:
        yield [key for _, key in portion]
        value, key = portion[-1]
        # The database finds the place in the index by the second condition alone.
        further = Q(**{f"{old.by}__gt": value}) | Q(**{old.by: value, "id__gt": key})
        portion = list(rows.filter(further, **{f"{old.by}__gte": value})[:BATCH])


def _old(now: datetime) -> Iterator[_Old]:
    for user in ApiUser.objects.filter(keeps_no_texts=True).order_by("pk"):
        yield _Old(
            rows=_with_text(user.pk), by="created_at", removable=_told_to_all, remove=_remove_texts
        )
        yield _Old(
            rows=Received.objects.filter(api_user=user.pk, text_removed_at=None),
            by="received_at",
            removable=_replies_told_to_all,
            remove=_remove_texts_of_replies,
        )
    # In no order: an account with millions must not keep the others waiting each time.
    for account in Account.objects.exclude(retention_days=None).order_by("?"):
        before = now - timedelta(days=account.retention_days or 0)
        yield _Old(
            rows=_with_numbers(account.pk, before=before),
            by="created_at",
            removable=partial(_ended, before=before),
            remove=_remove_texts_and_numbers,
        )
        yield _replies(account.pk, before=before)
    before = now - _foreign_words_kept()
    # Those of which nobody knows whose they are.
    yield _replies(None, before=before)
    yield _Old(
        rows=_bodies_of_replies(before=before),
        by="received_at",
        removable=_all,
        remove=_remove_bodies_of_replies,
    )
    yield _Old(rows=_bodies(before=before), by="received_at", removable=_all, remove=_remove_bodies)
    yield _Old(rows=_answers(before=before), by="at", removable=_over, remove=_remove_answers)
    before = now - ADDRESSES_KEPT
    for rows, by in (_accepted(before=before), "accepted_at"), (_refused(before=before), "id"):
        yield _Old(rows=rows, by=by, removable=_all, remove=_remove_addresses)


def _all(keys: Sequence[int]) -> Sequence[int]:
    return keys


# A planner that is asked for rows of which nothing is under way, and a few of them only, may
# join whole tables to find them. So the index gives a few first, and then each is looked at.


def _with_text(user_id: int) -> QuerySet[Submission]:
    return Submission.objects.filter(api_user=user_id, text_removed_at=None)


def _told_to_all(submissions: Sequence[int]) -> Sequence[int]:
    """Return those that are final, and whose callbacks are done."""
    open_callbacks = Callback.objects.filter(
        message__submission=OuterRef("pk"), done_at=None, given_up_at=None
    )
    unfinished = Message.objects.filter(submission=OuterRef("pk")).exclude(state__in=FINAL)
    return _keys(
        Submission.objects.filter(~Exists(unfinished), ~Exists(open_callbacks), pk__in=submissions)
    )


def _with_numbers(account_id: int, *, before: datetime) -> QuerySet[Submission]:
    # Nothing ends before it begins: the index leaves out what is younger.
    return Submission.objects.filter(
        account=account_id, numbers_removed_at=None, created_at__lt=before
    )


def _ended(submissions: Sequence[int], *, before: datetime) -> Sequence[int]:
    """Return those whose last message became final before a moment."""
    later = Message.objects.filter(submission=OuterRef("pk")).exclude(
        state__in=FINAL, final_at__lt=before
    )
    return _keys(Submission.objects.filter(~Exists(later), pk__in=submissions))


def _keys(rows: QuerySet[Any]) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _remove_texts_and_numbers(submissions: Sequence[int]) -> None:
    """Clear submissions, some with a thousand messages: the mark comes last, when all is gone."""
    messages = sorted(
        Message.objects.filter(submission__in=submissions).values_list("pk", flat=True)
    )
    for start in range(0, len(messages), BATCH):
        with transaction.atomic():
            rows = _locked(Message, messages[start : start + BATCH])
            rows.update(msisdn=Right("msisdn", DIGITS_LEFT))
    Notification.objects.filter(
        submission__in=submissions, channel=Notification.Channel.SMS
    ).update(address=Right("address", DIGITS_LEFT))
    _remove_texts(submissions)
    with transaction.atomic():
        _locked(Submission, submissions).update(numbers_removed_at=timezone.now())


@transaction.atomic
def _remove_texts(submissions: Sequence[int]) -> None:
    rows = _locked(Submission, submissions).filter(text_removed_at=None)
    rows.update(text="", text_removed_at=timezone.now())


@transaction.atomic
def _remove_bodies(posts: Sequence[int]) -> None:
    _locked(DlrPost, posts).update(query="", body=b"", body_removed_at=timezone.now())


@transaction.atomic
def _remove_answers(attempts: Sequence[int]) -> None:
    _locked(CallbackAttempt, attempts).update(answer="")


def _replies(account_id: int | None, *, before: datetime) -> _Old:
    return _Old(
        rows=Received.objects.filter(
            account=account_id, numbers_removed_at=None, received_at__lt=before
        ),
        by="received_at",
        removable=_all,
        remove=_remove_replies,
        led_by="account_id",
    )


def _replies_told_to_all(replies: Sequence[int]) -> Sequence[int]:
    open_callbacks = Callback.objects.open().filter(received=OuterRef("pk"))
    return _keys(Received.objects.filter(~Exists(open_callbacks), pk__in=replies))


@transaction.atomic
def _remove_replies(replies: Sequence[int]) -> None:
    _remove_texts_of_replies(replies)
    now = timezone.now()
    _locked(Received, replies).update(
        msisdn=Right("msisdn", DIGITS_LEFT), numbers_removed_at=now, key=""
    )


@transaction.atomic
def _remove_texts_of_replies(replies: Sequence[int]) -> None:
    """Clear texts, with the parts and the bodies that they were read from."""
    now = timezone.now()
    rows = _locked(Received, replies).filter(text_removed_at=None)
    ReceivedPart.objects.filter(received__in=replies).delete()
    posts = ReceivedPost.objects.filter(received__in=replies, body_removed_at=None)
    ReceivedPost.objects.filter(pk__in=posts.values("pk")).update(body=b"", body_removed_at=now)
    rows.update(text="", text_removed_at=now)


def _bodies_of_replies(*, before: datetime) -> QuerySet[ReceivedPost]:
    return ReceivedPost.objects.filter(
        received_at__lt=before, read_at__isnull=False, body_removed_at=None
    )


@transaction.atomic
def _remove_bodies_of_replies(posts: Sequence[int]) -> None:
    _locked(ReceivedPost, posts).update(body=b"", body_removed_at=timezone.now())


def _locked(model: type[Model], keys: Sequence[int]) -> QuerySet[Any]:
    """Return rows after locking them in the order of their keys, as everybody does."""
    rows: QuerySet[Any] = model._default_manager.filter(pk__in=keys)
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    return rows


def _foreign_words_kept() -> timedelta:
    """Return how long: they are of many accounts at once, so the strictest decides for all."""
    shortest = Account.objects.aggregate(days=Min("retention_days"))["days"]
    own = FOREIGN_WORDS_KEPT if shortest is None else timedelta(days=shortest)
    return min(own, FOREIGN_WORDS_KEPT)


def _bodies(*, before: datetime) -> QuerySet[DlrPost]:
    return DlrPost.objects.filter(
        received_at__lt=before, read_at__isnull=False, body_removed_at=None
    )


def _answers(*, before: datetime) -> QuerySet[CallbackAttempt]:
    # Not empty: as the index has it.
    return CallbackAttempt.objects.filter(~Q(answer=""), at__lt=before)


def _over(attempts: Sequence[int]) -> Sequence[int]:
    """Return the attempts of callbacks that are done or given up."""
    is_over = Q(callback__done_at__isnull=False) | Q(callback__given_up_at__isnull=False)
    return _keys(CallbackAttempt.objects.filter(is_over, pk__in=attempts))


def _accepted(*, before: datetime) -> QuerySet[AddressUse]:
    return AddressUse.objects.filter(_unused_since(before), accepted_at__lt=before)


def _refused(*, before: datetime) -> QuerySet[AddressUse]:
    """Return the old ones from which nobody was ever accepted."""
    return AddressUse.objects.filter(_unused_since(before), accepted_at=None)


def _unused_since(before: datetime) -> Q:
    return (Q(refused_at=None) | Q(refused_at__lt=before)) & (
        Q(observed_at=None) | Q(observed_at__lt=before)
    )


def _remove_addresses(addresses: Sequence[int]) -> None:
    AddressUse.objects.filter(pk__in=addresses).delete()
