"""The tab "Activity" of an account: who changed what, when and from where; CSV."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from sms_accounts.csv_lines import written
from sms_accounts.forms.activity_filter import ActivityFilterForm
from sms_accounts.models import Account, Activity, User
from sms_accounts.views.account_page import header, show, visible_account
from sms_accounts.views.activity_words import ACTIONS, told
from sms_accounts.views.csv_files import csv_file
from sms_accounts.views.keyset import newest_first

PAGE = 50
_COLUMNS = ("date", "by", "address", "user", "action", "changes")


@require_safe
def activity(request: HttpRequest, name: str) -> HttpResponse:
    account = visible_account(request, name)
    form = _form(request, account)
    shown, older = newest_first(request, _found(account, form), page=PAGE)
    chosen = form.chosen()
    context = {
        **header(account, current="activity"),
        "form": form,
        "changes": [told(each) for each in shown],
        "older": older,
        "is_first": "before" not in request.GET,
        "is_filtered": bool(chosen),
        "query": urlencode(chosen),
    }
    return show(request, "sms/activity/log.html", account, context)


def _form(request: HttpRequest, account: Account) -> ActivityFilterForm:
    acted = Activity.objects.filter(account=account).values("by")
    people = User.objects.filter(pk__in=acted).order_by("email").values_list("pk", "email")
    return ActivityFilterForm(
        request.GET,
        people=[(str(pk), email) for pk, email in people],
        actions=sorted(ACTIONS.items(), key=lambda action: str(action[1])),
        account=account,
    )


def _found(account: Account, form: ActivityFilterForm) -> QuerySet[Activity]:
    listed = Activity.objects.filter(account=account).select_related("by", "api_user")
    return form.filtered(listed)


@require_safe
def activity_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """Give all changes of a search, the newest first."""
    account = visible_account(request, name)
    found = _found(account, _form(request, account)).order_by("-pk")
    return csv_file(f"{account.name}-activity.csv", _lines(account, found), delimiter=";")


def _lines(account: Account, found: QuerySet[Activity]) -> Iterator[Sequence[object]]:
    zone = ZoneInfo(account.time_zone)
    yield _COLUMNS
    for each in found.iterator(chunk_size=1000):
        change = told(each)
        changes = " | ".join(change.lines)
        at = written(change.at, zone)
        yield at, change.by, change.address, change.about, each.action, changes
