"""The looks of the self-check at what is to be submitted, and at the carriers."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from sms_accounts import checking, heartbeats, lanes
from sms_accounts.checking import Level, Seen, heard, level_of
from sms_accounts.models import Heartbeat, SmppCarrier

_QUEUED_WARNS, _QUEUED_FAILS = timedelta(minutes=1), timedelta(minutes=10)


def queued() -> Seen:
    """Look at each lane by itself: the oldest of all would have to be sorted out of them."""
    now = timezone.now()
    waiting = [each for each in lanes.waiting(now, most=checking.MOST_COUNTED) if each.oldest]
    oldest = min((each.oldest for each in waiting if each.oldest), default=None)
    if oldest is None:
        return Seen(Level.OK, _("none"))
    count = min(sum(each.count for each in waiting), checking.MOST_COUNTED)
    advice = _("See whether the workers run, and how the carriers do.")
    level = level_of(now - oldest, _QUEUED_WARNS, _QUEUED_FAILS)
    return Seen(level, checking.waiting(count, now - oldest), advice)


def binds() -> Seen:
    alive = {
        each.name.rpartition("@")[0]
        for each, silence in heard(Heartbeat.Kind.SMPP)
        if silence <= heartbeats.SILENT_AFTER
    }
    figures, level = [], Level.OK
    for row in SmppCarrier.objects.filter(is_enabled=True).order_by("name"):
        words = {"name": row.name, "told": row.bind_told or "–"}
        if row.name in alive and row.is_bound:
            figures.append(_("%(name)s is bound") % words)
            continue
        figures.append(
            _("%(name)s is not bound: %(told)s") % words
            if row.name in alive
            else _("%(name)s has no process") % words
        )
        level = max(level, Level.FAIL if row.is_default else Level.WARN)
    advice = _("See 'Bind now' at the carrier; without a process, run 'manage.py smpp NAME'.")
    return Seen(level, "; ".join(figures) or _("none"), advice)
