"""How fast credits go: says from what each purse paid by days how long the rest lasts."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sms_accounts.models import DaySpent

DAYS = 7
# On fewer days than these no pace can be seen: one campaign is none.
FEWEST_DAYS = 2
LONGEST = 365


@dataclass(frozen=True)
class Outlook:
    """How many days credits last, and what that is told from: spent in so many days."""

    days: Decimal
    spent: Decimal
    basis_days: int

    @property
    def span(self) -> str:
        days = int(self.days)
        if days < 1:
            return _("less than a day")
        if days > LONGEST:
            return _("more than a year")
        return ngettext("about %d day", "about %d days", days) % days

    @property
    def basis(self) -> str:
        """The figure's basis, to follow "the pace of"."""
        return _("the last %(days)d days (%(credits)s credits)") % {
            "days": self.basis_days,
            "credits": formats.number_format(self.spent, decimal_pos=2),
        }

    @property
    def told(self) -> list[str]:
        """What stands behind the span where that stands alone."""
        return [_("At the pace of %s") % self.basis]


def outlooks(left: Mapping[int, Decimal]) -> dict[int, Outlook]:
    """Return how long what is left lasts, by purse; nothing where there is too little to go by.

    `left` is what can be spent from each purse. A purse that was first used in these days is
    judged from its first day.
    """
    now = timezone.now()
    first_day = _day(now) - timedelta(days=DAYS - 1)
    spent: defaultdict[int, dict[date, Decimal]] = defaultdict(dict)
    days = DaySpent.objects.filter(wallet__in=left, day__gte=first_day, credits__gt=0)
    for wallet_id, day, credits in days.values_list("wallet_id", "day", "credits"):
        spent[wallet_id][day] = credits
    return {
        wallet_id: _outlook(left[wallet_id], by_day, now=now)
        for wallet_id, by_day in spent.items()
        if len(by_day) >= FEWEST_DAYS
    }


def _outlook(left: Decimal, by_day: Mapping[date, Decimal], *, now: datetime) -> Outlook:
    total = sum(by_day.values(), Decimal(0))
    began = datetime.combine(min(by_day), time(), tzinfo=UTC)
    elapsed = Decimal((now - began).total_seconds()) / 86_400
    return Outlook(days=left * elapsed / total, spent=total, basis_days=math.ceil(elapsed))


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
