"""The form that gives an API user a quota, changes it, or switches it off."""

from decimal import Decimal
from typing import Any

from crispy_bootstrap5.bootstrap5 import Switch
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.credits import credits_field
from sms_accounts.forms.layout import laid_out
from sms_accounts.models import QuotaRenewal
from sms_accounts.renewals import Plan
from sms_accounts.templatetags.panel import shown_credits


class QuotaForm(forms.Form):
    """A quota, or none: `cleaned_data["quota"]` is None where the switch is off.

    `held` is what the user's quota holds, None without one; `left` what the account has left.
    """

    enabled = forms.BooleanField(label=gettext_lazy("Enable quota?"), required=False)
    quota = credits_field(
        gettext_lazy("New quota"),
        least=0,
        accepted=gettext_lazy("Enter credits from 0, with at most two decimals, such as 12.50."),
    )

    renews = forms.ChoiceField(
        label=gettext_lazy("Renews"),
        required=False,
        choices=[("", gettext_lazy("Never")), *QuotaRenewal.Period.choices],
        help_text=gettext_lazy(
            "At midnight in the account's time zone, the account fills the quota up; what is left "
            "counts, and nothing is taken away. If the account has not enough, it gives what it "
            "has, and the rest as soon as it can."
        ),
    )
    figure = credits_field(
        gettext_lazy("Filled up to"),
        least=1,
        accepted=gettext_lazy("Enter credits from 1, with at most two decimals, such as 50."),
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        held: Decimal | None,
        left: Decimal,
        renewal: Plan | None,
    ) -> None:
        self._renewal = renewal
        initial: dict[str, object] = {"enabled": held is not None, "quota": held}
        if renewal:
            initial |= {"renews": str(renewal.period), "figure": renewal.credits}
        super().__init__(data, initial=initial)
        self.fields["enabled"].help_text = _(
            "Without a quota this user spends the account's credits."
        )
        self.fields["quota"].help_text = _most(held or Decimal(0), left=left)
        self.fields["quota"].widget.attrs["max"] = str((held or Decimal(0)) + left)
        self.fields["figure"].help_text = _("Empty: the new quota.")
        self.helper = laid_out(
            Switch("enabled"), "quota", "renews", "figure", css_class="quota-form"
        )

    def clean_quota(self) -> Decimal | None:
        quota: Decimal | None = self.cleaned_data["quota"]
        if not self.cleaned_data["enabled"]:
            return None
        if quota is None:
            raise forms.ValidationError(_("Enter the new quota, or switch the quota off."))
        return quota

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        quota = cleaned.get("quota")
        is_empty = "figure" in cleaned and cleaned["figure"] is None
        if cleaned.get("renews") and is_empty and quota is not None and quota < 1:
            self.add_error("figure", _("Enter to which figure the quota is filled up."))
        return cleaned

    def renewal(self) -> Plan | None:
        """Return whether and how the quota renews, as it was typed."""
        if self.cleaned_data["quota"] is None:
            return None
        if "renews" not in self.data:
            # Who posts the quota alone means that it renews as it did.
            return self._renewal
        if not self.cleaned_data["renews"]:
            return None
        return Plan(
            period=QuotaRenewal.Period(self.cleaned_data["renews"]),
            credits=self.cleaned_data["figure"] or self.cleaned_data["quota"],
        )

    def refuse(self, available: Decimal) -> None:
        """Say how much could have been given at most."""
        self.add_error(
            "quota",
            _("At most %(credits)s credits can be given to this user.")
            % {"credits": shown_credits(available)},
        )


def _most(held: Decimal, *, left: Decimal) -> str:
    if not held:
        return _("At most %(most)s, which is what is left in the account.") % {
            "most": shown_credits(left)
        }
    return _(
        "At most %(most)s: %(left)s left in the account plus %(held)s this user already holds."
    ) % {
        "most": shown_credits(held + left),
        "left": shown_credits(left),
        "held": shown_credits(held),
    }
