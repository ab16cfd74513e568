"""The dialogs of an API user's callback: its URL, a test of it, and the secret that signs."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sms_accounts import api_users, callback_secrets, callback_trials, tasks
from sms_accounts.forms.callback import CallbackForm
from sms_accounts.forms.callbacks import SecretForm
from sms_accounts.models import ApiUser, CallbackEndpoint, CallbackSecret
from sms_accounts.views.account_page import (
    back_to_list,
    managed_api_user,
    posted,
    show,
    told,
    who,
)
from sms_accounts.views.recent_sign_in import recent_sign_in_required


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_callback(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    form = CallbackForm(posted(request), url=api_user.callback_url, method=api_user.callback_method)
    back = back_to_list(request, api_user.account)
    context: dict[str, object] = {"form": form, "back": back}
    if form.is_valid() and form.is_test:
        try:
            context["trial"] = callback_trials.tried(
                api_user, form.cleaned_data["url"], method=form.cleaned_data["method"]
            )
        except callback_trials.TooMany:
            form.add_error("url", _("Tried too often. Wait a minute, then try again."))
    elif form.is_valid():
        return _save(request, api_user, form, back=back)
    context |= {
        "has_secret": _secrets(api_user) > 0,
        "off": CallbackEndpoint.objects.filter(
            account=api_user.account_id, url=api_user.callback_url, off_at__isnull=False
        ).first(),
        "and_back_to_list": urlencode({"next": back}),
    }
    return _show(request, "callback", api_user, context)


def _save(
    request: HttpRequest, api_user: ApiUser, form: CallbackForm, *, back: str
) -> HttpResponse:
    url = form.cleaned_data["url"]
    changed = api_users.set_callback(
        api_user, url, method=form.cleaned_data["method"], by=who(request)
    )
    tasks.ring(tasks.call_due)
    text = _("The callback of %(login)s is saved.") if url else _("%(login)s has no callback.")
    return told(request, back, text % {"login": api_user.login}, changed=changed)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def api_user_callback_secret(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    secrets = _secrets(api_user)
    form = SecretForm(posted(request), has_secret=secrets > 0)
    back = back_to_list(request, api_user.account)
    if form.is_valid() and form.ends:
        ended = callback_secrets.end_all(api_user, by=who(request))
        text = _("The callbacks of %(login)s are signed no longer.") % {"login": api_user.login}
        return told(request, back, text, changed=ended)
    if form.is_valid():
        secret = callback_secrets.renew(api_user, by=who(request))
        shown = {"secret": secret, "has_former": secrets > 0, "back": back}
        return _show(request, "callback_secret_shown", api_user, shown)
    context = {"form": form, "back": back, "secrets": secrets}
    return _show(request, "callback_secret", api_user, context)


def _secrets(api_user: ApiUser) -> int:
    return CallbackSecret.objects.valid(timezone.now()).filter(api_user=api_user).count()


def _show(
    request: HttpRequest, dialog: str, api_user: ApiUser, context: dict[str, object]
) -> HttpResponse:
    template = f"sms/api_users/{dialog}.html"
    return show(request, template, api_user.account, {"api_user": api_user, **context})
