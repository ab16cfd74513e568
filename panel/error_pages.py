"""Error pages beside those that Django finds by the names of their templates."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say of a request that is too long that it is, and of others that they make no sense."""
    if isinstance(exception, RequestDataTooBig):
        return HttpResponse(render_to_string("413.html"), status=413)
    answer: HttpResponse = defaults.bad_request(request, exception)
    return answer
