"""The staff's pages of how the carriers do, what each asks, and who took over from whom."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import carrier_costs, carrier_health, checking, failover
from sms_accounts.admin.base import ReadOnlyAdmin
from sms_accounts.carrier_health import Health
from sms_accounts.models import CarrierDay, CarrierSwitch, CarrierWatch

# How many of the latest changes stand below the carriers.
LATEST = 10

DAYS_OF_COSTS = 30

_MEDIAN, _NEARLY_ALL = 0.5, 0.95


@admin.register(CarrierWatch)
class CarrierWatchAdmin(admin.ModelAdmin[CarrierWatch]):
    """The list is the page of all carriers; a row has what is demanded of one."""

    fieldsets = (
        (
            gettext_lazy("What others take over for"),
            {
                "fields": ("slow_seconds", "queue_seconds", "least_delivered"),
                "description": gettext_lazy(
                    "A carrier that is not bound, or whose submits fail, is passed over in any "
                    "case. What it may have is never given to another one."
                ),
            },
        ),
        (gettext_lazy("When it is taken back"), {"fields": ("well_minutes",)}),
        (gettext_lazy("How it is"), {"fields": ("is_passed_over", "since", "because")}),
    )
    readonly_fields = ("is_passed_over", "since", "because")

    def has_add_permission(self, request: HttpRequest) -> bool:
        # There is one for each carrier.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CarrierWatch | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: CarrierWatch, form: Any, change: bool) -> None:
        # Not the columns that `failover` writes meanwhile.
        obj.save(update_fields=form.changed_data)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        now = timezone.now()
        costs = carrier_costs.since(timezone.localdate(now) - timedelta(days=DAYS_OF_COSTS - 1))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Health of carriers"),
            "opts": self.opts,
            "carriers": [
                _shown(health, costs.get(health.name, ())) for health in carrier_health.look(now)
            ],
            "switches": CarrierSwitch.objects.order_by("-pk")[:LATEST],
            "looked_at": now,
            **(extra_context or {}),
        }
        return TemplateResponse(
            request, "admin/sms_accounts/carrierwatch/change_list.html", context
        )


@admin.register(CarrierSwitch)
class CarrierSwitchAdmin(ReadOnlyAdmin[CarrierSwitch]):
    when_empty = gettext_lazy("No carrier was passed over so far.")
    list_display = ("at", "carrier", "is_passed_over", "because")
    list_filter = ("is_passed_over",)
    search_fields = ("=carrier",)
    search_help_text = _("Whole name of a carrier")
    fields = list_display


@admin.register(CarrierDay)
class CarrierDayAdmin(ReadOnlyAdmin[CarrierDay]):
    when_empty = gettext_lazy(
        "None yet. Costs are added up of messages that go by a route which says what a part costs."
    )
    list_display = ("day", "carrier", "messages", "credits", "cost", "left", "without_cost")
    list_filter = ("carrier",)
    fields = list_display
    readonly_fields = ("left",)
    ordering = ("-day", "carrier")

    @admin.display(description=gettext_lazy("left"))
    def left(self, row: CarrierDay) -> Decimal | str:
        left = carrier_costs.together([row]).left
        return "–" if left is None else left


def _shown(health: Health, days: Sequence[CarrierDay]) -> dict[str, Any]:
    """Return one carrier as the page shows it."""
    trouble = failover.trouble_of(health)
    if not health.carrier.is_enabled and health.waiting:
        level, state = "fail", _("Switched off, and messages wait for it")
    elif not health.carrier.is_enabled:
        level, state = "off", _("Switched off")
    elif health.watch.is_passed_over:
        level, state = "fail", _passed_over(health.watch)
    elif trouble:
        level, state = "warn", trouble[:1].upper() + trouble[1:]
    else:
        level, state = "ok", _("Well")
    return {
        "name": health.name,
        "watch": health.watch,
        "level": level,
        "state": state,
        "figures": [*_figures(health), *_costs(health, days)],
    }


def _figures(health: Health) -> Iterator[tuple[str, str]]:
    minute, hour = health.within(timedelta(minutes=1)), health.within(carrier_health.HOUR)
    recent = health.within(carrier_health.REPORTED_WITHIN)
    yield _("Messages"), _use(health)
    if health.carrier.has_process:
        yield _("Bind"), _bind(health)
    yield _("Submits, last minute"), f"{minute.submits:,}"
    yield _("Submits, last hour"), f"{hour.submits:,}"
    yield _("Of these not answered or put off"), f"{hour.without_answer:,}"
    yield (
        _("Window"),
        _("%(used)d of %(all)d")
        % {
            "used": health.under_way,
            "all": health.carrier.window,
        },
    )
    yield _("Answer to a submit"), _times(hour.submit_time)
    yield _("DLR after the answer"), _times(hour.dlr_time)
    yield _("Delivered, last 30 minutes"), _percent(recent)
    yield _("Waiting"), _waiting(health)
    yield _("Never answered"), f"{health.held:,}"


def _passed_over(watch: CarrierWatch) -> str:
    words = {"because": watch.because, "minutes": watch.well_minutes}
    if watch.well_since is None:
        return _("Passed over: %(because)s") % words
    words["at"] = f"{timezone.localtime(watch.well_since):%H:%M}"
    return (
        _(
            "Passed over: %(because)s. Well again since %(at)s, and taken back once that has "
            "lasted for %(minutes)d minutes or more"
        )
        % words
    )


def _costs(health: Health, days: Sequence[CarrierDay]) -> Iterator[tuple[str, str]]:
    today = [row for row in days if row.day == timezone.localdate(health.at)]
    yield _("Cost, today"), _cost(carrier_costs.together(today))
    title = _("Cost, last %(count)d days") % {"count": DAYS_OF_COSTS}
    yield title, _cost(carrier_costs.together(days))


def _cost(costs: carrier_costs.Costs) -> str:
    if costs.without_cost == costs.messages:
        return "–"
    words = {
        "cost": f"{costs.cost:,.4f}",
        "credits": f"{costs.credits:,}",
        "left": f"{costs.left:,.4f}" if costs.left is not None else "",
        "messages": f"{costs.messages:,}",
        "without": f"{costs.without_cost:,}",
    }
    if costs.left is None:
        told = _("%(cost)s; no cost is known of %(without)s of %(messages)s messages")
    else:
        told = _("%(cost)s of %(credits)s credits for %(messages)s messages: %(left)s left")
    return told % words


def _use(health: Health) -> str:
    if health.carrier.is_default:
        return _("all that no route sends elsewhere")
    return _("those of its routes") if health.orders else _("none: no route names it")


def _bind(health: Health) -> str:
    if not health.has_life:
        return _("no process")
    return _("bound") if health.is_bound else health.carrier.told or _("not bound")


def _times(time_of: Any) -> str:
    half, nearly_all = time_of(_MEDIAN), time_of(_NEARLY_ALL)
    if half is None or nearly_all is None:
        return "–"
    return _("%(half)s for half, %(most)s for 95 %%") % {
        "half": _span(half),
        "most": _span(nearly_all),
    }


def _span(span: timedelta) -> str:
    """Return a time that is known to a fifth, without figures that say nothing."""
    seconds = span.total_seconds()
    if seconds < 1:
        return _("%(number).0f ms") % {"number": seconds * 1000}
    return _("%(number).1f s") % {"number": seconds} if seconds < 120 else checking.told(span)


def _percent(counted: carrier_health.Counted) -> str:
    percent = counted.percent_delivered
    if percent is None:
        return "–"
    words = {"percent": percent, "parts": f"{counted.reports:,}"}
    return _("%(percent).1f %% of %(parts)s parts") % words


def _waiting(health: Health) -> str:
    if not health.waiting:
        return "0"
    return checking.waiting(health.waiting, health.longest_wait)
