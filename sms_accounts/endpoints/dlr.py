"""Takes the DLRs that carriers send, and keeps them before anybody understands them."""

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from sms_accounts import carrier_accounts, carriers, reports
from sms_accounts.tasks import dlr_bell

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
@login_not_required
def dlr(request: HttpRequest, carrier_name: str) -> HttpResponse:
    """Take the reports of a carrier that shows who it is in a header."""
    return _taken(request, carrier_name, secret="")


@csrf_exempt
@require_http_methods(["GET", "POST"])
@login_not_required
def secret_dlr(request: HttpRequest, carrier_name: str, secret: str) -> HttpResponse:
    """Take the reports of a carrier that has but the URL it was given, and calls it as it likes."""
    return _taken(request, carrier_name, secret=secret)


def _taken(request: HttpRequest, carrier_name: str, *, secret: str) -> HttpResponse:
    """Answer 200 only once the report is stored; a carrier repeats what got anything else."""
    try:
        carrier = carrier_accounts.get(carrier_name)
    except carriers.UnknownCarrier:
        raise Http404(carrier_name) from None
    except (OperationalError, InterfaceError) as away:
        return _away(carrier_name, away)
    if not carrier.authorised(request.headers, secret):
        return _said("Not authorised", status=403)
    try:
        body = request.body
    except RequestDataTooBig:
        return _said("Too long", status=413)
    except UnreadablePostError:
        return _said("Ended too early", status=400)
    content_type, query = request.headers.get("Content-Type", ""), request.META["QUERY_STRING"]
    try:
        reports.store_post(carrier.name, body, content_type, query=query)
    except (OperationalError, InterfaceError) as away:
        return _away(carrier_name, away)
    dlr_bell.ring()
    return _said(carrier.dlr_answer)


def _away(carrier_name: str, away: Exception) -> HttpResponse:
    log.error("dlr_without_database", carrier=carrier_name, problem=type(away).__name__)
    return _said("Try again later", status=503)


def _said(text: str, *, status: int = 200) -> HttpResponse:
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = "10"
    return response
