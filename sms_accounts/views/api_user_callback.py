"""The dialogs of an API user's callback: its URL, a test of it, and the secret that signs."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from sms_accounts.views.account_page import back_from, managed_api_user
from sms_accounts.views.callback_dialogs import Place, callback_dialog, secret_dialog
from sms_accounts.views.recent_sign_in import recent_sign_in_required


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_callback(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    return callback_dialog(request, _place(request, name, pk))


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_callback_secret(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    return secret_dialog(request, _place(request, name, pk))


def _place(request: HttpRequest, name: str, pk: int) -> Place:
    api_user = managed_api_user(request, name, pk)
    back = back_from(request, api_user)
    secret_url = reverse("api-user-callback-secret", args=[name, pk])
    calls_url = reverse("callbacks", args=[name])
    return Place(
        subject=api_user,
        folder="sms/api_users",
        back=back,
        secret_url=f"{secret_url}?{urlencode({'next': back})}",
        calls_url=f"{calls_url}?{urlencode({'user': api_user.login})}",
    )
