"""Sends SMS through one URL: what each parameter of http2sms may hold, and what is answered.

Its texts are part of the protocol and therefore never translated.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from sms_accounts import api_users, credentials, guesses, idempotency, ledger, pace, submission
from sms_accounts.endpoints.client_address import client_address
from sms_accounts.endpoints.http2sms_answers import (
    FORMATS,
    Accepted,
    Answer,
    NotSent,
    Refused,
    shown,
)
from sms_accounts.endpoints.http2sms_request import Said
from sms_accounts.endpoints.http2sms_request import said as said_in
from sms_accounts.http2sms import REQUIRED
from sms_accounts.models import Account, AddressUse, ApiUser, Submission
from sms_accounts.models.account import ACCOUNT_NAME
from sms_accounts.models.api_user import Address
from sms_accounts.tasks import deliver_due, ring

log = structlog.get_logger(__name__)

Value = TypeVar("Value")

_ALLOW = "GET, POST, OPTIONS"
# For a database that is away: it may be back soon, and nobody knows when.
_SOON = timedelta(seconds=10)
# The answers whose HTTP status is not 200: a client that reads the body finds it there too.
_OWN_HTTP_STATUS = (429, 503)

_FLAGS = {"1": True, "true": True, "": False, "0": False, "false": False}
_CLASSES = {"": None, "0": 0, "1": 1, "2": 2, "3": 3}
_UNICODE = {"": False, "1": False, "2": True}

# Some clients encode a line break twice; it then arrives as these three characters.
_LINE_BREAK = re.compile(r"(?:\r|%0d)(?:\n|%0a)|\r|\n|%0d|%0a", re.IGNORECASE)
_DEFERRED = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d{4})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class _Options:
    """The parameters that choose among few values, understood."""

    stop_clause: bool
    message_class: int | None
    unicode: bool
    wants_replies: bool


@csrf_exempt
@login_not_required
def http2sms(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "POST"):
        return _other_method(request)
    said = said_in(request)
    address = client_address(request)
    user: ApiUser | None = None
    answer: Answer
    try:
        options = _understood(said)
        user = _admitted(said, address)
        answer = _sent(said, options, user, address)
    except NotSent as refused:
        answer = refused.answer
    except (OperationalError, InterfaceError) as away:
        # Only its kind: what a database complains about may be quoted from the statement.
        log.error("http2sms_without_database", problem=type(away).__name__)
        answer = Refused(
            status=503, cause="Not available at the moment, try again later", retry_after=_SOON
        )
    else:
        ring(deliver_due)
    log.info(
        "http2sms",
        # Whatever came as a login with a wrong password may be a password itself.
        user=f"{user.account.name}/{user.login}" if user else None,
        address=str(address),
        status=answer.status,
        receivers=len(said.receivers),
    )
    return _response(answer, said.format)


def _other_method(request: HttpRequest) -> HttpResponse:
    headers = {"Allow": _ALLOW, "Cache-Control": "no-store"}
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=headers)
    # HEAD too: whoever asks for headers only would take 200 for "sent".
    return HttpResponse(
        "Nothing was sent: use GET or POST.\n",
        status=405,
        content_type="text/plain; charset=utf-8",
        headers=headers,
    )


def _response(answer: Answer, content_type: str) -> HttpResponse:
    response = HttpResponse(
        FORMATS[content_type](answer),
        content_type=f"{content_type}; charset=utf-8",
        status=answer.status if answer.status in _OWN_HTTP_STATUS else 200,
        headers={
            "Cache-Control": "no-store",
            "Content-Language": "en",
            "X-Content-Type-Options": "nosniff",
        },
    )
    if isinstance(answer, Refused) and answer.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(answer.retry_after.total_seconds()))
    return response


def _sent(said: Said, options: _Options, user: ApiUser, address: Address) -> Accepted:
    order = submission.Order(
        account=user.account,
        api_user=user,
        channel=Submission.Channel.HTTP2SMS,
        sender=said.get("from"),
        receivers=said.receivers,
        text=_LINE_BREAK.sub("\n", said.get("message")),
        stop_clause=options.stop_clause,
        message_class=options.message_class,
        unicode=options.unicode,
        tag=said.get("tag"),
        wants_replies=options.wants_replies,
        scheduled_at=_deferred(said, user.account),
        idempotency_key=said.get("idempotencyKey"),
        address=str(address),
    )
    try:
        receipt = submission.submit(order)
    except submission.Refused as refused:
        raise _refused(refused) from None
    except idempotency.KeyUsedOtherwise:
        cause = "Invalid idempotencyKey: it came before, with other parameters"
        raise NotSent(202, cause) from None
    except pace.TooFast as limited:
        raise _too_fast(limited) from None
    except ledger.InsufficientCredits as short:
        raise _not_paid(short) from None
    return Accepted(
        message_ids=receipt.message_ids,
        invalid=receipt.invalid,
        credits_left=receipt.credits_left,
    )


# From words to an order.


def _understood(said: Said) -> _Options:
    """Check everything that can be judged without knowing who calls."""
    if said.problem:
        raise said.problem
    _refuse_what_is_missing(said)
    if said.contradicted:
        raise NotSent(202, f"Invalid {said.contradicted}: it came twice with different values")
    if said.get("contentType").lower() not in {"", *FORMATS}:
        raise NotSent(202, f"Invalid contentType, it should be one of {', '.join(FORMATS)}")
    if not re.fullmatch(ACCOUNT_NAME.regex, said.get("account")):
        raise NotSent(202, "Invalid smsAccount, it should look like 'sms-ab1234-1'")
    options = _Options(
        stop_clause=not _chosen(said, "noStop", _FLAGS),
        message_class=_chosen(said, "class", _CLASSES),
        unicode=_chosen(said, "smsCoding", _UNICODE),
        wants_replies=_chosen(said, "senderForResponse", _FLAGS),
    )
    if options.wants_replies and said.get("from"):
        raise NotSent(202, "Invalid senderForResponse: leave from empty, or senderForResponse out")
    if len(said.get("idempotencyKey")) > idempotency.LONGEST or "\0" in said.get("idempotencyKey"):
        raise NotSent(202, f"Invalid idempotencyKey: at most {idempotency.LONGEST} characters")
    return options


def _refuse_what_is_missing(said: Said) -> None:
    for name in REQUIRED:
        if name == "from" and _FLAGS.get(said.get("senderForResponse").lower()):
            continue
        if not (said.receivers if name == "to" else said.get(name)):
            hint = f"These are required: {', '.join(REQUIRED)}."
            raise NotSent(201, f"Missing {name}", hint=hint)


def _chosen(said: Said, name: str, values: Mapping[str, Value]) -> Value:
    given = said.get(name).lower()
    if given not in values:
        accepted = ", ".join(value for value in values if value)
        raise NotSent(202, f"Invalid {name}, it should be one of {accepted}")
    return values[given]


def _deferred(said: Said, account: Account) -> datetime | None:
    """Return the moment to send at; an hour that comes twice in its night is the first one."""
    given = said.get("deferred")
    if not given:
        return None
    digits = _DEFERRED.fullmatch(given)
    if digits is None:
        raise _wrong_time()
    hour, minute, day, month, year = map(int, digits.groups())
    zone = ZoneInfo(account.time_zone)
    try:
        local = datetime(year, month, day, hour, minute, tzinfo=zone)
        moment = local.astimezone(UTC)
        exists = moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise _wrong_time() from None
    # The clocks were put forward over it, or it could not be told in every zone.
    if not exists or year == MAXYEAR:
        raise _wrong_time()
    return moment


def _wrong_time() -> NotSent:
    hint = (
        "It should be a moment to come in the account's time zone, as hhmmddMMYYYY, such as "
        "125025112030 for 12:50 on 25 November 2030."
    )
    return NotSent(202, "Invalid deferred time", hint=hint)


def _admitted(said: Said, address: Address) -> ApiUser:
    claim = credentials.Claim(
        account=said.get("account"),
        login=said.get("login"),
        password=said.get("password"),
        address=address,
    )
    try:
        signed_in = credentials.authenticate(claim)
    except credentials.WrongCredentials:
        raise NotSent(202, "Invalid credentials") from None
    except guesses.TooManyTries as tried:
        cause = "Too many tries with wrong credentials, try again later"
        raise NotSent(429, cause, retry_after=tried.wait) from None
    user = signed_in.user
    is_inside = user.allows(address)
    accepted = is_inside or user.restrictions_observed
    api_users.note_call(
        signed_in, address, method=said.method, accepted=accepted, is_inside=is_inside
    )
    if not accepted:
        raise NotSent(401, f"Unauthorized IP {address}")
    if user.refuses_url_passwords and said.method == AddressUse.Method.URL:
        cause = "Invalid request: this user's password may not be in the URL"
        raise NotSent(202, cause, hint="Send it in the body of a POST, or by HTTP Basic.")
    return user


# From an outcome to an answer.


def _refused(refused: submission.Refused) -> NotSent:
    match refused:
        case submission.SenderNotEnabled():
            return NotSent(241, f"Sms sender {shown(str(refused))} does not exists")
        case submission.NoReplySender():
            cause = "Invalid senderForResponse: this account has no number that takes replies"
            return NotSent(202, cause)
        case submission.NotInTheFuture():
            return _wrong_time()
        case submission.CountryNotAllowed():
            cause = f"Invalid receiver {_first(refused)}: this user may not send to its country"
            return NotSent(202, cause)
        case submission.NoValidReceiver():
            return NotSent(202, f"Invalid receiver {_first(refused)}")
        case submission.TooManyReceivers():
            return NotSent(202, f"Invalid receivers: {refused}")
        case submission.TagNotUsable():
            return NotSent(202, f"Invalid tag: {refused}")
        case _:
            return NotSent(202, f"Invalid message: {refused}")


def _first(refused: submission.NoValidReceiver) -> str:
    return ", ".join(shown(given) for given in refused.invalid[:5])


def _too_fast(limited: pace.TooFast) -> NotSent:
    if limited.wait is None:
        cause = f"Invalid receivers: this user may send {limited.most} messages a minute"
        return NotSent(202, cause)
    cause = f"Too many messages, this user may send {limited.most} a minute"
    return NotSent(429, cause, retry_after=limited.wait)


def _not_paid(short: ledger.InsufficientCredits) -> NotSent:
    if short.is_closed:
        return NotSent(202, "Invalid credentials")
    return NotSent(202, "Quota reached" if short.is_quota else "Not enough credits")
