"""Takes messages from phones that carriers hand over by HTTP, before anybody reads them."""

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sms_accounts import carrier_accounts, carriers, received_posts
from sms_accounts.tasks import reply_bell

log = structlog.get_logger(__name__)

_IN_QUERY = "application/x-www-form-urlencoded"


@csrf_exempt
@require_http_methods(["GET", "POST"])
@login_not_required
def received(request: HttpRequest, carrier_name: str) -> HttpResponse:
    """Answer 200 only once the message is stored; a carrier repeats what got anything else."""
    try:
        carrier = carrier_accounts.get(carrier_name)
    except carriers.UnknownCarrier:
        raise Http404(carrier_name) from None
    if not carrier.authorised(request.headers):
        return _said("Not authorised", status=403)
    content_type = request.headers.get("Content-Type", "")
    try:
        body = request.body
    except RequestDataTooBig:
        return _said("Too long", status=413)
    except UnreadablePostError:
        return _said("Ended too early", status=400)
    if request.method == "GET":
        body, content_type = request.META.get("QUERY_STRING", "").encode(), _IN_QUERY
    try:
        received_posts.store(carrier.name, [body], content_type)
    except (OperationalError, InterfaceError) as away:
        log.error("reply_without_database", carrier=carrier.name, problem=type(away).__name__)
        return _said("Try again later", status=503)
    reply_bell.ring()
    return _said("OK")


def _said(text: str, *, status: int = 200) -> HttpResponse:
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = "10"
    return response
