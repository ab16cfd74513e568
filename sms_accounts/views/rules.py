"""What rules do about unusual API users: the dialogs that say so, and the button that releases."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from sms_accounts import api_users, pauses
from sms_accounts.forms.rules import RulesForm
from sms_accounts.models import Rule, RuleAction
from sms_accounts.views.account_page import (
    back_from,
    managed_account,
    managed_api_user,
    posted,
    show,
    told,
    who,
)
from sms_accounts.views.recent_sign_in import recent_sign_in_required

_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(_METHODS)
@recent_sign_in_required
def api_user_rules(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    api_user = managed_api_user(request, name, pk)
    of_account = pauses.choices_of(api_user.account)
    inherited = {rule: of_account[rule] or RuleAction.WARN for rule in Rule}
    form = RulesForm(posted(request), stored=pauses.choices_of(api_user), inherited=inherited)
    back = back_from(request, api_user)
    if form.is_valid():
        changed = pauses.set_choices(api_user, form.choices(), by=who(request))
        text = _("The rules of %(login)s are saved.") % {"login": api_user.login}
        return told(request, back, text, changed=changed)
    context = {"form": form, "back": back, "api_user": api_user}
    return show(request, "sms/api_users/rules.html", api_user.account, context)


@require_http_methods(_METHODS)
@recent_sign_in_required
def account_rules(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = RulesForm(posted(request), stored=pauses.choices_of(account))
    back = reverse("options", args=[account.name])
    if form.is_valid():
        changed = pauses.set_choices(account, form.choices(), by=who(request))
        return told(request, back, _("The rules of the account are saved."), changed=changed)
    context = {"form": form, "back": back}
    return show(request, "sms/options/rules.html", account, context)


@require_POST
def api_user_release(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Let a user send again that a rule has stopped."""
    api_user = managed_api_user(request, name, pk)
    changed = api_users.set_enabled(api_user, True, by=who(request))
    page = reverse("api-user", args=[name, pk])
    back = page if request.POST.get("next") == page else reverse("account", args=[name])
    text = _("%(login)s may send again; the same event does not stop it anew.")
    return told(request, back, text % {"login": api_user.login}, changed=changed)
