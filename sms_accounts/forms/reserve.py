"""The form that says how many of an account's credits are for alert SMS alone."""

from decimal import Decimal

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.credits import credits_field
from sms_accounts.forms.layout import laid_out
from sms_accounts.models import Wallet
from sms_accounts.templatetags.panel import shown_credits


class ReserveForm(forms.Form):
    """A reserve; `cleaned_data["reserve"]` is what is held back from now on."""

    reserve = credits_field(
        gettext_lazy("Credits for alerts only"),
        least=0,
        accepted=gettext_lazy("Enter credits from 0, with at most two decimals, such as 5."),
    )

    def __init__(self, data: QueryDict | None, *, wallet: Wallet) -> None:
        super().__init__(data, initial={"reserve": wallet.reserve})
        self.fields["reserve"].help_text = _(
            "Of the %(credits)s in the account, so many pay alert SMS and nothing else, neither "
            "messages nor quotas. 0: no reserve."
        ) % {"credits": shown_credits(wallet.credits)}
        self.helper = laid_out("reserve")

    def clean_reserve(self) -> Decimal:
        reserve: Decimal | None = self.cleaned_data["reserve"]
        if reserve is None:
            raise forms.ValidationError(_("Enter the credits to hold back, or 0."))
        return reserve
