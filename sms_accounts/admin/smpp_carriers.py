"""The staff's pages of SMPP carriers: what each is told, and trials that show what happens."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import gsm, msisdn, sealing, smpp_trials
from sms_accounts.models import SmppCarrier
from sms_accounts.models.routing import SENDER_NAME
from sms_accounts.smpp_trials import Trial


class SmppCarrierForm(forms.ModelForm[SmppCarrier]):
    """Everything of a carrier; its password is typed in, and never shown again."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=32,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=gettext_lazy("Kept sealed, and never shown again. Empty: it stays as it is."),
    )

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not password and not self.instance.password_sealed:
            raise ValidationError(_("Type in the password that the carrier gave out."))
        if password and not (password.isascii() and password.isprintable()):
            raise ValidationError(_("The protocol has letters without accents, and signs."))
        return password

    def clean_certificates(self) -> str:
        text = str(self.cleaned_data["certificates"]).strip()
        if text and "-----BEGIN CERTIFICATE-----" not in text:
            raise ValidationError(_("PEM begins with a line of BEGIN CERTIFICATE."))
        return text


class BindForm(forms.Form):
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


@admin.register(SmppCarrier)
class SmppCarrierAdmin(admin.ModelAdmin[SmppCarrier]):
    form = SmppCarrierForm
    list_display = (
        "name",
        "description",
        "is_enabled",
        "is_default",
        "is_bound",
        "bind_told",
        "bind_told_at",
    )
    ordering = ("name",)
    readonly_fields = ("is_bound", "bind_told", "bind_told_at")
    fieldsets = (
        (None, {"fields": ("name", "description", "is_enabled", "is_default")}),
        (gettext_lazy("How it is"), {"fields": readonly_fields}),
        (
            gettext_lazy("Connection"),
            {"fields": ("host", "port", "uses_tls", "system_id", "password", "bind")},
        ),
        (
            gettext_lazy("Speed"),
            {"fields": ("window", "rate", "binds", "answer_seconds", "enquire_seconds")},
        ),
        (
            gettext_lazy("Texts"),
            {
                "classes": ("collapse",),
                "fields": (
                    "joining",
                    "coding_gsm7",
                    "coding_ucs2",
                    "class_by",
                    "validity_hours",
                ),
            },
        ),
        (
            gettext_lazy("Receipts and answers"),
            {
                "classes": ("collapse",),
                "fields": (
                    "ids_in_answers",
                    "ids_in_receipts",
                    "err_codes",
                    "statuses",
                    "intermediate",
                    "keeps_reference",
                ),
            },
        ),
        (
            gettext_lazy("Senders and receivers"),
            {
                "classes": ("collapse",),
                "fields": (
                    ("alphanumeric_ton", "alphanumeric_npi"),
                    "longest_short",
                    ("short_ton", "short_npi"),
                    ("international_ton", "international_npi"),
                    ("receiver_ton", "receiver_npi"),
                ),
            },
        ),
        (
            gettext_lazy("What few carriers ask for"),
            {
                "classes": ("collapse",),
                "fields": ("system_type", "service_type", "certificates"),
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: SmppCarrier | None = None) -> bool:
        # Messages and receipts stay filed under its name; one that is over is switched off.
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: SmppCarrier | None = None) -> Any:
        # To rename it would make strangers of its messages.
        return self.readonly_fields if obj is None else ("name", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: SmppCarrier, form: Any, change: bool) -> None:
        if password := form.cleaned_data["password"]:
            obj.password_sealed = sealing.seal(password)
        if not change:
            obj.save()
            return
        # Not the columns that the process of the carrier writes meanwhile.
        sealed = {"password": "password_sealed"}
        fields = [sealed.get(field, field) for field in form.changed_data]
        obj.save(update_fields=fields)

    def get_urls(self) -> list[URLPattern]:
        pages = {"bind": self.bind_view, "send": self.send_view}
        return [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"sms_accounts_smppcarrier_{name}",
            )
            for name, view in pages.items()
        ] + super().get_urls()

    def bind_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._trial(
            request,
            object_id,
            title=_("Bind now"),
            form=BindForm(request.POST if request.method == "POST" else None),
            run=lambda row, _typed: smpp_trials.bind_now(row),
        )

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._trial(
            request,
            object_id,
            title=_("Send one test message"),
            form=MessageForm(request.POST if request.method == "POST" else None),
            run=lambda row, typed: smpp_trials.send_one(
                row, msisdn=typed["receiver"], sender=typed["sender"], text=typed["text"]
            ),
        )

    def _trial(
        self,
        request: HttpRequest,
        object_id: str,
        *,
        title: str,
        form: forms.Form,
        run: Callable[[SmppCarrier, dict[str, Any]], Trial],
    ) -> HttpResponse:
        """Show the form of a trial, or make the trial and show what happened above it."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": row.name,
            "opts": self.opts,
            "original": row,
            "form": form,
            "trial": run(row, form.cleaned_data) if form.is_valid() else None,
        }
        return TemplateResponse(request, "admin/sms_accounts/smppcarrier/trial.html", context)
