"""What the pages of one account share: finding it, its header, its time zone, the way back."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sms_accounts import overview, spending
from sms_accounts.models import Account, ApiUser, User, Wallet
from sms_accounts.spending import Outlook

# What htmx puts anew while something is at work.
_PROGRESS = "progress"


@dataclass(frozen=True)
class Tab:
    """A section of an account."""

    label: str
    url: str
    is_current: bool


def who(request: HttpRequest) -> User:
    """Return the person who is signed in, which every page but a few requires."""
    if not isinstance(request.user, User):
        raise TypeError("The page is open to nobody in particular.")
    return request.user


def visible_account(request: HttpRequest, name: str) -> Account:
    """Return an account of this person; somebody else's does not exist."""
    return get_object_or_404(_known(Account.objects.visible_to(request.user), request), name=name)


def managed_account(request: HttpRequest, name: str) -> Account:
    """Return an account that this person may change."""
    return get_object_or_404(_known(Account.objects.managed_by(request.user), request), name=name)


def _known(accounts: QuerySet[Account], request: HttpRequest) -> QuerySet[Account]:
    """Add what nearly every page asks about an account, in one question with the account itself."""
    managed = Account.objects.managed_by(request.user).filter(pk=OuterRef("pk"))
    return accounts.select_related("wallet").annotate(may_change=Exists(managed))


def may_change(request: HttpRequest, account: Account) -> bool:
    known: bool | None = getattr(account, "may_change", None)
    if known is None:
        return Account.objects.managed_by(request.user).filter(pk=account.pk).exists()
    return known


def managed_api_user(request: HttpRequest, name: str, pk: int) -> ApiUser:
    """Return an API user of an account that this person may change."""
    api_users = ApiUser.objects.managed_by(request.user).select_related("account__wallet", "wallet")
    return get_object_or_404(api_users, account__name=name, pk=pk)


def visible_api_user(request: HttpRequest, account: Account, pk: int) -> ApiUser:
    """Return an API user of an account that this person may see, with what all quotas `held`."""
    api_users = ApiUser.objects.visible_to(request.user)
    known = api_users.select_related("account", "wallet", "renewal", "reply_settings").annotate(
        held=overview.held_by_quotas(OuterRef("account"))
    )
    return get_object_or_404(known, account=account, pk=pk)


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form is bound to: nothing, unless the form was sent."""
    return request.POST if request.method == "POST" else None


def show(
    request: HttpRequest, template: str, account: Account, context: Mapping[str, object]
) -> HttpResponse:
    """Draw a page of an account, with all moments in the account's time zone."""
    with timezone.override(ZoneInfo(account.time_zone)):
        return render(request, template, {"account": account, **context})


def with_progress(
    request: HttpRequest,
    account: Account,
    template: str,
    context: Mapping[str, object],
    *,
    tab: str,
) -> HttpResponse:
    """Draw a page of a tab, or for htmx the region of it that tells how far the work is."""
    htmx = getattr(request, "htmx", None)
    if htmx is not None and htmx.target == _PROGRESS:
        return show(request, f"{template}_region.html", account, context)
    return show(request, f"{template}.html", account, {**header(account, current=tab), **context})


def header(
    account: Account,
    *,
    current: str,
    held: Decimal | None = None,
    outlooks: Mapping[int, Outlook] | None = None,
) -> dict[str, object]:
    """Return what the header of an account shows; `current` is the URL name of the tab.

    `held` is what the quotas hold, and `outlooks` how long what is left lasts, by purse, where
    the page asks for them anyway.
    """
    if held is None:
        wallets = Wallet.objects.filter(quota_of__account=account)
        held = wallets.aggregate(held=Sum("credits"))["held"]
    tabs = [
        ("account", _("Overview")),
        ("api-users", _("API users")),
        ("send", _("Send")),
        ("messages", _("Messages")),
        ("received", _("Received")),
        ("senders", _("Senders")),
        ("credits", _("Credits")),
        ("alert-log", _("Alerts")),
        ("callbacks", _("Callbacks")),
        ("opt-outs", _("Opt-outs")),
        ("activity", _("Activity")),
        ("connect", _("Connect")),
        ("options", _("Options")),
    ]
    left = account.wallet.spendable
    if outlooks is None:
        outlooks = spending.outlooks({account.wallet_id: left})
    return {
        "credits_left": left,
        "credits_held": held or Decimal(0),
        "credits_reserved": account.wallet.credits - left,
        "outlook": outlooks.get(account.wallet_id),
        "tabs": [
            Tab(label, reverse(name, args=[account.name]), is_current=name == current)
            for name, label in tabs
        ],
    }


def back_to_list(request: HttpRequest, account: Account) -> str:
    """Return where a dialog leads back: the list as it was searched, sorted and paged.

    `next` may name nothing but that list, whatever a link from elsewhere put there. The rows of
    the list leave its path out, since each has many links.
    """
    listing = reverse("api-users", args=[account.name])
    path, _mark, query = request.GET.get("next", "").partition("?")
    if path not in ("", listing) or not query:
        return listing
    return f"{listing}?{QueryDict(query).urlencode()}"


def back_from(request: HttpRequest, api_user: ApiUser) -> str:
    """Return where a dialog of a user leads back: the user's page if it was opened there."""
    page = reverse("api-user", args=[api_user.account.name, api_user.pk])
    if request.GET.get("next") == page:
        return page
    return back_to_list(request, api_user.account)


def and_back(request: HttpRequest) -> str:
    """Return the query string by which a dialog finds back to this very page."""
    return urlencode({"next": request.get_full_path()})


def told(request: HttpRequest, back: str, text: str, *, changed: bool = True) -> HttpResponse:
    """Go back with a message of what changed, or that nothing did."""
    if changed:
        messages.success(request, text)
    else:
        messages.info(request, _("Nothing was changed: it was like that already."))
    return redirect(back)
