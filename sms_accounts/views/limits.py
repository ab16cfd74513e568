"""The dialog of a limit, be it an API user's or an account's, with its test."""

from django.http import HttpRequest, HttpResponse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from sms_accounts import accounts, alerts_by_hand, api_users, limits, spending, tasks
from sms_accounts.forms.limit import LimitForm
from sms_accounts.models import Account, ApiUser, Notification
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views.account_page import posted, show, told, who


def limit_dialog(
    request: HttpRequest, subject: ApiUser | Account, *, template: str, back: str
) -> HttpResponse:
    wallet = subject.wallet
    outlook = spending.outlooks({wallet.pk: wallet.spendable}).get(wallet.pk)
    form = LimitForm(
        posted(request), subject=subject, own_email=who(request).email, outlook=outlook
    )
    context: dict[str, object] = {"form": form, "back": back}
    if form.is_valid() and form.is_test:
        context["notice"] = _test(request, subject, form)
    elif form.is_valid():
        limit = form.limit()
        changed = _set(request, subject, limit)
        tasks.ring(tasks.alert_due)
        return told(request, back, _limit_told(subject, limit), changed=changed)
    account = subject if isinstance(subject, Account) else subject.account
    if isinstance(subject, ApiUser):
        context["api_user"] = subject
    return show(request, template, account, context)


def _set(request: HttpRequest, subject: ApiUser | Account, limit: limits.Limit) -> bool:
    if isinstance(subject, ApiUser):
        return api_users.set_limit(subject, limit, by=who(request))
    return accounts.set_limit(subject, limit, by=who(request))


def _limit_told(subject: ApiUser | Account, limit: limits.Limit) -> str:
    if not limit.enabled:
        return _("The alert of %(login)s is off.") % {"login": subject}
    return _("%(login)s alerts at %(credits)s credits or below.") % {
        "login": subject,
        "credits": shown_credits(limit.threshold),
    }


def _test(request: HttpRequest, subject: ApiUser | Account, form: LimitForm) -> str:
    """Send a test to where the form says; return what to say of it. Nothing else is stored."""
    addresses = form.test_addresses()
    try:
        alerts_by_hand.send_test(
            subject,
            threshold=form.cleaned_data["threshold"],
            addresses=addresses,
            by=who(request),
        )
    except alerts_by_hand.TooOften:
        form.add_error(None, too_often())
        return ""
    tasks.ring(tasks.alert_due)
    shown = [
        f"+{address}" if channel == Notification.Channel.SMS else address
        for channel, address in addresses.items()
    ]
    text = _("A test is on its way to %(addresses)s. What becomes of it stands under Alerts.")
    return text % {"addresses": get_text_list(shown, _("and"))}


def too_often() -> str:
    return _("At most %(most)d tests and repeats in 10 minutes: try again later.") % {
        "most": alerts_by_hand.MOST
    }
