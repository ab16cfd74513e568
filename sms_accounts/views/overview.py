"""The page that an account opens with: how it stands, and what to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sms_accounts import countries, oddities
from sms_accounts import overview as overviews
from sms_accounts.figures import Totals
from sms_accounts.models import Account
from sms_accounts.oddities import Oddity, Rule
from sms_accounts.overview import Overview, Share, Spending
from sms_accounts.templatetags.panel import number, shown_credits
from sms_accounts.views.account_page import header, show, who


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
    oddity: Oddity
    url: str


@require_safe
def overview(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    account = get_object_or_404(overviews.accounts(who(request), now=now), name=name)
    found = overviews.of(account, now=now)
    zone = ZoneInfo(account.time_zone)
    head = header(account, current="account")
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
        "rules": _rules(),
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
) -> list[tuple[str, list[tuple[str, Decimal]]]]:
    of_users = [hues.get(share.login, "hue-rest") for share in spending.users]
    return [
        (
            f"{day.day:%Y-%m-%d}: {shown_credits(day.totals.spent)}",
            list(zip(of_users, day.spent, strict=True)),
        )
        for day in spending.days
    ]


def _warned(oddity: Oddity, account: Account, *, now: datetime) -> Warned:
    zone = ZoneInfo(account.time_zone)
    title, sentence = _told(oddity, zone, now.astimezone(zone).date())
    login = oddity.habit.api_user.login
    query = {"user": login, "since": f"{(now - oddities.DAY).astimezone(zone):%Y-%m-%d}"}
    if oddity.rule == Rule.FAILURES:
        query["state"] = "failed"
    return Warned(
        title=title,
        sentence=sentence,
        oddity=oddity,
        url=reverse("messages", args=[account.name], query=query),
    )


def _told(oddity: Oddity, zone: ZoneInfo, day: date) -> tuple[str, str]:
    count = oddity.messages
    words = {"count": number(count), "of": number(oddity.of)}
    if oddity.rule == Rule.FAILURES:
        text = _(
            "%(count)s of %(of)s messages of the last 24 hours that have ended failed: "
            "%(now)d %%, before %(before)d %%."
        )
        shares = {"now": 100 * count // oddity.of, "before": round(100 * oddity.before)}
        return _("Many failures"), text % {**words, **shares}
    if oddity.rule == Rule.BURST:
        text = ngettext(
            "%(count)s message in the last 24 hours; before, %(before)s a day.",
            "%(count)s messages in the last 24 hours; before, %(before)s a day.",
            count,
        )
        return _("Burst"), text % {**words, "before": number(round(oddity.before))}
    if oddity.rule == Rule.COUNTRY:
        language = get_language() or "en"
        names = ", ".join(countries.name_of(each, language) for each in oddity.countries)
        text = ngettext(
            "%(count)s message in the last 24 hours to where it never sent before: %(names)s.",
            "%(count)s messages in the last 24 hours to where it never sent before: %(names)s.",
            count,
        )
        return _("New country"), text % {**words, "names": names}
    text = ngettext(
        "%(count)s message of the last 24 hours at hours at which it hardly ever sends"
        " (%(hours)s); before, %(before)s in all.",
        "%(count)s messages of the last 24 hours at hours at which it hardly ever sends"
        " (%(hours)s); before, %(before)s in all.",
        count,
    )
    more = {"hours": _hours(oddity.hours, zone, day), "before": number(int(oddity.before))}
    return _("Unusual hours"), text % {**words, **more}


def _hours(hours: Sequence[int], zone: ZoneInfo, day: date) -> str:
    """Return hours of UTC as spans of time of a zone, those that follow each other as one."""
    spans: list[list[datetime]] = []
    for hour in hours:
        begin = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        if spans and spans[-1][1] == begin:
            spans[-1][1] = begin + timedelta(hours=1)
        else:
            spans.append([begin, begin + timedelta(hours=1)])
    return ", ".join(
        "–".join(f"{moment.astimezone(zone):%H:%M}" for moment in span) for span in spans
    )


def _rules() -> list[tuple[str, str]]:
    """Return the rules by which something is unusual, in words."""
    return [
        (
            _("Many failures"),
            _(
                "%(percent)d %% or more of at least %(ended)d messages that have ended failed, and "
                "at least twice as many as before."
            )
            % {"percent": 100 * oddities.FAILURES, "ended": oddities.FEWEST_ENDED},
        ),
        (
            _("Burst"),
            _("%(messages)d messages or more, and over %(times)d times those of a day before.")
            % {"messages": oddities.FEWEST_IN_BURST, "times": oddities.BURST},
        ),
        (
            _("New country"),
            _("%(messages)d messages or more to a country for the first time.")
            % {"messages": oddities.FEWEST_ABROAD},
        ),
        (
            _("Unusual hours"),
            _(
                "%(messages)d messages or more in hours of the day in which less than "
                "%(percent)d %% were sent before."
            )
            % {
                "messages": oddities.FEWEST_IN_RARE_HOURS,
                "percent": 100 * oddities.RARE_HOUR,
            },
        ),
    ]
