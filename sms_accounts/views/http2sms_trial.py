"""Makes one call of http2sms for a person, as a script would, and tells how it went on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from sms_accounts import http2sms

_FORM = "application/x-www-form-urlencoded"
# Of the person's request only where it came from: no cookie, no header of a browser.
_ORIGIN = ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "SERVER_NAME", "SERVER_PORT", "wsgi.url_scheme")
# Always as long, whatever stands behind it.
_MASK = "•" * 8


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A call that was made: its request with the password masked, and the raw answer."""

    request: str
    answer: str
    is_accepted: bool


def tried(request: HttpRequest, parameters: Mapping[str, str]) -> Trial:
    """Call http2sms with these parameters from the address of the person who asks.

    The endpoint is found by its path, as a script finds it, and called without a network
    between: a panel does not always reach itself under the address that others know, and
    would be a caller of its own with another address. Restrictions, limits and prices apply.
    """
    body = urlencode(parameters).encode()
    environ = {name: request.META[name] for name in _ORIGIN if name in request.META} | {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/{http2sms.PATH}",
        "CONTENT_TYPE": _FORM,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    endpoint = resolve(f"/{http2sms.PATH}").func
    response: HttpResponse = endpoint(WSGIRequest(environ))
    answer = response.content.decode()
    return Trial(
        request=_request(parameters),
        answer=_answer(response, answer),
        is_accepted=http2sms.is_accepted(answer),
    )


def _request(parameters: Mapping[str, str]) -> str:
    url = urlsplit(http2sms.url_of(settings.PANEL_URL))
    pairs = [
        f"{name}={_MASK}" if name == http2sms.PASSWORD else urlencode({name: value})
        for name, value in parameters.items()
    ]
    lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}", f"Content-Type: {_FORM}"]
    return "\n".join([*lines, "", "&".join(pairs)])


def _answer(response: HttpResponse, body: str) -> str:
    headers = [f"{name}: {value}" for name, value in response.items()]
    first = f"HTTP/1.1 {response.status_code} {response.reason_phrase}"
    return "\n".join([first, *headers, "", body])
