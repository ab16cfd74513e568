"""The dialogs of a callback, be it an API user's or an account's: URL, test, and secret."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from sms_accounts import (
    accounts,
    api_users,
    callback_secrets,
    callback_settings,
    callback_trials,
    tasks,
)
from sms_accounts.forms.callback import CallbackForm
from sms_accounts.forms.callbacks import SecretForm
from sms_accounts.models import Account, ApiUser, CallbackEndpoint, CallbackSecret
from sms_accounts.views.account_page import posted, show, told, who


@dataclass(frozen=True, kw_only=True)
class Place:
    """Whose dialogs these are, and where they lead."""

    subject: ApiUser | Account
    folder: str
    back: str
    secret_url: str
    calls_url: str

    @property
    def account(self) -> Account:
        return self.subject.account if isinstance(self.subject, ApiUser) else self.subject


def callback_dialog(request: HttpRequest, place: Place) -> HttpResponse:
    subject = place.subject
    form = CallbackForm(
        posted(request),
        url=subject.callback_url,
        replies_url=callback_settings.replies_url(subject),
        method=subject.callback_method,
    )
    context: dict[str, object] = {"form": form}
    if form.is_valid() and form.is_test:
        try:
            context["trial"] = callback_trials.tried(
                subject,
                form.cleaned_data[form.tried],
                method=form.cleaned_data["method"],
                is_of_replies=form.is_test_of_replies,
            )
        except callback_trials.TooMany:
            form.add_error(form.tried, _("Tried too often. Wait a minute, then try again."))
    elif form.is_valid():
        return _save(request, place, form)
    context |= {
        "has_secret": _secrets(subject) > 0,
        "off": CallbackEndpoint.objects.filter(
            account=place.account, url=subject.callback_url, off_at__isnull=False
        ).first(),
    }
    return _show(request, "callback", place, context)


def _save(request: HttpRequest, place: Place, form: CallbackForm) -> HttpResponse:
    subject, by = place.subject, who(request)
    url, replies_url, method = (
        form.cleaned_data[name] for name in ("url", "replies_url", "method")
    )
    if isinstance(subject, ApiUser):
        changed = api_users.set_callback(
            subject, url, method=method, replies_url=replies_url, by=by
        )
    else:
        changed = accounts.set_callback(subject, url, method=method, replies_url=replies_url, by=by)
    tasks.ring(tasks.call_due)
    text = _("The callback of %(login)s is saved.") if url else _("%(login)s has no callback.")
    return told(request, place.back, text % {"login": subject}, changed=changed)


def secret_dialog(request: HttpRequest, place: Place) -> HttpResponse:
    secrets = _secrets(place.subject)
    form = SecretForm(posted(request), has_secret=secrets > 0)
    if form.is_valid() and form.ends:
        ended = callback_secrets.end_all(place.subject, by=who(request))
        text = _("The callbacks of %(login)s are signed no longer.") % {"login": place.subject}
        return told(request, place.back, text, changed=ended)
    if form.is_valid():
        secret = callback_secrets.renew(place.subject, by=who(request))
        shown = {"secret": secret, "has_former": secrets > 0}
        return _show(request, "callback_secret_shown", place, shown)
    return _show(request, "callback_secret", place, {"form": form, "secrets": secrets})


def _secrets(subject: ApiUser | Account) -> int:
    return CallbackSecret.objects.of(subject).valid(timezone.now()).count()


def _show(
    request: HttpRequest, dialog: str, place: Place, context: dict[str, object]
) -> HttpResponse:
    return show(
        request,
        f"{place.folder}/{dialog}.html",
        place.account,
        {
            "subject": place.subject,
            "back": place.back,
            "secret_url": place.secret_url,
            "calls_url": place.calls_url,
            **context,
        },
    )
