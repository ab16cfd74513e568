"""Sends SMS through one URL, as a Django view: whatever a call of http2sms may need."""

from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from sms_accounts import address_uses, credentials, guesses, submission
from sms_accounts.credentials import SignedIn
from sms_accounts.endpoints.client_address import client_address
from sms_accounts.endpoints.http2sms_answers import FORMATS, Answer, NotSent, headers
from sms_accounts.endpoints.http2sms_log import note, without_database
from sms_accounts.endpoints.http2sms_orders import (
    REFUSALS,
    accepted,
    claim_of,
    not_sent,
    order_of,
    refuses_method,
    understood,
)
from sms_accounts.endpoints.http2sms_request import Said
from sms_accounts.endpoints.http2sms_request import said as said_in
from sms_accounts.models.api_user import Address
from sms_accounts.tasks import delivery_bell

_ALLOW = "GET, POST, OPTIONS"


@csrf_exempt
@login_not_required
def http2sms(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "POST"):
        return _other_method(request)
    said = said_in(request)
    address = client_address(request)
    signed_in: SignedIn | None = None
    answer: Answer
    try:
        options = understood(said)
        signed_in = _signed_in(claim_of(said, address))
        _admit(said, signed_in, address)
        order = order_of(said, options, signed_in.user, str(address))
        answer = accepted(submission.submit_with_others(order))
    except NotSent as refused:
        answer = refused.answer
    except REFUSALS as refusal:
        answer = not_sent(refusal)
    except (OperationalError, InterfaceError) as away:
        answer = without_database(away)
    else:
        delivery_bell.ring()
    note(answer, said, address, signed_in.user if signed_in else None)
    return HttpResponse(
        FORMATS[said.format](answer),
        status=answer.http_status,
        headers=headers(answer, said.format),
    )


def _other_method(request: HttpRequest) -> HttpResponse:
    allowed = {"Allow": _ALLOW, "Cache-Control": "no-store"}
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=allowed)
    # HEAD too: whoever asks for headers only would take 200 for "sent".
    return HttpResponse(
        "Nothing was sent: use GET or POST.\n",
        status=405,
        content_type="text/plain; charset=utf-8",
        headers=allowed,
    )


def _signed_in(claim: credentials.Claim) -> SignedIn:
    try:
        return credentials.authenticate(claim)
    except credentials.WrongCredentials:
        raise NotSent(202, "Invalid credentials") from None
    except guesses.TooManyTries as tried:
        cause = "Too many tries with wrong credentials, try again later"
        raise NotSent(429, cause, retry_after=tried.wait) from None


def _admit(said: Said, signed_in: SignedIn, address: Address) -> None:
    user = signed_in.user
    is_inside = user.allows(address)
    is_accepted = is_inside or user.restrictions_observed
    address_uses.note(
        signed_in, address, method=said.method, accepted=is_accepted, is_inside=is_inside
    )
    if not is_accepted:
        raise NotSent(401, f"Unauthorized IP {address}")
    if refuses_method(user, said):
        cause = "Invalid request: this user's password may not be in the URL"
        raise NotSent(202, cause, hint="Send it in the body of a POST, or by HTTP Basic.")
