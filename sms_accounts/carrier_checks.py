"""The looks of the self-check at what is to be submitted, and at the carriers."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from sms_accounts import carrier_health, checking, heartbeats, lanes
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


def carriers() -> Seen:
    """Look at the carriers that messages go to by a route, or without one."""
    figures, level = [], Level.OK
    for health in carrier_health.look(timezone.now()):
        if not health.orders:
            continue
        words = {
            "name": health.name,
            "submits": health.within(timedelta(minutes=1)).submits,
            "waiting": health.waiting,
            "because": health.watch.because,
        }
        if not health.carrier.is_enabled:
            if health.waiting:
                told = _("%(name)s is switched off, and %(waiting)d messages wait for it")
                figures.append(told % words)
                level = Level.FAIL
            continue
        if not health.watch.is_passed_over:
            told = _("%(name)s: %(submits)d submits in the last minute, %(waiting)d waiting")
            figures.append(told % words)
            continue
        figures.append(_("%(name)s is passed over: %(because)s") % words)
        # Something waits for it all the same: there is nobody else.
        level = max(level, Level.FAIL if health.waiting else Level.WARN)
    advice = _("See 'Health of carriers' in the administration.")
    return Seen(level, "; ".join(figures) or _("none"), advice)
