"""The tab "Connect" of an account: ready programs, the protocol, and a call to try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from sms_accounts import http2sms, price_list, programs
from sms_accounts.forms.connect import TEST_NUMBERS, ChooseForm, TryForm
from sms_accounts.forms.users import OfferedUsers
from sms_accounts.models import Account, ApiUser, Sender
from sms_accounts.templatetags.panel import shown_credits
from sms_accounts.views.account_page import (
    header,
    managed_account,
    may_change,
    posted,
    show,
    visible_account,
)
from sms_accounts.views.http2sms_trial import Trial, tried

_ANY_NUMBER = next(iter(TEST_NUMBERS))


@dataclass(frozen=True, kw_only=True)
class _Offer:
    """Who may be chosen, who is, and the senders of that one."""

    users: OfferedUsers
    user: ApiUser | None
    senders: Sequence[tuple[str, str]]
    sender: str

    @property
    def login(self) -> str:
        return self.user.login if self.user else ""

    @property
    def chosen(self) -> Mapping[str, str]:
        return {"user": self.login, "sender": self.sender}


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, name: str) -> HttpResponse:
    find = managed_account if request.method == "POST" else visible_account
    account = find(request, name)
    offer = _offer(request, account)
    form = _try_form(request, offer)
    trial: Trial | None = None
    if form.is_valid():
        trial = tried(request, form.parameters(account=account.name))
        form = _try_form(None, offer, choices_made=form.choices_made())
        account.wallet.refresh_from_db(fields=["credits"])
    return show(
        request,
        "sms/connect/connect.html",
        account,
        {
            **header(account, current="connect"),
            **_calls(account, offer),
            "offer": offer,
            "choose_form": _choose_form(request, offer),
            "may_try": may_change(request, account),
            "form": form,
            "trial": trial,
            "parameters": http2sms.PARAMETERS,
            "statuses": http2sms.STATUSES,
            "formats": http2sms.FORMATS,
            "test_numbers": TEST_NUMBERS,
        },
    )


def _offer(request: HttpRequest, account: Account) -> _Offer:
    users = OfferedUsers(account)
    asked = request.POST or request.GET
    login, sender = (asked.get(name, "").replace("\0", "").strip() for name in ("user", "sender"))
    found = users.called(login, with_deleted=False) if login else []
    # Where nobody is asked for, or nobody like that: the first one.
    user = next(iter(found), None) or users.of_account.present().order_by(Lower("login")).first()
    enabled = Sender.objects.enabled_for(account, user)
    senders = list(enabled.order_by("name").values_list("name", flat=True))
    if sender not in senders:
        sender = next(iter(senders), "")
    return _Offer(users=users, user=user, senders=[(name, name) for name in senders], sender=sender)


def _choose_form(request: HttpRequest, offer: _Offer) -> ChooseForm:
    login = request.GET.get("user", "").replace("\0", "")
    asked = {"user": login, "sender": offer.sender}
    return ChooseForm(
        asked if request.method == "GET" and login else None,
        users=offer.users,
        senders=offer.senders,
        initial=offer.chosen,
    )


def _try_form(
    request: HttpRequest | None, offer: _Offer, *, choices_made: Mapping[str, str] | None = None
) -> TryForm:
    return TryForm(
        posted(request) if request else None,
        users=offer.users,
        senders=offer.senders,
        initial=choices_made or offer.chosen,
        cost=_cost(),
    )


def _cost() -> str:
    credits = price_list.credits_a_part(TEST_NUMBERS).values()
    if not credits:
        return _("No rate covers these numbers: http2sms will refuse them.")
    return _(
        "Nobody is ever reached there. Charged like any message: %(credits)s credits a part."
    ) % {"credits": shown_credits(max(credits))}


def _calls(account: Account, offer: _Offer) -> dict[str, object]:
    """Return the URL of http2sms, and the call that the page shows in every language."""
    form = http2sms.form(
        account=account.name,
        login=offer.login or "LOGIN",
        password=programs.PLACEHOLDER,
        sender=offer.sender or "SENDER",
        msisdn=_ANY_NUMBER,
        text="Hello",
    )
    url = http2sms.url_of(settings.PANEL_URL)
    return {
        "url": url,
        "programs": programs.ready(url=url, form=form),
        "classic_url": http2sms.sending_url(settings.PANEL_URL, form),
        "variable": programs.VARIABLE,
        "placeholder": programs.PLACEHOLDER,
    }
