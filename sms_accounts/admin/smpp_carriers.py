"""The staff's pages of SMPP carriers: what each is told, and trials that show what happens."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import sealing, smpp_trials
from sms_accounts.admin.trial_pages import ButtonForm, MessageForm, trial_page
from sms_accounts.models import SmppCarrier


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


@admin.register(SmppCarrier)
class SmppCarrierAdmin(admin.ModelAdmin[SmppCarrier]):
    when_empty = gettext_lazy(
        "None yet. Add one with the host, system ID and password that the provider gave "
        "you; its page has a button that binds now and a test message."
    )
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
        return trial_page(
            self,
            request,
            object_id,
            title=_("Bind now"),
            form=ButtonForm(request.POST if request.method == "POST" else None),
            run=lambda row, _typed: smpp_trials.bind_now(row),
            template="admin/sms_accounts/smppcarrier/trial.html",
        )

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return trial_page(
            self,
            request,
            object_id,
            title=_("Send one test message"),
            form=MessageForm(request.POST if request.method == "POST" else None),
            run=lambda row, typed: smpp_trials.send_one(
                row, msisdn=typed["receiver"], sender=typed["sender"], text=typed["text"]
            ),
            template="admin/sms_accounts/smppcarrier/trial.html",
        )
