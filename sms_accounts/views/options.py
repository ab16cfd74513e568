"""The tab "Options" of an account: what holds for it as a whole, and the dialogs that change it."""

from collections.abc import Callable
from typing import Protocol

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from sms_accounts import accounts, tasks
from sms_accounts.forms.options import (
    AnswersStopForm,
    DefaultSenderForm,
    PlaceForm,
    RetentionForm,
    UnknownOutcomeForm,
)
from sms_accounts.forms.reserve import ReserveForm
from sms_accounts.models import Account, CallbackSecret
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views import option_cards
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    posted,
    show,
    told,
    visible_account,
    who,
)
from sms_accounts.views.callback_dialogs import Place, callback_dialog, secret_dialog
from sms_accounts.views.limits import limit_dialog
from sms_accounts.views.recent_sign_in import recent_sign_in_required

_METHODS = ["GET", "HEAD", "POST"]


@require_safe
def options(request: HttpRequest, name: str) -> HttpResponse:
    account = visible_account(request, name)
    is_signed = CallbackSecret.objects.of(account).valid(timezone.now()).exists()
    context = {
        **header(account, current="options"),
        "groups": option_cards.groups(account, is_signed=is_signed),
        "may_change": may_change(request, account),
    }
    return show(request, "sms/options/options.html", account, context)


class _FormOfAccount(Protocol):
    def __call__(self, data: QueryDict | None, *, account: Account) -> forms.Form: ...


@require_http_methods(_METHODS)
def account_place(request: HttpRequest, name: str) -> HttpResponse:
    return _dialog(request, name, PlaceForm, "place", _("The options of the account are saved."))


@require_http_methods(_METHODS)
def account_default_sender(request: HttpRequest, name: str) -> HttpResponse:
    said = _("The default sender is saved.")
    return _dialog(request, name, DefaultSenderForm, "default_sender", said)


@require_http_methods(_METHODS)
@recent_sign_in_required
def account_unknown_outcome(request: HttpRequest, name: str) -> HttpResponse:
    said = _("From now on, that becomes of messages without an answer.")
    return _dialog(request, name, UnknownOutcomeForm, "unknown_outcome", said)


@require_http_methods(_METHODS)
@recent_sign_in_required
def account_retention(request: HttpRequest, name: str) -> HttpResponse:
    said = _("How long texts and numbers are kept is saved.")
    return _dialog(request, name, RetentionForm, "retention", said)


def _dialog(
    request: HttpRequest, name: str, form_of: _FormOfAccount, template: str, said: str
) -> HttpResponse:
    """Show a form of an account's fields, or store them."""
    account = managed_account(request, name)
    form = form_of(posted(request), account=account)
    back = _back(account)
    if form.is_valid():
        changed = accounts.change(account, form.cleaned_data, by=who(request))
        return told(request, back, said, changed=changed)
    context = {"form": form, "back": back}
    return show(request, f"sms/options/{template}.html", account, context)


@require_http_methods(_METHODS)
def account_answers_stop(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = AnswersStopForm(posted(request), answers=accounts.answers_stop(account))
    if form.is_valid():
        answers = form.cleaned_data["answers_stop"]
        changed = accounts.set_answers_stop(account, answers, by=who(request))
        text = _("STOP is answered now.") if answers else _("STOP is answered no more.")
        return told(request, _back(account), text, changed=changed)
    context = {"form": form, "back": _back(account)}
    return show(request, "sms/options/answers_stop.html", account, context)


@require_http_methods(_METHODS)
@recent_sign_in_required
def account_callback(request: HttpRequest, name: str) -> HttpResponse:
    return _with_callback(request, name, callback_dialog)


@require_http_methods(_METHODS)
@recent_sign_in_required
def account_callback_secret(request: HttpRequest, name: str) -> HttpResponse:
    return _with_callback(request, name, secret_dialog)


def _with_callback(
    request: HttpRequest, name: str, dialog: Callable[[HttpRequest, Place], HttpResponse]
) -> HttpResponse:
    account = managed_account(request, name)
    place = Place(
        subject=account,
        folder="sms/options",
        back=_back(account),
        secret_url=reverse("account-callback-secret", args=[name]),
        calls_url=reverse("callbacks", args=[name]),
    )
    return dialog(request, place)


@require_http_methods(_METHODS)
@recent_sign_in_required
def account_limit(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    return limit_dialog(request, account, template="sms/options/limit.html", back=_back(account))


@require_http_methods(_METHODS)
@recent_sign_in_required
def account_reserve(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = ReserveForm(posted(request), wallet=account.wallet)
    if form.is_valid():
        reserve = form.cleaned_data["reserve"]
        changed = accounts.set_reserve(account, reserve, by=who(request))
        tasks.ring(tasks.alert_due)
        text = _("No credits are held for alerts now.")
        if reserve:
            text = _("%(credits)s credits are held for alerts now.") % {
                "credits": shown_credits(reserve)
            }
        return told(request, _back(account), text, changed=changed)
    context = {"form": form, "back": _back(account)}
    return show(request, "sms/options/reserve.html", account, context)


def _back(account: Account) -> str:
    return reverse("options", args=[account.name])
