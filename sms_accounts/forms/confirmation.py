"""Forms that only ask whether one is sure."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts.forms.layout import laid_out


class DeleteForm(forms.Form):
    """Confirms that an API user is to be deleted."""

    def __init__(self, data: QueryDict | None) -> None:
        super().__init__(data)
        self.helper = laid_out(confirm=_("Delete"), is_dangerous=True)


class EndFormerPasswordForm(forms.Form):
    """Confirms that the password before the present one is to work no longer."""

    def __init__(self, data: QueryDict | None) -> None:
        super().__init__(data)
        self.helper = laid_out(confirm=_("Stop it now"), is_dangerous=True)


class EnabledForm(forms.Form):
    """Confirms whether an API user may send from now on.

    What is asked for travels with the answer: somebody else may have switched it meanwhile.
    """

    enabled = forms.TypedChoiceField(
        choices=[("1", "1"), ("0", "0")],
        coerce=lambda value: value == "1",
        widget=forms.HiddenInput,
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
    )

    def __init__(self, data: QueryDict | None, *, enable: bool) -> None:
        super().__init__(data, initial={"enabled": "1" if enable else "0"})
        self.fields["reason"].help_text = (
            _("Stands in the activity. It may be empty.")
            if enable
            else _("Stands on the user's page and in the activity. It may be empty.")
        )
        self.helper = laid_out(
            "enabled",
            "reason",
            confirm=_("Enable") if enable else _("Disable"),
            is_dangerous=not enable,
        )
