"""What every answer of the panel carries, beyond Django's own middleware."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers


class PrivatePagesMiddleware:
    """Keeps pages of signed-in people out of every cache.

    A redirect that answers htmx (to sign in again, say) is turned into HX-Redirect: the
    browser would otherwise follow it and put a whole page into a dialog.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if getattr(request, "user", None) is not None and request.user.is_authenticated:
            add_never_cache_headers(response)
        if getattr(request, "htmx", False) and response.status_code in (301, 302, 303):
            target = response.headers["Location"]
            response = HttpResponse(status=204, headers={"HX-Redirect": target})
        return response
