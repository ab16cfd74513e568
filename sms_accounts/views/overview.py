"""The page that an account opens with: how it stands, and what to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sms_accounts import oddities, oddity_words
from sms_accounts import overview as overviews
from sms_accounts.figures import Totals
from sms_accounts.forms.rules import explained
from sms_accounts.models import Account, ApiUser, Rule
from sms_accounts.oddities import Oddity
from sms_accounts.overview import Overview, Share, Spending
from sms_accounts.views.account_page import header, show, who
from sms_accounts.views.api_user_words import paused_words


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A line of the table of messages: the same figure of three spans, and where it leads."""

    label: str
    values: Sequence[int | Decimal]
    state: str = ""

    @property
    def is_credits(self) -> bool:
        return isinstance(self.values[0], Decimal)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A share as it is drawn: in which colour, under which name, and whose it is."""

    hue: str
    label: str
    credits: Decimal
    login: str = ""


@dataclass(frozen=True, kw_only=True)
class Warned:
    """An oddity in words, with where it can be looked into."""

    title: str
    sentence: str
    api_user: ApiUser
    url: str


@require_safe
def overview(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    account = get_object_or_404(overviews.accounts(who(request), now=now), name=name)
    found = overviews.of(account, now=now)
    zone = ZoneInfo(account.time_zone)
    head = header(account, current="account", held=found.held)
    today = now.astimezone(zone).date()
    named = [*found.spending.users[:-1], *found.quotas]
    hues = _hues(*(share.login for share in named))
    held = _held(found.quotas, head, hues)
    context = {
        **head,
        "overview": found,
        "figures": _figures(found),
        "spans": [
            (_("Today"), today),
            (_("7 days"), today - timedelta(days=overviews.WEEK - 1)),
            (_("30 days"), today - timedelta(days=overviews.DAYS - 1)),
        ],
        "held": held,
        "held_bar": [(part.hue, part.credits) for part in held],
        "spent": _spent(found.spending, hues),
        "drawn_days": _drawn_days(found.spending, hues),
        "warned": [_warned(oddity, account, now=now) for oddity in found.oddities],
        "paused": [paused_words(each, account) for each in found.paused],
        "rules": [(rule.label, text) for rule, text in explained().items()],
        "has_sent": bool(found.month.messages),
    }
    return show(request, "sms/overview/overview.html", account, context)


def _figures(found: Overview) -> list[Figure]:
    def figure(label: str, name: str, *, state: str = "") -> Figure:
        spans: Sequence[Totals] = (found.today, found.week, found.month)
        return Figure(label=label, values=[getattr(each, name) for each in spans], state=state)

    return [
        figure(_("Sent"), "messages"),
        figure(_("Delivered"), "delivered", state="delivered"),
        figure(_("Failed"), "failed", state="failed"),
        figure(_("Waiting"), "waiting", state="waiting"),
        figure(_("Cancelled"), "cancelled", state="cancelled"),
        figure(_("Credits spent"), "spent"),
    ]


def _hues(*logins: str) -> Mapping[str, str]:
    """Return a colour for each API user: the same in both drawings, and their own while it can."""
    hues = cycle(range(1, overviews.MOST_DRAWN + 1))
    return {login: f"hue-{next(hues)}" for login in dict.fromkeys(logins)}


def _held(
    quotas: Sequence[Share], head: Mapping[str, object], hues: Mapping[str, str]
) -> list[Part]:
    """Return where the credits of the account are: with itself, and with whom."""
    left, held, reserved = (
        Decimal(str(head[name])) for name in ("credits_left", "credits_held", "credits_reserved")
    )
    parts = [Part(hue="hue-account", label=_("Left in the account"), credits=left)]
    if reserved:
        parts.append(Part(hue="hue-reserve", label=_("For alerts only"), credits=reserved))
    parts += [_part(quota, hues) for quota in quotas]
    others = held - sum((quota.credits for quota in quotas), Decimal(0))
    # Read a moment apart: somebody may have spent in between.
    if others > 0:
        parts.append(Part(hue="hue-rest", label=_("Other API users"), credits=others))
    return parts


def _part(share: Share, hues: Mapping[str, str]) -> Part:
    hue = hues[share.login]
    return Part(hue=hue, label=share.login, credits=share.credits, login=share.login)


def _spent(spending: Spending, hues: Mapping[str, str]) -> list[Part]:
    *named, others = spending.users
    parts = [_part(share, hues) for share in named]
    if others.credits:
        parts.append(Part(hue="hue-rest", label=_("All others"), credits=others.credits))
    return parts


def _drawn_days(
    spending: Spending, hues: Mapping[str, str]
) -> list[tuple[date, list[tuple[str, Decimal]]]]:
    of_users = [hues.get(share.login, "hue-rest") for share in spending.users]
    return [(day.day, list(zip(of_users, day.spent, strict=True))) for day in spending.days]


def _warned(oddity: Oddity, account: Account, *, now: datetime) -> Warned:
    zone = ZoneInfo(account.time_zone)
    told = oddity_words.told(oddity.finding, zone=zone, at=now)
    login = oddity.habit.api_user.login
    query = {"user": login, "since": f"{(now - oddities.DAY).astimezone(zone):%Y-%m-%d}"}
    if oddity.rule == Rule.FAILURES:
        query["state"] = "failed"
    return Warned(
        title=told.title,
        sentence=told.sentence,
        api_user=oddity.habit.api_user,
        url=reverse("messages", args=[account.name], query=query),
    )
