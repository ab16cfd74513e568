"""Shows an API user's new password once, as the direct answer of the form that set it."""

import shlex

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from sms_accounts import http2sms
from sms_accounts.models import ApiUser, Sender
from sms_accounts.views.account_page import show


def show_password(
    request: HttpRequest, api_user: ApiUser, password: str, *, back: str, is_new: bool = True
) -> HttpResponse:
    """Show login, password and a line that sends an SMS; nothing of it is kept anywhere."""
    context = {
        "api_user": api_user,
        "password": password,
        "is_new": is_new,
        "has_former": api_user.has_former_password(timezone.now()),
        "curl": _curl(api_user, password),
        "back": back,
    }
    return show(request, "sms/api_users/password_shown.html", api_user.account, context)


def _curl(api_user: ApiUser, password: str) -> str:
    """Return a line for a shell; by POST, since a user may refuse passwords in URLs."""
    senders = Sender.objects.enabled_for(api_user.account, api_user)
    parameters = http2sms.form(
        account=api_user.account.name,
        login=api_user.login,
        password=password,
        sender=senders.order_by("name").values_list("name", flat=True).first() or "SENDER",
        # A number for fiction, which the simulated carrier delivers to.
        msisdn="33639980004",
        text="Hello",
    )
    given = [word for pair in parameters.items() for word in ("--data-urlencode", "=".join(pair))]
    return shlex.join(["curl", http2sms.url_of(settings.PANEL_URL), *given])
