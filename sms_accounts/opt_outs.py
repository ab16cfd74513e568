"""The numbers that an account may send nothing to: put on its list, taken off, and looked up."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import connection, transaction
from django.utils import timezone

from sms_accounts import activity, bulk
from sms_accounts.models import Account, OptOut, User

# After as many new rows as these the database looks at the table anew.
MANY = 1_000
# So many numbers are named in the change log; of more it says how many.
MOST_NAMED = 10

_TABLE = OptOut._meta.db_table
# What is asked comes first in both, and each of it is one look into the index: the list may be
# far longer than what is asked.
_AMONG = {
    "postgresql": (
        f"SELECT o.account_id, o.msisdn FROM unnest(%s::bigint[], %s::text[]) AS d (a, m)"  # noqa: S608
        f" JOIN {_TABLE} o ON o.account_id = d.a AND o.msisdn = d.m"
    ),
    "sqlite": (
        f"SELECT o.account_id, o.msisdn FROM json_each(%s) d CROSS JOIN {_TABLE} o"  # noqa: S608
        " ON o.account_id = json_extract(d.value, '$[0]')"
        " AND o.msisdn = json_extract(d.value, '$[1]')"
    ),
}


def among(asked: Mapping[int, Collection[str]]) -> set[tuple[int, str]]:
    """Return which of these numbers, by the keys of accounts, may not be sent to: one query."""
    pairs = [(account_id, number) for account_id, numbers in asked.items() for number in numbers]
    return set(bulk.ask(*_statement(pairs))())


def _statement(pairs: Sequence[tuple[int, str]]) -> tuple[str, Sequence[object]]:
    sql = _AMONG[connection.vendor]
    if connection.vendor == "postgresql":
        return sql, ([account_id for account_id, _ in pairs], [number for _, number in pairs])
    return sql, (json.dumps(pairs),)


def add(
    account: Account,
    notes: Mapping[str, str],
    *,
    source: OptOut.Source,
    by: User | None,
) -> int:
    """Put numbers (E.164 digits) with their notes on the list; return how many are new on it.

    What was there before stays as it was. It counts for every call that comes after.
    """
    with transaction.atomic():
        _lock(account)
        there = OptOut.objects.filter(account=account, msisdn__in=list(notes))
        known = set(there.values_list("msisdn", flat=True))
        new = [number for number in notes if number not in known]
        if not new:
            return 0
        now = timezone.now()
        OptOut.objects.bulk_create(
            (
                OptOut(
                    account=account,
                    msisdn=number,
                    source=source,
                    by=by,
                    note=notes[number],
                    created_at=now,
                )
                for number in new
            ),
            batch_size=1000,
        )
        if len(new) >= MANY and connection.vendor == "postgresql":
            # Until it does so by itself, `among` might go by another index: with few rows, and
            # in a plan that was made while there were few, one is as good as the other.
            with connection.cursor() as cursor:
                cursor.execute(f"ANALYZE {_TABLE}")
        # The row's revision counts it: callers that are remembered are asked for anew.
        Account.objects.filter(pk=account.pk).update(opt_outs_at=now)
        activity.record(by, "opt-outs added", account, after=_told(new))
    return len(new)


def remove(account: Account, numbers: Collection[str], *, by: User | None) -> int:
    """Take numbers off the list, so that they may be sent to again; return how many were on it."""
    with transaction.atomic():
        _lock(account)
        listed = OptOut.objects.filter(account=account)
        found = sorted(listed.filter(msisdn__in=numbers).values_list("msisdn", flat=True))
        if not found:
            return 0
        listed.filter(msisdn__in=found).delete()
        if not listed.exists():
            Account.objects.filter(pk=account.pk).update(opt_outs_at=None)
        activity.record(by, "opt-outs removed", account, before=_told(found))
    return len(found)


def _lock(account: Account) -> None:
    """Let one at a time change the list, and say whether it is empty."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)


def _told(numbers: Iterable[str]) -> dict[str, object]:
    named = [f"+{number}" for number in numbers]
    if len(named) > MOST_NAMED:
        return {"numbers": len(named)}
    return {"numbers": named}
