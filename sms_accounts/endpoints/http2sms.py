"""Sends SMS through one URL: alone knows the wire names of http2sms, and what each may hold.

Its texts are part of the protocol and therefore never translated.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from sms_accounts import api_users, credentials, ledger, submission
from sms_accounts.endpoints.client_address import client_address
from sms_accounts.endpoints.http2sms_answers import (
    DEFAULT_FORMAT,
    FORMATS,
    Accepted,
    Answer,
    Refused,
    shown,
)
from sms_accounts.models import ApiUser, Submission
from sms_accounts.models.account import ACCOUNT_NAME
from sms_accounts.models.api_user import LOGIN, Address
from sms_accounts.tasks import deliver_due, ring

log = structlog.get_logger(__name__)

Value = TypeVar("Value")

_ALLOW = "GET, POST, OPTIONS"
_FORM = "application/x-www-form-urlencoded"
_REQUIRED = ("account", "login", "password", "from", "to", "message")
_NAMES = {
    name.lower(): name
    for name in (
        *_REQUIRED,
        "noStop",
        "deferred",
        "class",
        "smsCoding",
        "tag",
        "contentType",
        "senderForResponse",
        "idempotencyKey",
    )
} | {"smsaccount": "account", "smsencoding": "smsCoding"}

_FLAGS = {"1": True, "true": True, "": False, "0": False, "false": False}
_CLASSES = {"": None, "0": 0, "1": 1, "2": 2, "3": 3}
_UNICODE = {"": False, "1": False, "2": True}

# Some clients encode a line break twice; it then arrives as these three characters.
_LINE_BREAK = re.compile(r"(?:\r|%0d)(?:\n|%0a)|\r|\n|%0d|%0a", re.IGNORECASE)


class _NotSent(Exception):
    """The request gets an answer other than 100; nothing was stored or paid."""

    def __init__(self, status: int, cause: str, *, hint: str = "") -> None:
        super().__init__(cause)
        self.answer = Refused(status=status, cause=cause, hint=hint)


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What a caller said, by the proper name of each parameter; `problem` is what made it
    unreadable, `contradicted` a name that came with two values."""

    values: Mapping[str, str] = field(repr=False)
    contradicted: str
    problem: _NotSent | None

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def format(self) -> str:
        asked = self.get("contentType").lower()
        return asked if asked in FORMATS else DEFAULT_FORMAT

    @property
    def receivers(self) -> list[str]:
        return [given for given in self.get("to").split(",") if given.strip()]


@dataclass(frozen=True, kw_only=True)
class _Options:
    """The parameters that choose among few values, understood."""

    stop_clause: bool
    message_class: int | None
    unicode: bool


@csrf_exempt
@login_not_required
def http2sms(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "POST"):
        return _other_method(request)
    said = _said(request)
    answer: Answer
    try:
        answer = _sent(said, client_address(request))
    except _NotSent as refused:
        answer = refused.answer
    except (OperationalError, InterfaceError) as away:
        # Only its kind: what a database complains about may be quoted from the statement.
        log.error("http2sms_without_database", problem=type(away).__name__)
        answer = Refused(status=503, cause="Not available at the moment, try again later")
    else:
        ring(deliver_due)
    log.info(
        "http2sms",
        account=_told(said.get("account"), ACCOUNT_NAME.regex),
        login=_told(said.get("login"), LOGIN.regex),
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
        headers={
            "Cache-Control": "no-store",
            "Content-Language": "en",
            "X-Content-Type-Options": "nosniff",
        },
    )
    if answer.status == 503:
        response.status_code = 503
        response.headers["Retry-After"] = "10"
    return response


def _told(value: str, shape: str | re.Pattern[str]) -> str:
    # What has another shape may be anything, also a whole query string with its password.
    return value if re.fullmatch(shape, value) else "?"


# From bytes to words.


def _said(request: HttpRequest) -> _Said:
    # WSGI hands over bytes as the characters of Latin-1.
    query = str(request.META.get("QUERY_STRING", "")).encode("latin-1", "replace")
    pairs = [*_pairs(query), *_basic(request.headers.get("Authorization", ""))]
    problem = None
    try:
        pairs += _pairs(_body(request))
    except _NotSent as refused:
        problem = refused
    values: dict[str, str] = {}
    contradicted = ""
    for name, value in pairs:
        if values.setdefault(name, value) != value:
            contradicted = contradicted or name
    if "idempotencyKey" not in values and "Idempotency-Key" in request.headers:
        values["idempotencyKey"] = request.headers["Idempotency-Key"]
    return _Said(values=values, contradicted=contradicted, problem=problem)


def _body(request: HttpRequest) -> bytes:
    if request.method != "POST":
        return b""
    if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
        # WSGI programs see no end of such a body, and Django therefore none of it.
        raise _NotSent(202, "Invalid request: its body came without Content-Length")
    try:
        body = request.body
    except RequestDataTooBig:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raise _NotSent(202, f"Invalid request: the body is longer than {most} bytes") from None
    except UnreadablePostError:
        raise _NotSent(202, "Invalid request: the body ended too early") from None
    if body and request.content_type not in (_FORM, ""):
        raise _NotSent(202, f"Invalid Content-Type of the request, it should be {_FORM}")
    return body


