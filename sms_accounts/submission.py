"""From orders to stored, paid messages: many in one transaction, and each for itself."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from sms_accounts import (
    at_once,
    bulk,
    debits,
    idempotency,
    ledger,
    order_rows,
    orders,
    pace,
    price_list,
    routes,
)
from sms_accounts.group_commit import Group, Outbox
from sms_accounts.models import ApiUser, Message, Submission
from sms_accounts.orders import Order, Priced


class Outdated(Exception):
    """What was remembered of the caller has changed since; nothing was stored or paid."""


class Receipt(NamedTuple):
    """What was stored: the ids in the order of the receivers, and what can still be spent."""

    submission_id: int
    message_ids: tuple[int, ...]
    invalid: tuple[str, ...]
    credits_left: Decimal

    @property
    def submission(self) -> Submission:
        return Submission.objects.get(pk=self.submission_id)


# Why an order was not stored, or what was.
Outcome = (
    Receipt
    | Outdated
    | orders.OptedOut
    | pace.TooFast
    | ledger.InsufficientCredits
    | idempotency.KeyUsedOtherwise
)


def submit(order: Order) -> Receipt:
    """Store and charge an order: all valid receivers or none, in one transaction.

    An order whose idempotency key came before gives the first receipt again. Raises
    orders.Refused in one of its kinds, idempotency.KeyUsedOtherwise, pace.TooFast, Outdated,
    ledger.InsufficientCredits; nothing is stored then.
    """
    receipt = _receipt_of_before(order, timezone.now())
    return receipt or _receipt_or_raise(store_each([orders.priced(order)])[0])


def submit_with_others(order: Order) -> Receipt:
    """Do what `submit` does in one transaction with what other threads submit at this moment.

    Not to be called within a transaction: another thread would not see what that has done.
    """
    receipt = _receipt_of_before(order, timezone.now())
    return receipt or _receipt_or_raise(_together.take(orders.priced(order)))


async def submit_from(priced: Priced, outbox: Outbox) -> Receipt:
    """Do what `submit_with_others` does, from an event loop, for an order without a key."""
    return _receipt_or_raise(await _together.take_from(priced, outbox))


def _receipt_or_raise(outcome: Outcome) -> Receipt:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _receipt_of_before(order: Order, now: datetime) -> Receipt | None:
    if order.api_user is None or not order.idempotency_key:
        return None
    found = idempotency.find(
        order.api_user, order.idempotency_key, fingerprint=order.fingerprint, now=now
    )
    if found is None:
        return None
    submission = found.submission
    return Receipt(
        submission_id=submission.pk,
        message_ids=tuple(
            Message.objects.filter(submission=submission)
            .order_by("pk")
            .values_list("pk", flat=True)
        ),
        invalid=tuple(found.invalid),
        credits_left=debits.balance_after(submission),
    )


def store_each(priced: Sequence[Priced]) -> list[Outcome]:
    """Store and charge orders, in the order in which they came; return what came of each.

    Each is accepted or not as if it had come alone: those that one purse cannot pay together
    are paid one after the other, and one that cannot be paid does not keep back the next.
    """
    outcomes: dict[int, Outcome] = {}
    allowed: dict[int, Priced] = {}
    for number, one in enumerate(orders.heeding_opt_outs(priced)):
        if isinstance(one, orders.OptedOut):
            outcomes[number] = one
        else:
            allowed[number] = one
    if stored := at_once.store(list(allowed.values())):
        for number, each in zip(allowed, stored, strict=True):
            outcomes[number] = Receipt(
                submission_id=each.submission_id,
                message_ids=each.message_ids,
                invalid=allowed[number].quote.invalid,
                credits_left=each.credits_left,
            )
    waiting = [number for number in allowed if number not in outcomes]
    while waiting:
        done = _Round([allowed[number] for number in waiting]).store()
        outcomes |= {waiting[place]: outcome for place, outcome in done.items()}
        waiting = [number for number in waiting if number not in outcomes]
    return [outcomes[number] for number in range(len(priced))]


def _store_together(priced: Sequence[Priced]) -> list[Outcome]:
    # Here is a thread that may wait for it; those who bring the next orders need not.
    price_list.keep_fresh()
    routes.keep_fresh()
    return store_each(priced)


_together: Group[Priced, Outcome] = Group(_store_together)


class _Round:
    """Orders that go into one transaction, and what comes of each, by its place among them.

    What has to wait for another one of them has no outcome, and comes again in the next round.
    Locks are taken in the order that `ledger` names: users, keys, paces, purses.
    """

    def __init__(self, priced: Sequence[Priced]) -> None:
        self._priced = priced
        self._outcomes: dict[int, Outcome] = {}
        self._going_on = set(range(len(priced)))

    def store(self) -> dict[int, Outcome]:
        with transaction.atomic():
            self._lock()
            twins = self._keep_keys()
            minutes = pace.locked(
                {user.pk: user for user in self._users() if user.messages_a_minute is not None}
            )
            too_fast = self._count(minutes)
            self._stop_those_judged_by_what_was()
            if self._can_surely_not_all_be_paid():
                self._pay()
                self._insert()
            else:
                # Before the purse is touched: who else pays from it waits until the commit.
                self._take_out(self._pay(along=self._insert))
            self._give_back(minutes, too_fast)
            self._drop_keys()
        # Of two with the same key the other one was first, and has been stored by now.
        for place in twins:
            self._answer_again(place)
        return self._outcomes

    def _lock(self) -> None:
        with bulk.together():
            ids = order_rows.SUBMISSIONS.next_ids(len(self._priced))
            message_ids = order_rows.MESSAGES.next_ids(
                sum(len(one.quote.credits) for one in self._priced)
            )
            payers = debits.lock_payers({user.pk for user in self._users()})
            self._ids, self._payers, free = ids(), payers(), iter(message_ids())
        for payer in self._payers.values():
            at_once.remember(payer.wallet_id, payer.room)
        self._ids_of_messages = [
            tuple(next(free) for _number in one.quote.credits) for one in self._priced
        ]

    def _users(self) -> list[ApiUser]:
        users = [self._priced[place].order.api_user for place in sorted(self._going_on)]
        return [user for user in users if user is not None]

    def _stop(self, place: int, outcome: Outcome | None = None) -> None:
        self._going_on.discard(place)
        if outcome is not None:
            self._outcomes[place] = outcome

    def _keep_keys(self) -> list[int]:
        """Store the keys of the orders that have one; return the places of those that had come
        before. Of two with the same key in this round the second waits for the next."""
        keys: dict[tuple[int, str], idempotency.Kept] = {}
        places = {}
        for place, one in enumerate(self._priced):
            user, key = one.order.api_user, one.order.idempotency_key
            if user is None or not key:
                continue
            if (user.pk, key) in keys:
                self._stop(place)
                continue
            keys[user.pk, key] = idempotency.Kept(
                submission_id=self._ids[place],
                api_user_id=user.pk,
                key=key,
                fingerprint=one.order.fingerprint,
                invalid=one.quote.invalid,
                at=one.at,
            )
            places[self._ids[place]] = place
        came_before = [places[pk] for pk in idempotency.keep(keys.values())]
        for place in came_before:
            self._stop(place)
        return came_before

    def _count(self, minutes: dict[int, pace.Minute]) -> list[int]:
        """Count the messages of users whose pace is limited; return who was too fast."""
        too_fast = []
        for place in sorted(self._going_on):
            one = self._priced[place]
            user = one.order.api_user
            if user is None or user.pk not in minutes:
                continue
            try:
                minutes[user.pk].keep(len(one.quote.credits), now=one.at)
            except pace.TooFast as limited:
                self._stop(place, limited)
                too_fast.append(place)
        return too_fast

    def _stop_those_judged_by_what_was(self) -> None:
        for place in sorted(self._going_on):
            judged_by = self._priced[place].order.judged_by
            if judged_by and self._payers[judged_by.user.pk].revisions != judged_by.revisions:
                self._stop(place, Outdated())

    def _can_surely_not_all_be_paid(self) -> bool:
        needed: dict[int, Decimal] = {}
        for place in self._going_on:
            one = self._priced[place]
            if one.order.api_user is not None:
                user = one.order.api_user.pk
                needed[user] = needed.get(user, Decimal(0)) + one.quote.total
        return any(
            credits > self._payers[user].seen or not self._payers[user].is_open
            for user, credits in needed.items()
        )

    def _insert(self) -> None:
        submissions: list[tuple[object, ...]] = []
        messages: list[tuple[object, ...]] = []
        for place in sorted(self._going_on):
            one = self._priced[place]
            ids = self._ids_of_messages[place]
            row = order_rows.submission(self._ids[place], one, self._wallet(place))
            submissions.append(row)
            messages += order_rows.messages(ids, self._ids[place], one)
        order_rows.SUBMISSIONS.insert(submissions)
        order_rows.MESSAGES.insert(messages)

    def _wallet(self, place: int) -> int:
        order = self._priced[place].order
        if order.api_user is None:
            return order.account.wallet_id
        return self._payers[order.api_user.pk].wallet_id

    def _pay(self, *, along: Callable[[], None] | None = None) -> list[int]:
        """Take the price of each; return the places of those that could not be paid."""
        places = sorted(self._going_on)
        bills = [self._bill(place) for place in places]
        refused = []
        outcomes = debits.debit_each(bills, self._payers, along=along)
        for place, outcome in zip(places, outcomes, strict=True):
            if isinstance(outcome, debits.Paid):
                self._outcomes[place] = Receipt(
                    submission_id=self._ids[place],
                    message_ids=self._ids_of_messages[place],
                    invalid=self._priced[place].quote.invalid,
                    credits_left=outcome.balance,
                )
            else:
                self._stop(place, outcome)
                refused.append(place)
        return refused

    def _bill(self, place: int) -> debits.Bill:
        one = self._priced[place]
        return debits.Bill(
            payer=one.order.api_user or one.order.account,
            credits=one.quote.total,
            account_id=one.order.account.pk,
            submission_id=self._ids[place],
            at=one.at,
            silent_for=one.order.silent_for,
        )

    def _give_back(self, minutes: dict[int, pace.Minute], too_fast: Sequence[int]) -> None:
        """Count only what was accepted, and let those try again who were too fast by the rest."""
        given_back = set()
        for place, one in enumerate(self._priced):
            user = one.order.api_user
            if user is None or user.pk not in minutes or place in too_fast:
                continue
            if isinstance(self._outcomes.get(place), (Outdated, ledger.InsufficientCredits)):
                minutes[user.pk].give_back(len(one.quote.credits), now=one.at)
                given_back.add(user.pk)
        for place in too_fast:
            user = self._priced[place].order.api_user
            if user is not None and user.pk in given_back:
                del self._outcomes[place]
        for minute in minutes.values():
            minute.save()

    def _take_out(self, refused: Sequence[int]) -> None:
        """Undo what was stored for those that could not be paid."""
        if unpaid := [self._ids[place] for place in refused]:
            Message.objects.filter(submission__in=unpaid).delete()
            Submission.objects.filter(pk__in=unpaid).delete()

    def _drop_keys(self) -> None:
        """Forget the keys of all but those that were paid."""
        idempotency.drop(
            self._ids[place]
            for place, one in enumerate(self._priced)
            if one.order.idempotency_key and not isinstance(self._outcomes.get(place), Receipt)
        )

    def _answer_again(self, place: int) -> None:
        try:
            receipt = _receipt_of_before(self._priced[place].order, self._priced[place].at)
        except idempotency.KeyUsedOtherwise as used:
            self._outcomes[place] = used
        else:
            if receipt is not None:
                self._outcomes[place] = receipt
