"""Takes messages from phones that carriers hand over by HTTP, before anybody reads them."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sms_accounts import carriers, received_posts
from sms_accounts.endpoints.carrier_calls import take
from sms_accounts.tasks import reply_bell

_IN_QUERY = "application/x-www-form-urlencoded"


@csrf_exempt
@require_http_methods(["GET", "POST"])
@login_not_required
def received(request: HttpRequest, carrier_name: str, secret: str = "") -> HttpResponse:
    """Take a message of a carrier that shows who it is in a header, or by the URL it was given."""

    def store(carrier: carriers.Carrier, body: bytes, content_type: str) -> None:
        if request.method == "GET":
            body, content_type = request.META["QUERY_STRING"].encode(), _IN_QUERY
        received_posts.store(carrier.name, [body], content_type)
        reply_bell.ring()

    return take(request, carrier_name, store, secret=secret, away="reply_without_database")
