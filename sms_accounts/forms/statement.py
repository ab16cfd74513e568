"""The forms of the tab of credits: which movements are shown, and a transfer."""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.credits import credits_field
from sms_accounts.forms.days import DayField, midnight
from sms_accounts.forms.layout import in_a_row, laid_out
from sms_accounts.forms.users import ApiUserField, OfferedUsers, offer_users
from sms_accounts.models import Account, LedgerEntry
from sms_accounts.models.fields import HUNDREDTH
from sms_accounts.templatetags.panel import shown_credits


class StatementFilterForm(forms.Form):
    """Which movements are shown. A value that cannot be read is told, and leaves nothing out."""

    user = ApiUserField()
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("All")), *LedgerEntry.Kind.choices],
    )
    since = DayField(label=gettext_lazy("From"))
    until = DayField(label=gettext_lazy("To"))

    def __init__(self, data: QueryDict, *, account: Account) -> None:
        typed = {name: str(value).replace("\0", "") for name, value in data.items()}
        super().__init__(typed, auto_id="filter_%s")
        self._zone = ZoneInfo(account.time_zone)
        offer_users(self, "user", OfferedUsers(account), with_deleted=True)
        self.helper = in_a_row(*self.fields)
        self.is_valid()

    @property
    def users(self) -> list[int] | None:
        """The keys of those whose movements are shown, or None for all."""
        users = self.cleaned_data.get("user")
        return [user.pk for user in users] if users else None

    def chosen(self) -> dict[str, str]:
        """What is searched for, as a link repeats it."""
        return {name: str(self.data[name]) for name, value in self.cleaned_data.items() if value}

    @property
    def only_kind(self) -> LedgerEntry.Kind | None:
        chosen = self.cleaned_data.get("kind")
        return LedgerEntry.Kind(chosen) if chosen else None

    @property
    def begins_at(self) -> datetime | None:
        day = self.cleaned_data.get("since")
        return midnight(day, self._zone) if day else None

    @property
    def ends_at(self) -> datetime | None:
        day = self.cleaned_data.get("until")
        return midnight(day + timedelta(days=1), self._zone) if day else None


class TransferForm(forms.Form):
    """To which account how many credits go. The order tells a second click from a second one."""

    receiver = forms.ModelChoiceField(
        Account.objects.none(),
        label=gettext_lazy("To"),
        to_field_name="name",
        empty_label=gettext_lazy("Choose an account"),
        error_messages={
            "required": gettext_lazy("Choose the account that gets the credits."),
            "invalid_choice": gettext_lazy("Choose one of your other accounts."),
        },
    )
    credits = credits_field(
        gettext_lazy("Credits"),
        least=0,
        accepted=gettext_lazy("Enter credits above 0, with at most two decimals, such as 12.50."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Stands in the statements of both accounts. May be left empty."),
    )
    order = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(
        self, data: QueryDict | None, *, giver: Account, receivers: QuerySet[Account]
    ) -> None:
        super().__init__(data)
        receiver = self.fields["receiver"]
        assert isinstance(receiver, forms.ModelChoiceField)  # noqa: S101  # declared above
        receiver.queryset = receivers
        self.fields["credits"].required = True
        self.fields["credits"].error_messages["required"] = self.fields["credits"].error_messages[
            "invalid"
        ]
        self._left = giver.wallet.spendable
        self.fields["credits"].help_text = _(
            "At most %(left)s: what quotas hold and what is kept for alerts stays."
        ) % {"left": shown_credits(self._left)}
        self.helper = laid_out("receiver", "credits", "reason", "order", confirm=_("Go on"))

    def clean_credits(self) -> Decimal:
        credits: Decimal = self.cleaned_data["credits"]
        if credits < HUNDREDTH:
            raise forms.ValidationError(self.fields["credits"].error_messages["invalid"])
        if credits > self._left:
            raise forms.ValidationError(self._too_much())
        return credits

    def refuse(self, available: Decimal) -> None:
        """Say how much could have been transferred at most."""
        self._left = available
        self.add_error("credits", self._too_much())

    def _too_much(self) -> str:
        return _("At most %(credits)s credits can be transferred.") % {
            "credits": shown_credits(self._left)
        }


class ConfirmTransferForm(forms.Form):
    """Repeats what was typed in a transfer, to be confirmed."""

    confirmed = forms.CharField(widget=forms.HiddenInput, initial="yes")
    receiver = forms.CharField(widget=forms.HiddenInput)
    credits = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(widget=forms.HiddenInput, required=False)
    order = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, typed: TransferForm) -> None:
        super().__init__(initial={name: typed.data.get(name, "") for name in typed.fields})
        self.helper = laid_out(*self.fields, confirm=_("Transfer"))
