"""Sends people who signed in a while ago to confirm that it is them, before sensitive steps."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def recent_sign_in_required(view: View[P]) -> View[P]:
    """Let a view answer only those who signed in, or confirmed it, a short time ago.

    allauth's own decorator would ask again right after the sign-in, and it keeps what was
    posted in the session: here that may be a password of an API user.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        methods = get_adapter().get_reauthentication_methods(request.user)
        if not methods or _signed_in_lately(request):
            return view(request, *args, **kwargs)
        back = urlencode({"next": request.get_full_path()})
        return redirect(f"{methods[0]['url']}?{back}")

    # `wraps` gives its result a type of its own.
    return cast(View[P], guarded)


def _signed_in_lately(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    latest = max((record["at"] for record in records), default=0)
    return bool(time.time() - latest < app_settings.REAUTHENTICATION_TIMEOUT)
