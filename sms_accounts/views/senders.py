"""The tab "Senders" of an account: which there are, one to ask for, who may use which."""

from django.db.models import Count, Prefetch, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from sms_accounts import senders as use_cases
from sms_accounts.forms.senders import AskForm, RemoveSenderForm, UsersForm
from sms_accounts.models import Account, ApiUser, Sender
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
from sms_accounts.views.keyset import newest_first

PAGE = 50
# So many users of one sender are named in the list.
MOST_NAMED = 3


@require_safe
def senders(request: HttpRequest, name: str) -> HttpResponse:
    account = visible_account(request, name)
    shown, older = newest_first(request, _listed(account), page=PAGE)
    context = {
        **header(account, current="senders"),
        "senders": shown,
        "older": older,
        "is_first": "before" not in request.GET,
        "may_change": may_change(request, account),
    }
    return show(request, "sms/senders/list.html", account, context)


def _listed(account: Account) -> QuerySet[Sender]:
    present = ApiUser.objects.present().order_by(Lower("login"), "pk")
    return (
        Sender.objects.filter(account=account)
        .annotate(users=Count("api_users", filter=Q(api_users__deleted_at=None)))
        .prefetch_related(Prefetch("api_users", present[:MOST_NAMED], to_attr="named_users"))
    )


@require_http_methods(["GET", "HEAD", "POST"])
def sender_ask(request: HttpRequest, name: str) -> HttpResponse:
    account = managed_account(request, name)
    form = AskForm(posted(request), initial=_asked_before(request, account))
    if form.is_valid():
        asked = form.cleaned_data
        try:
            use_cases.ask(
                account,
                asked["name"],
                description=asked["description"],
                reason=asked["reason"],
                by=who(request),
            )
        except use_cases.AlreadyThere:
            form.refuse(_("This account has this sender already, or has asked for it."))
        except use_cases.TooManyWaiting:
            form.refuse(_("So many senders wait for staff that no further one can be asked for."))
        else:
            text = _("Staff were asked for %(sender)s. You hear by mail what they decide.")
            return told(request, _back(account), text % {"sender": asked["name"]})
    context = {"form": form, "back": _back(account)}
    return show(request, "sms/senders/ask.html", account, context)


def _asked_before(request: HttpRequest, account: Account) -> dict[str, str]:
    """Return what was asked for, where one that was refused is to be asked for anew."""
    again = request.GET.get("again", "").replace("\0", "")
    refused = Sender.objects.filter(account=account, name=again, status=Sender.Status.REFUSED)
    found = refused.first()
    if found is None:
        return {}
    return {"name": found.name, "description": found.description, "reason": found.reason}


@require_http_methods(["GET", "HEAD", "POST"])
def sender_users(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    sender = _managed_sender(request, name, pk)
    form = UsersForm(posted(request), sender=sender)
    if form.is_valid():
        changed = use_cases.set_users(sender, form.users(), by=who(request))
        text = _("Who may use %(sender)s was changed, from the next call on.")
        back = _back(sender.account)
        return told(request, back, text % {"sender": sender.name}, changed=changed)
    context = {"form": form, "back": _back(sender.account), "sender": sender}
    return show(request, "sms/senders/users.html", sender.account, context)


@require_http_methods(["GET", "HEAD", "POST"])
def sender_remove(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    sender = _managed_sender(request, name, pk)
    is_waiting = sender.status == Sender.Status.WAITING
    form = RemoveSenderForm(posted(request), is_waiting=is_waiting)
    if form.is_valid():
        changed = use_cases.remove(sender, by=who(request))
        text = _("%(sender)s was withdrawn.") if is_waiting else _("%(sender)s was removed.")
        back = _back(sender.account)
        return told(request, back, text % {"sender": sender.name}, changed=changed)
    context = {
        "form": form,
        "back": _back(sender.account),
        "sender": sender,
        "is_waiting": is_waiting,
    }
    return show(request, "sms/senders/remove.html", sender.account, context)


def _managed_sender(request: HttpRequest, name: str, pk: int) -> Sender:
    found = Sender.objects.managed_by(request.user).select_related("account__wallet")
    return get_object_or_404(found, account__name=name, pk=pk)


def _back(account: Account) -> str:
    return reverse("senders", args=[account.name])
