"""The tab "Options" of an account: the alert on its own credits, and what is held for alerts."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from sms_accounts import accounts, tasks
from sms_accounts.forms.reserve import ReserveForm
from sms_accounts.models import Account
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views.account_page import (
    header,
    managed_account,
    posted,
    show,
    told,
    visible_account,
    who,
)
from sms_accounts.views.limits import limit_dialog
from sms_accounts.views.recent_sign_in import recent_sign_in_required


@require_safe
def options(request: HttpRequest, name: str) -> HttpResponse:
    account = visible_account(request, name)
    may_change = Account.objects.managed_by(request.user).filter(pk=account.pk).exists()
    context = {
        **header(account, current="options"),
        "reserve": account.wallet.reserve,
        "may_change": may_change,
    }
    return show(request, "sms/options/options.html", account, context)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_sign_in_required
def account_limit(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    return limit_dialog(request, account, template="sms/options/limit.html", back=_back(account))


@require_http_methods(["GET", "HEAD", "POST"])
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
