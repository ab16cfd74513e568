"""Moments as people tell them: a day and an hour in a time zone."""

from datetime import MAXYEAR, UTC, datetime
from zoneinfo import ZoneInfo


class NoSuchTime(ValueError):
    """No clock of the zone ever shows this time."""


def moment_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which the clocks of a zone show a time; `local` has no zone.

    An hour that comes twice in its night is the first one. Raises NoSuchTime for one that the
    clocks are put forward over, or that could not be told in every zone.
    """
    if local.year == MAXYEAR:
        raise NoSuchTime(f"{local}")
    try:
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        told = moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise NoSuchTime(f"{local}") from None
    if told != local:
        raise NoSuchTime(f"{local}")
    return moment
