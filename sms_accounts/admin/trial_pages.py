"""The staff's pages on which a carrier is tried: a form, and above it what happened."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import gsm, msisdn
from sms_accounts.models.routing import SENDER_NAME
from sms_accounts.trials import Trial

Row = TypeVar("Row", bound=Model)


class ButtonForm(forms.Form):
    """Nothing to type: the button is the question."""


class MessageForm(forms.Form):
    """One short text to one number."""

    receiver = forms.CharField(
        label=gettext_lazy("Receiver"),
        max_length=20,
        help_text=gettext_lazy("In international form, such as 33639980004."),
        widget=forms.TextInput(attrs={"class": "vTextField", "inputmode": "tel"}),
    )
    sender = forms.CharField(
        label=gettext_lazy("Sender"),
        max_length=15,
        validators=[SENDER_NAME],
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=160,
        initial=gettext_lazy("A test of the SMS panel"),
        help_text=gettext_lazy("As long as one part at most."),
        widget=forms.TextInput(attrs={"class": "vLargeTextField"}),
    )

    def clean_receiver(self) -> str:
        try:
            return msisdn.parse(self.cleaned_data["receiver"])
        except msisdn.NotANumber:
            raise ValidationError(_("This is no number in international form.")) from None

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        if gsm.measure(text).parts > 1:
            raise ValidationError(_("This takes more than one part."))
        return text


def trial_page(
    model_admin: admin.ModelAdmin[Row],
    request: HttpRequest,
    object_id: str,
    *,
    title: str,
    form: forms.Form,
    run: Callable[[Row, dict[str, Any]], Trial],
    template: str,
) -> HttpResponse:
    """Show the form of a trial, or make the trial and show what happened above it."""
    row = model_admin.get_object(request, unquote(object_id))
    if row is None:
        raise Http404
    if not model_admin.has_change_permission(request, row):
        raise PermissionDenied
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "subtitle": str(row),
        "opts": model_admin.opts,
        "original": row,
        "form": form,
        "trial": run(row, form.cleaned_data) if form.is_valid() else None,
    }
    return TemplateResponse(request, template, context)
