"""The first page: the accounts of whoever signed in."""

from decimal import Decimal

from django.db.models import Count, F, Q, Sum, Value
from django.db.models.functions import Coalesce, Greatest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from sms_accounts.models import Account
from sms_accounts.models.fields import CreditsField


@require_safe
def accounts(request: HttpRequest) -> HttpResponse:
    """List the person's accounts; with only one, go straight to it."""
    present = Q(api_users__deleted_at=None)
    found = list(
        Account.objects.visible_to(request.user)
        .annotate(
            credits_left=Greatest(
                F("wallet__credits") - F("wallet__reserve"),
                Value(Decimal(0), output_field=CreditsField()),
                output_field=CreditsField(),
            ),
            credits_held=Coalesce(
                Sum("api_users__quota_wallet__credits"),
                Value(Decimal(0), output_field=CreditsField()),
            ),
            users=Count("api_users", filter=present),
        )
        .order_by("name")
    )
    if len(found) == 1:
        return redirect("account", found[0].name)
    return render(request, "sms/accounts/list.html", {"accounts": found})
