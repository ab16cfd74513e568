"""Says in plain sentences what was found unusual about an API user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from sms_accounts import countries
from sms_accounts.models import Rule
from sms_accounts.oddities import Finding


@dataclass(frozen=True, kw_only=True)
class Told:
    """A finding in words."""

    title: str
    sentence: str


def told(finding: Finding, *, zone: ZoneInfo, at: datetime) -> Told:
    """Return what was found at a moment; hours are those of a time zone on that day."""
    match finding.rule:
        case Rule.FAILURES:
            sentence = _of_failures(finding)
        case Rule.BURST:
            sentence = _of_burst(finding)
        case Rule.COUNTRY:
            sentence = _of_countries(finding)
        case _:
            sentence = _of_hours(finding, zone, at.astimezone(zone).date())
    return Told(title=str(finding.rule.label), sentence=sentence)


def _counts(finding: Finding) -> Mapping[str, str]:
    return {"count": _number(finding.messages), "of": _number(finding.of)}


def _number(value: int) -> str:
    return formats.number_format(value, force_grouping=True)


def _of_failures(finding: Finding) -> str:
    text = _(
        "%(count)s of %(of)s messages of the last 24 hours that have ended failed: "
        "%(now)d %%, before %(before)d %%."
    )
    shares = {
        "now": 100 * finding.messages // finding.of,
        "before": round(100 * finding.before),
    }
    return text % {**_counts(finding), **shares}


def _of_burst(finding: Finding) -> str:
    text = ngettext(
        "%(count)s message in the last 24 hours; before, %(before)s a day.",
        "%(count)s messages in the last 24 hours; before, %(before)s a day.",
        finding.messages,
    )
    return text % {**_counts(finding), "before": _number(round(finding.before))}


def _of_countries(finding: Finding) -> str:
    language = get_language() or "en"
    names = ", ".join(countries.name_of(each, language) for each in finding.countries)
    text = ngettext(
        "%(count)s message in the last 24 hours to where it never sent before: %(names)s.",
        "%(count)s messages in the last 24 hours to where it never sent before: %(names)s.",
        finding.messages,
    )
    return text % {**_counts(finding), "names": names}


def _of_hours(finding: Finding, zone: ZoneInfo, day: date) -> str:
    text = ngettext(
        "%(count)s message of the last 24 hours at hours at which it hardly ever sends"
        " (%(hours)s); before, %(before)s in all.",
        "%(count)s messages of the last 24 hours at hours at which it hardly ever sends"
        " (%(hours)s); before, %(before)s in all.",
        finding.messages,
    )
    more = {"hours": _hours(finding.hours, zone, day), "before": _number(int(finding.before))}
    return text % {**_counts(finding), **more}


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