def _pairs(encoded: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and value of each parameter that http2sms knows."""
    for pair in encoded.split(b"&"):
        wire_name, equals, value = pair.partition(b"=")
        name = _NAMES.get(_decoded(wire_name).lower())
        if name is None:
            continue
        if name == "noStop" and not equals:
            value = b"1"
        yield name, _decoded(value)


def _decoded(encoded: bytes) -> str:
    return _text(unquote_to_bytes(encoded.replace(b"+", b" ")))


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _basic(authorization: str) -> Iterator[tuple[str, str]]:
    """Yield the credentials of HTTP Basic, whose user name is `account/login`."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        user, _, password = _text(base64.b64decode(encoded.strip(), validate=True)).partition(":")
    except (binascii.Error, ValueError):
        return
    account, slash, login = user.partition("/")
    if slash:
        yield from (("account", account), ("login", login), ("password", password))


# From words to an order.


def _sent(said: _Said, address: Address) -> Accepted:
    options = _understood(said)
    user = _admitted(said, address)
    try:
        receipt = submission.submit(
            submission.Order(
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
                address=str(address),
            )
        )
    except submission.Refused as refused:
        raise _refused(refused) from None
    except ledger.InsufficientCredits as short:
        if short.is_closed:
            raise _NotSent(202, "Invalid credentials") from None
        raise _NotSent(202, "Quota reached" if short.is_quota else "Not enough credits") from None
    return Accepted(
        message_ids=receipt.message_ids,
        invalid=receipt.invalid,
        credits_left=receipt.credits_left,
    )


def _understood(said: _Said) -> _Options:
    """Check everything that can be judged without knowing who calls."""
    if said.problem:
        raise said.problem
    for name in _REQUIRED:
        if name == "from" and _FLAGS.get(said.get("senderForResponse").lower()):
            continue
        if not (said.receivers if name == "to" else said.get(name)):
            hint = f"These are required: {', '.join(_REQUIRED)}."
            raise _NotSent(201, f"Missing {name}", hint=hint)
    if said.contradicted:
        raise _NotSent(202, f"Invalid {said.contradicted}: it came twice with different values")
    if said.get("contentType").lower() not in {"", *FORMATS}:
        raise _NotSent(202, f"Invalid contentType, it should be one of {', '.join(FORMATS)}")
    if not re.fullmatch(ACCOUNT_NAME.regex, said.get("account")):
        raise _NotSent(202, "Invalid smsAccount, it should look like 'sms-ab1234-1'")
    options = _Options(
        stop_clause=not _chosen(said, "noStop", _FLAGS),
        message_class=_chosen(said, "class", _CLASSES),
        unicode=_chosen(said, "smsCoding", _UNICODE),
    )
    _refuse_what_is_not_available(said)
    return options


def _chosen(said: _Said, name: str, values: Mapping[str, Value]) -> Value:
    given = said.get(name).lower()
    if given not in values:
        accepted = ", ".join(value for value in values if value)
        raise _NotSent(202, f"Invalid {name}, it should be one of {accepted}")
    return values[given]


def _refuse_what_is_not_available(said: _Said) -> None:
    """Refuse what would be sent otherwise than it was meant if it were ignored."""
    if said.get("deferred"):
        raise _NotSent(202, "Invalid deferred time: not available yet, leave deferred out")
    if _chosen(said, "senderForResponse", _FLAGS):
        raise _NotSent(202, "Invalid senderForResponse: not available yet, give a sender in from")
    if said.get("idempotencyKey"):
        raise _NotSent(202, "Invalid idempotencyKey: not available yet, leave it out")


def _admitted(said: _Said, address: Address) -> ApiUser:
    user = credentials.authenticate(said.get("account"), said.get("login"), said.get("password"))
    if user is None:
        raise _NotSent(202, "Invalid credentials")
    accepted = user.allows(address)
    api_users.note_address(user, address, accepted=accepted)
    if not accepted:
        raise _NotSent(401, f"Unauthorized IP {address}")
    return user


def _refused(refused: submission.Refused) -> _NotSent:
    match refused:
        case submission.SenderNotEnabled():
            return _NotSent(241, f"Sms sender {shown(str(refused))} does not exists")
        case submission.NoValidReceiver():
            first = ", ".join(shown(given) for given in refused.invalid[:5])
            return _NotSent(202, f"Invalid receiver {first}")
        case submission.TooManyReceivers():
            return _NotSent(202, f"Invalid receivers: {refused}")
        case submission.TagNotUsable():
            return _NotSent(202, f"Invalid tag: {refused}")
        case _:
            return _NotSent(202, f"Invalid message: {refused}")
