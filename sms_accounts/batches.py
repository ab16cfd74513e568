"""Orders from the browser: written, confirmed with their price, stopped, gone on with, emptied.

What is confirmed goes out by `batch_sending`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from sms_accounts import activity, batch_plans, receiver_lists
from sms_accounts.models import Account, Batch, BatchReceiver, ReceiverFile, Sender, User

Because = Batch.StoppedBecause
State = Batch.State

# So long text and receivers are kept, before it is confirmed and after it has ended.
KEPT = timedelta(hours=24)
# What one person may bring: orders a minute, and files at a time.
MOST_A_MINUTE = 20
A_MINUTE = timedelta(minutes=1)
MOST_FILES = 20
# So many of those that are left out are named.
MOST_NAMED = 100
_INSERTED_AT_ONCE = 2000


class NotConfirmed(Exception):
    """The order cannot go out as it stands; nothing was changed but what is told of it."""


class PricesChanged(NotConfirmed):
    """It costs something else now than was told; the order has the new price."""


class NotAffordable(NotConfirmed):
    """The account does not have the credits."""


class SenderGone(NotConfirmed):
    """The sender cannot be used any more."""


class TimePassed(NotConfirmed):
    """The time that it was meant for has passed."""


class AccountDisabled(NotConfirmed):
    """Nothing is sent from this account."""


class TooOften(Exception):
    """This person wrote so many orders in the last minute that no other is taken."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An order as it was typed; its placeholders and its time are checked."""

    account: Account
    sender: str
    text: str
    typed: str = ""
    file: ReceiverFile | None = None
    stop_clause: bool = False
    is_flash: bool = False
    tag: str = ""
    scheduled_at: datetime | None = None


@dataclass(frozen=True)
class Affordable:
    """How many of the receivers the credits pay for, in their order, and what those cost."""

    receivers: int
    credits: Decimal


def keep_file(account: Account, name: str, content: bytes, *, by: User) -> ReceiverFile:
    """Keep a CSV file for the order that somebody is writing; raises NotReadable.

    The oldest of more than MOST_FILES are forgotten.
    """
    text = receiver_lists.decoded(content)
    receiver_lists.read(text)
    with transaction.atomic():
        file = ReceiverFile.objects.create(
            account=account, by=by, name=name[:100], content=text, kept_at=timezone.now()
        )
        of_person = ReceiverFile.objects.filter(by=by).order_by("-pk")
        older = list(of_person.values_list("pk", flat=True)[MOST_FILES:])
        ReceiverFile.objects.filter(pk__in=older).delete()
    return file


def write(wanted: Wanted, plan: batch_plans.Plan, *, by: User) -> Batch:
    """Store an order that is to be confirmed; nothing is paid. Raises TooOften."""
    now = timezone.now()
    latest = Batch.objects.filter(by=by).order_by("-pk").values_list("made_at", flat=True)
    if any(made_at > now - A_MINUTE for made_at in latest[MOST_A_MINUTE - 1 : MOST_A_MINUTE]):
        raise TooOften
    with transaction.atomic():
        batch = Batch.objects.create(
            account=wanted.account,
            by=by,
            sender=wanted.sender,
            text=wanted.text,
            typed=wanted.typed,
            file=wanted.file,
            stop_clause=wanted.stop_clause,
            is_flash=wanted.is_flash,
            tag=wanted.tag,
            scheduled_at=wanted.scheduled_at,
            receivers=len(plan.receivers),
            left_out={
                "duplicates": _named(plan.duplicates),
                "invalid": _named(plan.invalid),
                "not_served": _named(plan.not_served),
                "opted_out": _named(plan.opted_out),
                "blanks": plan.blanks,
            },
            due_at=now,
            made_at=now,
            **_price_told((one.msisdn, one.parts, one.credits) for one in plan.receivers),
        )
        BatchReceiver.objects.bulk_create(
            (
                BatchReceiver(batch=batch, msisdn=one.msisdn, text=one.text, parts=one.parts)
                for one in plan.receivers
            ),
            batch_size=_INSERTED_AT_ONCE,
        )
        if not batch.tag:
            # By which its messages are found again.
            batch.tag = tag_of(batch)
            batch.save(update_fields=["tag"])
    return batch


def tag_of(batch: Batch) -> str:
    """Return the tag of the messages of an order to which nobody gave another."""
    return f"panel-{batch.pk}"


def _named(given: Sequence[str]) -> dict[str, object]:
    return {"count": len(given), "first": [one[:40] for one in given[:MOST_NAMED]]}


def _price_told(prices: Iterable[tuple[str, int, Decimal]]) -> dict[str, object]:
    """Return the columns that tell the price of an order."""
    countries = batch_plans.by_country(prices)
    return {
        "credits": sum((one.credits for one in countries), Decimal(0)),
        "countries": [
            [one.country, one.receivers, one.parts, str(one.credits)] for one in countries
        ],
    }


@dataclass(frozen=True, slots=True)
class _Price:
    """A receiver that is left and can be sent to, with its price as of now."""

    key: int
    msisdn: str
    parts: int
    credits: Decimal


def affordable(batch: Batch) -> Affordable:
    """Return for how many of those that are left, in their order, the account has the credits."""
    available = batch.account.wallet.spendable
    receivers, credits = 0, Decimal(0)
    for one in _prices(batch):
        if credits + one.credits > available:
            break
        receivers, credits = receivers + 1, credits + one.credits
    return Affordable(receivers, credits)


