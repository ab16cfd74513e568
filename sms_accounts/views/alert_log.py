"""The tab "Alerts" of an account: each alert, what became of it, and sending it again."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sms_accounts import alerts_by_hand, tasks
from sms_accounts.csv_lines import written
from sms_accounts.forms.alert_filter import AlertFilterForm
from sms_accounts.models import Account, Alert, Notification
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    show,
    visible_account,
    who,
)
from sms_accounts.views.csv_files import csv_file
from sms_accounts.views.keyset import newest_first
from sms_accounts.views.limits import too_often

PAGE = 50
_COLUMNS = (
    "alert",
    "kind",
    "about",
    "level",
    "credits_left",
    "crossed_at",
    "channel",
    "address",
    "state",
    "tries",
    "done_at",
    "note",
)


@require_safe
def alert_log(request: HttpRequest, name: str) -> HttpResponse:
    account = visible_account(request, name)
    form = AlertFilterForm(request.GET, account=account)
    alerts, older = newest_first(request, _found(account, form), page=PAGE)
    query = urlencode(form.chosen())
    return show(
        request,
        "sms/alerts/log.html",
        account,
        {
            **header(account, current="alert-log"),
            "form": form,
            "alerts": alerts,
            "older": older,
            "is_first": "before" not in request.GET,
            "is_filtered": bool(query),
            "query": query,
            "and_back": urlencode({"next": request.get_full_path()}),
            "may_change": may_change(request, account),
        },
    )


def _found(account: Account, form: AlertFilterForm) -> QuerySet[Alert]:
    notifications = Notification.objects.order_by("pk")
    found = form.found().select_related("api_user", "account")
    return found.prefetch_related(Prefetch("notifications", notifications))


@require_safe
def alert_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """Give all alerts of a search as CSV, a line for each delivery."""
    account = visible_account(request, name)
    found = _found(account, AlertFilterForm(request.GET, account=account))
    return csv_file(f"{account.name}-alerts.csv", _rows(account, found))


def _rows(account: Account, found: QuerySet[Alert]) -> Iterator[Sequence[object]]:
    zone = ZoneInfo(account.time_zone)
    yield _COLUMNS
    for alert in found.order_by("-pk").iterator(chunk_size=500):
        about = [
            alert.pk,
            alert.kind,
            alert.subject,
            alert.threshold,
            alert.balance,
            written(alert.crossed_at, zone),
        ]
        for each in alert.notifications.all():
            done_at = written(each.done_at, zone)
            delivery = [each.channel, each.address, each.state, each.tries, done_at, each.note]
            yield [*about, *delivery]


@require_POST
def alert_again(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    account = managed_account(request, name)
    notification = get_object_or_404(
        Notification.objects.select_related("alert__account", "alert__api_user__account"),
        pk=pk,
        alert__account=account,
    )
    try:
        again = alerts_by_hand.send_again(notification, by=who(request))
    except alerts_by_hand.TooOften:
        messages.error(request, too_often())
    except alerts_by_hand.StillWaiting:
        messages.info(request, _("It is on its way already."))
    else:
        tasks.ring(tasks.alert_due)
        text = _("Sent again to %(address)s.")
        messages.success(request, text % {"address": again.address})
    return redirect(_back(request.GET, account))


def _back(query: Mapping[str, str] | QueryDict, account: Account) -> str:
    log = reverse("alert-log", args=[account.name])
    path, _mark, rest = query.get("next", "").partition("?")
    return f"{log}?{QueryDict(rest).urlencode()}" if path == log and rest else log
