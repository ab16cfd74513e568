"""Staff put credits into an account and take them back: the page, through the ledger alone."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import activity, ledger
from sms_accounts.models import Account, User, Wallet
from sms_accounts.models.fields import HUNDREDTH, MOST_CREDITS


class UsedAlready(Exception):
    """This very form was sent before; nothing was moved a second time."""


@dataclass(frozen=True)
class Movement:
    """One way in which staff move credits, with its words."""

    slug: str
    title: str | Promise
    done: str | Promise
    action: str
    sign: str
    move: Callable[..., Decimal]


GRANT = Movement(
    slug="grant",
    title=gettext_lazy("Grant credits"),
    done=gettext_lazy("%(credits)s credits granted. %(account)s has %(left)s now."),
    action="credits granted",
    sign="+",
    move=ledger.top_up,
)
TAKE_BACK = Movement(
    slug="take-back",
    title=gettext_lazy("Take credits back"),
    done=gettext_lazy("%(credits)s credits taken back. %(account)s has %(left)s now."),
    action="credits taken back",
    sign="-",
    move=ledger.take_back,
)
ALL = (GRANT, TAKE_BACK)


class MovementForm(forms.Form):
    """How many credits, and why. The token tells a second click from a second movement."""

    credits = forms.DecimalField(
        label=gettext_lazy("Credits"), min_value=HUNDREDTH, max_value=MOST_CREDITS, decimal_places=2
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=150,
        help_text=gettext_lazy("The account holder reads it in the statement."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    token = forms.UUIDField(widget=forms.HiddenInput)


def page(
    request: HttpRequest, account: Account, movement: Movement, *, by: User, site: AdminSite
) -> HttpResponse:
    """Show the form of a movement, or make it and go back to the account."""
    form = MovementForm(request.POST or None, initial={"token": uuid.uuid4()})
    if request.method == "POST" and form.is_valid():
        try:
            left = _move(account, movement, form.cleaned_data, by=by)
        except ledger.InsufficientCredits as refused:
            form.add_error(
                "credits",
                _("At most %(available)s credits can be taken back: the account has no more left.")
                % {"available": refused.available},
            )
        except UsedAlready:
            messages.warning(request, _("This form was sent before. No credits moved again."))
            return redirect("admin:sms_accounts_account_change", account.pk)
        else:
            words = {"credits": form.cleaned_data["credits"], "account": account, "left": left}
            messages.success(request, movement.done % words)
            return redirect("admin:sms_accounts_account_change", account.pk)
    context = {
        **site.each_context(request),
        "title": movement.title,
        "subtitle": account.name,
        "opts": Account._meta,
        "original": account,
        "form": form,
    }
    return TemplateResponse(request, "admin/sms_accounts/account/movement.html", context)


def _move(account: Account, movement: Movement, typed: dict[str, Any], *, by: User) -> Decimal:
    with transaction.atomic():
        # Of two clicks at once the second waits here, and then finds the first one's log entry.
        Wallet.objects.select_for_update(no_key=True).get(pk=account.wallet_id)
        log = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Account), object_id=str(account.pk)
        )
        if log.filter(change_message__contains=str(typed["token"])).exists():
            raise UsedAlready
        left = movement.move(account, typed["credits"], by=by, reason=typed["reason"])
        told = {"credits": str(typed["credits"]), "reason": typed["reason"]}
        activity.record(by, movement.action, account, after=told)
        _log(account, movement, told, token=str(typed["token"]), by=by)
    return left


def _log(
    account: Account, movement: Movement, told: dict[str, str], *, token: str, by: User
) -> None:
    # The admin's history shows the fields, and leaves the token out.
    changed = f"credits by {movement.sign}{told['credits']} ({told['reason']})"
    LogEntry.objects.create(
        user=by,
        content_type=ContentType.objects.get_for_model(Account),
        object_id=str(account.pk),
        object_repr=account.name,
        action_flag=CHANGE,
        change_message=json.dumps([{"changed": {"fields": [changed], "token": token}}]),
    )
