"""The tab "Received" of an account: what phones sent back, to search, and as CSV."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from sms_accounts.csv_lines import written
from sms_accounts.forms.received import ReceivedFilterForm
from sms_accounts.models import Account, Received, Sender
from sms_accounts.views.account_page import header, show, visible_account
from sms_accounts.views.csv_files import csv_file
from sms_accounts.views.keyset import newest_first

PAGE = 50
_COLUMNS = (
    "id",
    "date",
    "from",
    "to",
    "text",
    "keyword",
    "messageId",
    "user",
    "tag",
    "parts",
    "missing",
)


@require_safe
def received(request: HttpRequest, name: str) -> HttpResponse:
    """Show what came, or what a search finds in it."""
    account = visible_account(request, name)
    form = ReceivedFilterForm(request.GET, account=account)
    listed = _found(account, form).prefetch_related("answer__messages")
    shown, older = newest_first(request, listed, page=PAGE)
    chosen = form.chosen()
    numbers = Sender.objects.enabled_for(account, None).filter(takes_replies=True)
    context = {
        **header(account, current="received"),
        "form": form,
        "found": shown,
        "older": older,
        "is_first": "before" not in request.GET,
        "is_filtered": bool(chosen),
        "query": urlencode(chosen),
        "numbers": list(numbers.order_by("name").values_list("name", flat=True)),
    }
    return show(request, "sms/received/list.html", account, context)


def _found(account: Account, form: ReceivedFilterForm) -> QuerySet[Received]:
    settled = Received.objects.filter(account=account, settled_at__isnull=False)
    return form.filtered(settled).select_related("api_user", "message__submission")


@require_safe
def received_csv(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """Give all replies of a search, the newest first."""
    account = visible_account(request, name)
    found = _found(account, ReceivedFilterForm(request.GET, account=account)).order_by("-pk")
    return csv_file(f"{account.name}-received.csv", _lines(account, found), delimiter=";")


def _lines(account: Account, found: QuerySet[Received]) -> Iterator[Sequence[object]]:
    zone = ZoneInfo(account.time_zone)
    yield _COLUMNS
    for each in found.iterator(chunk_size=1000):
        yield (
            each.pk,
            written(each.received_at, zone),
            each.msisdn,
            each.number,
            each.text,
            each.keyword,
            each.message_id,
            each.api_user.login if each.api_user else "",
            each.message.submission.tag if each.message else "",
            each.parts,
            each.missing,
        )
