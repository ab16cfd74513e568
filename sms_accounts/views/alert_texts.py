"""The dialog of the texts that an account's alerts go out with, and their preview."""

from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from sms_accounts import accounts, gsm
from sms_accounts import alert_texts as words
from sms_accounts.forms.alert_texts import AlertTextsForm
from sms_accounts.models import Account, Alert, AlertTexts, ApiUser
from sms_accounts.views.account_page import (
    back_to_list,
    managed_account,
    posted,
    show,
    told,
    who,
)

# Of an account in which nobody has a threshold yet.
_SAMPLE_THRESHOLD = Decimal(20)


@require_http_methods(["GET", "HEAD", "POST"])
def alert_texts(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = _form(request, account)
    back = back_to_list(request, account)
    if form.is_valid() and "preview" not in request.POST:
        changed = accounts.set_alert_texts(account, form.texts(), by=who(request))
        return told(request, back, _("The alert texts are saved."), changed=changed)
    context = {
        "form": form,
        "back": back,
        "variables": words.VARIABLES,
        "default_from": settings.DEFAULT_FROM_EMAIL,
        "defaults": words.defaults(account),
        "preview_url": reverse("alert-preview", args=[account.name]),
        **_preview(account, form.as_typed()),
    }
    return show(request, "sms/alert_texts.html", account, context)


@require_POST
def alert_preview(request: HttpRequest, name: str) -> HttpResponse:
    """Show what would go out with the words as they are typed so far."""
    account = managed_account(request, name)
    preview = _preview(account, _form(request, account).as_typed())
    return show(request, "sms/alert_preview.html", account, preview)


def _form(request: HttpRequest, account: Account) -> AlertTextsForm:
    stored = accounts.alert_texts(account)
    return AlertTextsForm(
        posted(request),
        stored=stored,
        ours=words.defaults(account),
        own_email=who(request).email,
    )


def _preview(account: Account, texts: AlertTexts) -> dict[str, object]:
    """Return what would go out now about a user with a threshold, or else about the account."""
    watched = ApiUser.objects.present().filter(account=account, alert_threshold__isnull=False)
    subject = watched.select_related("account__wallet", "wallet").order_by("pk").first() or account
    alert = Alert.about(
        subject,
        threshold=subject.alert_threshold or _SAMPLE_THRESHOLD,
        balance=subject.wallet.spendable,
        at=timezone.now(),
    )
    sms = words.sms_of(texts, alert)
    return {
        "about": str(subject),
        "mail": words.email_of(texts, alert),
        "sms": sms,
        "sms_length": gsm.measure(sms),
    }