def _prices(batch: Batch) -> list[_Price]:
    rows = list(left_of(batch).values_list("pk", "msisdn", "parts"))
    a_part = batch_plans.credits_a_part(batch.account, (number for _pk, number, _parts in rows))
    return [
        _Price(pk, number, parts, a_part[number] * parts)
        for pk, number, parts in rows
        if number in a_part
    ]


def left_of(batch: Batch) -> QuerySet[BatchReceiver]:
    """Return the receivers that nothing was decided about yet, in their order."""
    return BatchReceiver.objects.filter(batch=batch, is_waiting=True).order_by("pk")


def confirm(batch: Batch, *, most: int | None = None, by: User) -> bool:
    """Let an order go out, or only to the first receivers; return whether it was not confirmed.

    Raises NotConfirmed in one of its kinds.
    """
    with transaction.atomic():
        found = _locked(batch)
        if found.state != State.DRAFT:
            return False
        prices = _prices(found)
        credits = sum((one.credits for one in prices), Decimal(0))
        if credits == found.credits:
            _check(found)
            last = _last_paid_for(found, prices, most=most)
            _start(found, last=last)
            activity.record(by, "messages sent", found.account, after=_told(found, receivers=most))
            return True
        # Kept, so that the page tells it when it is shown again.
        told = _price_told((one.msisdn, one.parts, one.credits) for one in prices)
        Batch.objects.filter(pk=found.pk).update(**told)
    raise PricesChanged


def go_on(batch: Batch, *, by: User) -> bool:
    """Send to those who are left of an order that was stopped; return whether it was.

    Raises NotConfirmed: it goes on only where the account can pay for all that is left.
    """
    with transaction.atomic():
        found = _locked(batch)
        if found.state != State.STOPPED or found.emptied_at is not None:
            return False
        _check(found)
        _last_paid_for(found, _prices(found), most=None)
        _start(found, last=None)
        activity.record(by, "sending gone on with", found.account, after=_told(found))
    return True


def _check(batch: Batch) -> None:
    if not batch.account.is_enabled:
        raise AccountDisabled
    enabled = Sender.objects.enabled_for(batch.account, None)
    if not enabled.filter(name=batch.sender).exists():
        raise SenderGone
    # What was begun in time goes on without it.
    is_first = batch.confirmed_at is None
    if is_first and batch.scheduled_at is not None and batch.scheduled_at <= timezone.now():
        raise TimePassed


def _last_paid_for(batch: Batch, prices: Sequence[_Price], *, most: int | None) -> int | None:
    """Return the key of the last of the first receivers, None for all; raises NotAffordable."""
    chosen = prices[:most]
    if sum((one.credits for one in chosen), Decimal(0)) > batch.account.wallet.spendable:
        raise NotAffordable
    return chosen[-1].key if 0 < len(chosen) < len(prices) else None


def stop(batch: Batch, *, by: User) -> bool:
    """Send to nobody any more who is left; return whether it was being sent."""
    with transaction.atomic():
        found = _locked(batch)
        if found.state != State.SENDING:
            return False
        end(found, because=Because.HOLDER)
        activity.record(by, "sending stopped", found.account, after=_told(found))
    return True


def _locked(batch: Batch) -> Batch:
    rows = Batch.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("account__wallet").get(pk=batch.pk)


def _start(batch: Batch, *, last: int | None) -> None:
    now = timezone.now()
    Batch.objects.filter(pk=batch.pk).update(
        state=State.SENDING,
        stopped_because="",
        last_receiver=last,
        due_at=now,
        faults=0,
        confirmed_at=batch.confirmed_at or now,
        ended_at=None,
    )


def end(batch: Batch, *, because: Because | None) -> None:
    """End an order that is being sent, with the reason where that is not that all was sent."""
    Batch.objects.filter(pk=batch.pk).update(
        state=State.STOPPED if because else State.DONE,
        stopped_because=because or "",
        ended_at=timezone.now(),
    )


def _told(batch: Batch, *, receivers: int | None = None) -> dict[str, object]:
    """Return what the holder's log says of an order: never its text, never a number."""
    return {
        "sender": batch.sender,
        "receivers": batch.receivers if receivers is None else receivers,
        "accepted": batch.accepted,
    }


def empty_old() -> int:
    """Remove text and receivers of orders that ended a day ago, or were never confirmed."""
    before = timezone.now() - KEPT
    ReceiverFile.objects.filter(kept_at__lt=before).delete()
    over = Batch.objects.filter(emptied_at=None, made_at__lt=before).filter(
        Q(state=State.DRAFT) | Q(ended_at__lt=before)
    )
    keys = list(over.order_by("made_at", "id").values_list("pk", flat=True))
    for pk in keys:
        _empty(pk)
    return len(keys)


@transaction.atomic
def _empty(pk: int) -> None:
    batch = Batch.objects.select_for_update(no_key=True).get(pk=pk)
    if batch.state == State.SENDING:
        # Somebody let it go on meanwhile.
        return
    BatchReceiver.objects.filter(batch=batch).delete()
    if batch.state == State.DRAFT:
        batch.delete()
        return
    Batch.objects.filter(pk=pk).update(
        text="", typed="", left_out={}, file=None, emptied_at=timezone.now()
    )
