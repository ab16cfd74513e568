"""Takes the DLRs that carriers send, and keeps them before anybody understands them."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from sms_accounts import carriers, reports
from sms_accounts.endpoints.carrier_calls import take
from sms_accounts.tasks import dlr_bell


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
    def store(carrier: carriers.Carrier, body: bytes, content_type: str) -> None:
        reports.store_post(carrier.name, body, content_type, query=request.META["QUERY_STRING"])
        dlr_bell.ring()

    return take(request, carrier_name, store, secret=secret, away="dlr_without_database")
