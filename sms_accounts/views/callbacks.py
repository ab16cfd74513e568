"""The tab "Callbacks" of an account: each event, each call, and how to send again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sms_accounts import callback_endpoints, callback_figures, callback_replays, codes, tasks
from sms_accounts.forms.callbacks import FilterForm, ReplayForm
from sms_accounts.forms.users import OfferedUsers
from sms_accounts.models import (
    Account,
    Callback,
    CallbackAttempt,
    CallbackEndpoint,
    CallbackReplay,
)
from sms_accounts.views import codes as code_pages
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    posted,
    show,
    told,
    visible_account,
    who,
)
from sms_accounts.views.keyset import newest_first

PAGE = 50
_OUTCOMES = {
    "waiting": Q(done_at=None, given_up_at=None),
    "done": Q(done_at__isnull=False),
    "failed": Q(done_at=None, given_up_at__isnull=False),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A callback as the list shows it."""

    callback: Callback
    calls: int
    last_answer: int | str
    last_duration: timedelta | None

    @property
    def url(self) -> str:
        return callback_figures.shown_url(self.callback.url)


@require_http_methods(["GET", "HEAD", "POST"])
def callbacks(request: HttpRequest, name: str) -> HttpResponse:
    """Show the tab, and take the order to send all again."""
    find = managed_account if request.method == "POST" else visible_account
    account = find(request, name)
    with timezone.override(ZoneInfo(account.time_zone)):
        users = OfferedUsers(account)
        form = FilterForm(request.GET, users=users)
        chosen = form.cleaned_data.get("user") or []
        login = chosen[0].login if chosen else ""
        replay_form = ReplayForm(posted(request), users=users, login=login)
        if replay_form.is_valid():
            return _start(request, account, replay_form.cleaned_data)
    listed = _listed(account, form.cleaned_data)
    shown, older = newest_first(request, listed, page=PAGE)
    replays = _replays(account)
    context = {
        **header(account, current="callbacks"),
        "form": form,
        "replay_form": replay_form,
        "replays": replays,
        "offers_replay": may_change(request, account)
        and (replays or replay_form.is_bound or callback_replays.has_failed(account)),
        "rows": [_row(each) for each in shown],
        "older": older,
        "is_first": "before" not in request.GET,
        "is_filtered": any(form.cleaned_data.values()),
        "figures": callback_figures.figures(account, users=chosen),
        "looked_at": callback_figures.LOOKED_AT,
        "chosen_user": login,
    }
    return show(request, "sms/callbacks/list.html", account, context)


def _listed(account: Account, chosen: Mapping[str, object]) -> QuerySet[Callback]:
    """Return the callbacks that are like that, each with its last call and how many there were."""
    listed = Callback.objects.filter(account=account)
    if isinstance(users := chosen.get("user"), list) and users:
        # Without the account: SQLite would go through all callbacks of that.
        listed = Callback.objects.filter(api_user__in=users)
    listed = listed.filter(_OUTCOMES.get(str(chosen.get("outcome")), Q()))
    if isinstance(since := chosen.get("since"), datetime):
        listed = listed.filter(changed_at__gte=since)
    if isinstance(until := chosen.get("until"), datetime):
        listed = listed.filter(changed_at__lte=until)
    calls = CallbackAttempt.objects.filter(callback=OuterRef("pk"))
    last = calls.order_by("-pk")[:1]
    counted = calls.order_by().values("callback").annotate(count=Count("pk"))
    return listed.select_related("api_user").annotate(
        calls=Coalesce(Subquery(counted.values("count")), 0),
        last_status=Subquery(last.values("status")),
        last_problem=Subquery(last.values("problem")),
        last_duration=Subquery(last.values("duration")),
    )


def _row(callback: Callback) -> Row:
    more: Any = callback
    return Row(
        callback=callback,
        calls=more.calls,
        last_answer=more.last_status or more.last_problem or "",
        last_duration=more.last_duration,
    )


def _replays(account: Account) -> list[CallbackReplay]:
    """Return the latest orders to send again; at most one of them is under way."""
    replays = CallbackReplay.objects.filter(account=account).select_related("api_user", "by")
    return list(replays.order_by("-pk")[:3])


def _start(request: HttpRequest, account: Account, typed: Mapping[str, object]) -> HttpResponse:
    back = reverse("callbacks", args=[account.name])
    users = typed["replay_user"]
    assert isinstance(users, list)  # noqa: S101  # as the field gives it
    user = users[0] if users else None
    since = typed["replay_since"]
    assert isinstance(since, datetime)  # noqa: S101  # the form has checked it
    try:
        callback_replays.start(account, api_user=user, since=since, by=who(request))
    except callback_replays.AlreadyRunning:
        text = _("Something is being sent again already. Stop that first, or wait for its end.")
        return told(request, back, text)
    tasks.ring(tasks.call_due)
    text = _("All that failed since then is sent again, the oldest first.")
    return told(request, back, text)


@require_safe
def callback(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Show one event with all its calls."""
    account = visible_account(request, name)
    event = get_object_or_404(
        Callback.objects.filter(account=account).select_related("api_user", "message", "received"),
        pk=pk,
    )
    context = {
        **header(account, current="callbacks"),
        **_told_of(event),
        "callback": event,
        "url": callback_figures.shown_url(event.url),
        "attempts": CallbackAttempt.objects.filter(callback=event).order_by("pk"),
        "back": reverse("callbacks", args=[account.name]),
        "is_off": CallbackEndpoint.objects.filter(
            account=account, url=event.url, off_at__isnull=False
        ).exists(),
        "may_change": may_change(request, account),
    }
    return show(request, "sms/callbacks/callback.html", account, context)


def _told_of(event: Callback) -> dict[str, object]:
    """Return what a change of a message's state means; of a reply there is no more to say."""
    if event.message_id is None:
        return {}
    dlr_id = codes.dlr_id(event.state, event.ptt)
    return {
        "code": code_pages.told(event.ptt),
        "dlr_id": dlr_id,
        "dlr_text": _(codes.DLR_TEXTS[dlr_id]),
    }


@require_POST
def callback_again(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    account = managed_account(request, name)
    event = get_object_or_404(Callback.objects.filter(account=account), pk=pk)
    changed = callback_replays.send_again(event, by=who(request))
    tasks.ring(tasks.call_due)
    back = reverse("callback", args=[account.name, pk])
    return told(request, back, _("This callback is sent again now."), changed=changed)


@require_POST
def callback_replay_stop(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    account = managed_account(request, name)
    replay = get_object_or_404(CallbackReplay.objects.filter(account=account), pk=pk)
    stopped = callback_replays.stop(replay, by=who(request))
    back = reverse("callbacks", args=[account.name])
    return told(request, back, _("Nothing more is sent again."), changed=stopped)


@require_POST
def callback_endpoint_on(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    account = managed_account(request, name)
    endpoint = get_object_or_404(CallbackEndpoint.objects.filter(account=account), pk=pk)
    switched_on = callback_endpoints.switch_on(endpoint, by=who(request))
    back = reverse("callbacks", args=[account.name])
    text = _("The receiver is called again. What was given up meanwhile can be sent again below.")
    return told(request, back, text, changed=switched_on)
