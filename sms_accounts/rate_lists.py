"""Whole price lists: what one would change of the rates, and changing it, with a record of each."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction

from sms_accounts.models import Rate, User


class ChangedMeanwhile(Exception):
    """The rates are no longer those that somebody saw the changes of; nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a list says of a prefix; `description` is None where it says nothing of that."""

    number: int
    prefix: str
    credits: Decimal
    description: str | None


@dataclass(frozen=True)
class Step:
    """A rate as it is and as it would be; None where there is none."""

    prefix: str
    before: Decimal | None
    after: Decimal | None
    old_description: str
    description: str

    @property
    def told(self) -> str:
        """Return what the record of this change says."""
        text = f"Price list: {self.before or 'none'} → {self.after or 'none'}"
        if None in (self.before, self.after) or self.description == self.old_description:
            return text
        return f"{text}, “{self.old_description}” → “{self.description}”"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would change, and how many rates stay as they are."""

    added: Sequence[Step]
    changed: Sequence[Step]
    removed: Sequence[Step]
    same: int

    @property
    def steps(self) -> list[Step]:
        return [*self.added, *self.changed, *self.removed]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr(self.steps).encode()).hexdigest()


def plan(lines: Collection[Line], *, removes_others: bool) -> Plan:
    """Return what a list would change; each prefix stands in it once."""
    return _plan(lines, list(Rate.objects.all()), removes_others=removes_others)


@transaction.atomic
def apply(lines: Collection[Line], *, removes_others: bool, fingerprint: str, by: User) -> Plan:
    """Change the rates as the plan of this fingerprint says; raises ChangedMeanwhile."""
    rates = list(Rate.objects.select_for_update())
    made = _plan(lines, rates, removes_others=removes_others)
    if made.fingerprint != fingerprint:
        raise ChangedMeanwhile
    keys = {rate.prefix: rate.pk for rate in rates}
    try:
        added = Rate.objects.bulk_create(_rate(step) for step in made.added)
    except IntegrityError:
        # Somebody added one of them at this moment.
        raise ChangedMeanwhile from None
    changed = [_rate(step, keys[step.prefix]) for step in made.changed]
    Rate.objects.bulk_update(changed, ["credits", "description"], batch_size=500)
    removed = [keys[step.prefix] for step in made.removed]
    Rate.objects.filter(pk__in=removed).delete()
    _record(by, ADDITION, made.added, [rate.pk for rate in added])
    _record(by, CHANGE, made.changed, [rate.pk for rate in changed])
    _record(by, DELETION, made.removed, removed)
    return made


def _plan(lines: Collection[Line], rates: Collection[Rate], *, removes_others: bool) -> Plan:
    present = {rate.prefix: rate for rate in rates}
    listed = {line.prefix for line in lines}
    steps = [_step(line, present.get(line.prefix)) for line in lines]
    others = [rate for rate in rates if rate.prefix not in listed] if removes_others else []
    changed = [
        step
        for step in steps
        if step.before is not None
        and (step.before, step.old_description) != (step.after, step.description)
    ]
    added = [step for step in steps if step.before is None]
    return Plan(
        added=sorted(added, key=lambda step: step.prefix),
        changed=sorted(changed, key=lambda step: step.prefix),
        removed=[
            Step(rate.prefix, rate.credits, None, rate.description, "")
            for rate in sorted(others, key=lambda rate: rate.prefix)
        ],
        same=len(rates) - len(changed) - len(others),
    )


def _step(line: Line, rate: Rate | None) -> Step:
    old = rate.description if rate else ""
    return Step(
        prefix=line.prefix,
        before=rate.credits if rate else None,
        after=line.credits,
        old_description=old,
        description=old if line.description is None else line.description,
    )


def _rate(step: Step, key: int | None = None) -> Rate:
    assert step.after is not None  # noqa: S101  # it is one that is to be
    return Rate(pk=key, prefix=step.prefix, credits=step.after, description=step.description)


def _record(by: User, flag: int, steps: Sequence[Step], keys: Sequence[int]) -> None:
    kind = ContentType.objects.get_for_model(Rate)
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=by.pk,
            content_type=kind,
            object_id=str(key),
            object_repr=step.prefix or "*",
            action_flag=flag,
            change_message=step.told,
        )
        for step, key in zip(steps, keys, strict=True)
    )
