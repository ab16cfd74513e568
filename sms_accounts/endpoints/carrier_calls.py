"""What carriers call us with: stored as it came, before anybody understands it."""

from collections.abc import Callable

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError

from sms_accounts import carrier_accounts, carriers

log = structlog.get_logger(__name__)

# Stores a call of a carrier, whose body and content type are given.
Store = Callable[[carriers.Carrier, bytes, str], object]


def take(
    request: HttpRequest, carrier_name: str, store: Store, *, secret: str, away: str
) -> HttpResponse:
    """Answer 200 only once the call is stored; a carrier repeats what got anything else.

    `secret` is what the URL had of it, and `away` the event that is logged without a database.
    """
    try:
        carrier = carrier_accounts.get(carrier_name)
        if not carrier.authorised(request.headers, secret):
            return _said("Not authorised", status=403)
        store(carrier, request.body, request.headers.get("Content-Type", ""))
    except carriers.UnknownCarrier:
        raise Http404(carrier_name) from None
    except RequestDataTooBig:
        return _said("Too long", status=413)
    except UnreadablePostError:
        return _said("Ended too early", status=400)
    except (OperationalError, InterfaceError) as problem:
        log.error(away, carrier=carrier_name, problem=type(problem).__name__)
        return _said("Try again later", status=503)
    return _said(carrier.dlr_answer)


def _said(text: str, *, status: int = 200) -> HttpResponse:
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = "10"
    return response
