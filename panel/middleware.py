"""What every answer of the panel carries, beyond Django's own middleware."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import add_never_cache_headers

from sms_accounts import activity
from sms_accounts.endpoints.client_address import UNKNOWN, client_address


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Asks for a sign-in unless a view is open, and does not read the session for one that is.

    A script's call must neither wait for the session's table nor get a cookie.
    """

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        if not getattr(view_func, "login_required", True):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)


class PrivatePagesMiddleware:
    """Keeps pages of signed-in people out of every cache.

    A redirect that answers htmx (to sign in again, say) is turned into HX-Redirect: the
    browser would otherwise follow it and put a whole page into a dialog.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session = getattr(request, "session", None)
        if session is not None and session.accessed and request.user.is_authenticated:
            add_never_cache_headers(response)
        if getattr(request, "htmx", False) and response.status_code in (301, 302, 303):
            target = response.headers["Location"]
            response = HttpResponse(status=204, headers={"HX-Redirect": target})
        return response


class OriginMiddleware:
    """Lets the change log know from which address a change was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address = client_address(request)
        with activity.asked_from(None if address == UNKNOWN else str(address)):
            return self.get_response(request)
