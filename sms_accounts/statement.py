"""The statement of an account: its movements as a holder reads them, with totals and a check."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)

from sms_accounts import figures
from sms_accounts.figures import Totals
from sms_accounts.models import Account, LedgerEntry, Message
from sms_accounts.models.fields import CreditsField

Kind = LedgerEntry.Kind


@dataclass(frozen=True)
class Statement:
    """Movements, not yet read, and what they come to; totals are of all kinds."""

    entries: QuerySet[LedgerEntry]
    totals: Totals


def of(
    account: Account,
    *,
    users: Sequence[int] | None = None,
    kind: Kind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Statement:
    """Return the movements of an account's purse and of the purses of its API users.

    A quota that is given or taken back is one movement of two purses: the entry is that of the
    account's, and `quota_credits` and `quota_balance` say what became of the user's.
    `first_message` and `messages` are of the order that was paid or refunded.
    """
    moved = figures.movements(account, users=users, since=since, until=until)
    entries = LedgerEntry.objects.filter(
        ~Q(kind=Kind.QUOTA) | Q(wallet=account.wallet_id), account=account
    )
    if users is not None:
        entries = entries.filter(api_user__in=users)
    if kind is not None:
        entries = entries.of_kind(kind)
    is_of_span = since is not None or until is not None
    found = _of_span(entries, moved, since, until) if is_of_span else entries
    return Statement(entries=_explained(found), totals=moved.totals)


def _of_span(
    entries: QuerySet[LedgerEntry],
    moved: figures.Movements,
    since: datetime | None,
    until: datetime | None,
) -> QuerySet[LedgerEntry]:
    """Leave those of a span of time, found by their keys: no index has their moments."""
    if moved.first is None or moved.last is None:
        return entries.none()
    entries = entries.filter(pk__gte=moved.first, pk__lte=moved.last)
    if since is not None:
        entries = entries.filter(created_at__gte=since)
    if until is not None:
        entries = entries.filter(created_at__lt=until)
    return entries


def _explained(entries: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
    # The other half is stored next: whoever gives a quota has locked both purses.
    other_half = LedgerEntry.objects.filter(
        wallet=OuterRef("api_user__quota_wallet"), pk__gt=OuterRef("pk"), kind=Kind.QUOTA
    ).order_by("pk")
    of_order = Message.objects.filter(submission=OuterRef("submission"))
    return entries.select_related("api_user", "by").annotate(
        quota_credits=Case(When(kind=Kind.QUOTA, then=-F("credits")), output_field=CreditsField()),
        quota_balance=Case(
            When(kind=Kind.QUOTA, then=Subquery(other_half.values("balance")[:1])),
            output_field=CreditsField(),
        ),
        first_message=Case(
            When(message__isnull=False, then=F("message")),
            When(kind=Kind.DEBIT, then=Subquery(of_order.order_by("pk").values("pk")[:1])),
            output_field=BigIntegerField(),
        ),
        messages=Case(
            When(
                kind=Kind.DEBIT,
                then=Subquery(of_order.values("submission").values(n=Count("pk"))),
            ),
            output_field=BigIntegerField(),
        ),
    )
