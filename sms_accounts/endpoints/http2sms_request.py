"""From the bytes of an http2sms request to its words: alone knows how clients encode them."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from sms_accounts.endpoints.http2sms_answers import DEFAULT_FORMAT, FORMATS, NotSent
from sms_accounts.http2sms import NAMES
from sms_accounts.models import AddressUse

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_NOTHING = dict.fromkeys(NAMES.values(), "")
# Each of its letters may be written as three.
_LONGEST_NAME = 3 * max(map(len, NAMES))


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a caller said, by the proper name of each parameter; nothing where one is left out.

    `problem` is what made it unreadable, `contradicted` a name that came with two values,
    `method` the way by which the password came: the most open one, where it came by several.
    """

    values: Mapping[str, str] = field(repr=False)
    receivers: list[str] = field(repr=False)
    contradicted: str
    problem: NotSent | None
    method: AddressUse.Method

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def format(self) -> str:
        asked = self["contentType"].lower()
        return asked if asked in FORMATS else DEFAULT_FORMAT


def said(request: HttpRequest) -> Said:
    """Return what a GET or POST says; never raises for what is wrong with it."""
    body: list[tuple[str, str]] = []
    problem = None
    try:
        body += _body_pairs(request)
    except NotSent as refused:
        problem = refused
    meta = request.META
    return _said(
        # WSGI hands over bytes as the characters of Latin-1.
        str(meta.get("QUERY_STRING", "")).encode("latin-1", "replace"),
        authorization=meta.get("HTTP_AUTHORIZATION", ""),
        idempotency_key=meta.get("HTTP_IDEMPOTENCY_KEY", ""),
        body=body,
        problem=problem,
    )


def said_plainly(query: bytes, *, form: bytes, authorization: str) -> Said:
    """Return what a request says in its query, its form and its credentials of HTTP Basic."""
    return _said(query, authorization=authorization, body=list(_pairs(form)) if form else [])


def _said(
    encoded_query: bytes,
    *,
    authorization: str,
    idempotency_key: str = "",
    body: list[tuple[str, str]],
    problem: NotSent | None = None,
) -> Said:
    query = list(_pairs(encoded_query))
    headers = list(_basic(authorization)) if authorization else []
    if idempotency_key:
        headers.append(("idempotencyKey", _text(idempotency_key.encode("latin-1", "replace"))))
    given: dict[str, str] = {}
    contradicted = ""
    for name, value in (*query, *headers, *body):
        if given.setdefault(name, value) != value:
            contradicted = contradicted or name
    values = _NOTHING | given
    return Said(
        values=values,
        receivers=[receiver for receiver in values["to"].split(",") if receiver.strip()],
        contradicted=contradicted,
        problem=problem,
        method=_method(query=dict(query), body=dict(body)),
    )


def _method(*, query: Mapping[str, str], body: Mapping[str, str]) -> AddressUse.Method:
    if "password" in query:
        return AddressUse.Method.URL
    return AddressUse.Method.FORM if "password" in body else AddressUse.Method.BASIC


def _body_pairs(request: HttpRequest) -> Iterator[tuple[str, str]]:
    if request.method != "POST":
        return
    if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
        # WSGI programs see no end of such a body, and Django therefore none of it.
        raise NotSent(202, "Invalid request: its body came without Content-Length")
    if request.content_type == _MULTIPART:
        # As PHP's curl sends an array.
        yield from _multipart(request)
        return
    body = _body(request)
    if body and request.content_type not in (_FORM, ""):
        cause = f"Invalid Content-Type of the request, it should be {_FORM} or {_MULTIPART}"
        raise NotSent(202, cause)
    yield from _pairs(body)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise _too_long() from None
    except UnreadablePostError:
        raise NotSent(202, "Invalid request: the body ended too early") from None


def _too_long() -> NotSent:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return NotSent(202, f"Invalid request: the body is longer than {most} bytes")


def _multipart(request: HttpRequest) -> Iterator[tuple[str, str]]:
    # Before Django reads it: it would write what is long to a file.
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
        raise _too_long()
    # Of these bytes Django would replace the ones that are no UTF-8.
    request.encoding = "latin-1"
    try:
        fields = [(name, value) for name, values in request.POST.lists() for value in values]
    except (SuspiciousOperation, MultiPartParserError, UnreadablePostError):
        raise NotSent(202, "Invalid request: its body is no multipart form") from None
    for name, value in fields:
        if known := NAMES.get(name.lower()):
            yield known, _text(str(value).encode("latin-1", "replace"))


def _pairs(encoded: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and value of each parameter that http2sms knows."""
    for pair in encoded.replace(b"+", b" ").split(b"&"):
        wire_name, equals, value = pair.partition(b"=")
        name = _proper(wire_name)
        if name is None:
            continue
        if name == "noStop" and not equals:
            value = b"1"
        yield name, _decoded(value)


@lru_cache(maxsize=1000)
def _proper(wire_name: bytes) -> str | None:
    """Return the name of a parameter as we spell it, or None for one that we do not know."""
    return NAMES.get(_decoded(wire_name).lower()) if len(wire_name) <= _LONGEST_NAME else None


def _decoded(encoded: bytes) -> str:
    return _text(unquote_to_bytes(encoded) if b"%" in encoded else encoded)


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
