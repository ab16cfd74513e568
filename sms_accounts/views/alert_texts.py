"""The dialog of the texts that an account's alerts go out with."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sms_accounts import accounts, alerts
from sms_accounts.forms.alert_texts import AlertTextsForm
from sms_accounts.views.account_page import (
    back_to_list,
    managed_account,
    posted,
    show,
    told,
    who,
)


@require_http_methods(["GET", "HEAD", "POST"])
def alert_texts(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    stored = accounts.alert_texts(account)
    form = AlertTextsForm(posted(request), stored=stored, own_email=who(request).email)
    back = back_to_list(request, account)
    if form.is_valid():
        changed = accounts.set_alert_texts(account, form.texts(), by=who(request))
        return told(request, back, _("The alert texts are saved."), changed=changed)
    context = {
        "form": form,
        "back": back,
        "variables": alerts.VARIABLES,
        "default_from": settings.DEFAULT_FROM_EMAIL,
        "default_subject": alerts.DEFAULT_SUBJECT,
        "default_body": alerts.DEFAULT_BODY,
        "default_sms": alerts.DEFAULT_SMS,
    }
    return show(request, "sms/alert_texts.html", account, context)
