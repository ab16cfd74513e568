"""The staff's pages of carriers over HTTP: what each is called with, and a trial of it.

A carrier is added with what each kind needs; the page that follows has what its own kind needs.
"""

import secrets
import ssl
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import carrier_accounts, http_trials, sealing
from sms_accounts.admin.trial_pages import MessageForm, trial_page
from sms_accounts.models import HttpCarrier

Kind = HttpCarrier.Kind

# How many characters of chance the URL has under which a carrier reports.
_OCTETS_OF_SECRET = 24
# What stands for it afterwards.
_HIDDEN = "…"

_FIRST = ("name", "description", "kind", "url", "username", "password", "account")
_CONNECTION = {
    Kind.KANNEL: ("url", "username", "password", "smsc"),
    Kind.HTTP2SMS: ("url", "account", "username", "password", "knows_keys"),
    Kind.GENERIC: ("method", "url", "username", "password"),
}
_SPEED = ("window", "rate", "answer_seconds")
_REPORTS = {
    Kind.KANNEL: ("dlr_address", "received_address", "new_secret", "panel_url", "err_codes"),
    Kind.HTTP2SMS: ("dlr_address", "received_address", "new_secret", "panel_url"),
    Kind.GENERIC: (
        "dlr_address",
        "received_address",
        "new_secret",
        "panel_url",
        "dlr_id",
        "dlr_reference",
        "dlr_state",
        "dlr_code",
        "dlr_list_at",
        "dlr_states",
        "dlr_codes",
        "dlr_answer",
    ),
}
_TELLS = {
    Kind.KANNEL: gettext_lazy("Kannel gets it with each message: there is nothing to do."),
    Kind.HTTP2SMS: gettext_lazy("Enter it there as the callback of the API user."),
    Kind.GENERIC: gettext_lazy(
        "Give it to the provider; or send {dlr_url} along, which has our reference too."
    ),
}


def _few_lines() -> forms.Textarea:
    return forms.Textarea(attrs={"class": "vLargeTextField", "rows": 5})


class HttpCarrierForm(forms.ModelForm[HttpCarrier]):
    """A carrier; its password is typed in and never shown again."""

    class Meta:
        widgets = {
            "url": forms.TextInput(attrs={"class": "vLargeTextField"}),
            **{
                field: _few_lines()
                for field in (
                    "certificates",
                    "err_codes",
                    "headers",
                    "answer_codes",
                    "dlr_states",
                    "dlr_codes",
                )
            },
        }

    password = forms.CharField(
        label=gettext_lazy("Password or key"),
        max_length=500,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=gettext_lazy("Kept sealed, and never shown again. Empty: it stays as it is."),
    )
    new_secret = forms.BooleanField(
        label=gettext_lazy("Give it a new address"),
        required=False,
        help_text=gettext_lazy("The one above ends at once: nobody can report under it any more."),
    )

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        kind = self.instance.kind or self.cleaned_data.get("kind")
        is_needed = kind in (Kind.KANNEL, Kind.HTTP2SMS) and not self.instance.password_sealed
        if is_needed and not password:
            raise ValidationError(_("Type in the password that the carrier gave out."))
        if not password.isprintable():
            raise ValidationError(_("A password of one line."))
        return password

    def clean_certificates(self) -> str:
        text = str(self.cleaned_data["certificates"]).strip()
        try:
            ssl.create_default_context(cadata=text or None)
        except (ssl.SSLError, ValueError):
            raise ValidationError(
                _("PEM begins with a line of BEGIN CERTIFICATE; this cannot be read.")
            ) from None
        return text


@admin.register(HttpCarrier)
class HttpCarrierAdmin(admin.ModelAdmin[HttpCarrier]):
    when_empty = gettext_lazy(
        "None yet. Add one for Kannel, for http2sms of another panel or for any other URL; "
        "its page has a test message."
    )
    form = HttpCarrierForm
    list_display = ("name", "description", "kind", "is_enabled", "is_default")
    ordering = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: HttpCarrier | None = None) -> bool:
        # Messages and reports stay filed under its name; one that is over is switched off.
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: HttpCarrier | None = None) -> Any:
        # To rename it would make strangers of its messages.
        return () if obj is None else ("name", "kind", "dlr_address", "received_address")

    def get_fieldsets(self, request: HttpRequest, obj: HttpCarrier | None = None) -> Any:
        if obj is None:
            told = _("What its kind needs besides follows once it is saved.")
            return [(None, {"fields": _FIRST, "description": told})]
        kind = Kind(obj.kind)
        sections: list[tuple[Any, tuple[Any, ...]]] = [
            (None, ("name", "kind", "description", "is_enabled", "is_default")),
            (_("Connection"), _CONNECTION[kind]),
            (_("Speed"), _SPEED),
        ]
        if kind != Kind.HTTP2SMS:
            sections.append((_("Texts"), ("takes_long_texts",)))
        if kind == Kind.GENERIC:
            coding = ("coding_gsm7", "coding_ucs2")
            sections += [
                (_("What is said"), ("headers", "body_kind", "body", coding)),
                (_("What is answered"), ("reading", "id_at", "code_at", "answer_codes")),
            ]
        sections.append((_("Reports and replies"), _REPORTS[kind]))
        few = {"classes": ("collapse",), "fields": ("certificates",)}
        return [
            *((title, {"fields": fields}) for title, fields in sections),
            (_("What few carriers ask for"), few),
        ]

    @admin.display(description=gettext_lazy("address for reports"))
    def dlr_address(self, row: HttpCarrier) -> str:
        if not carrier_accounts.dlr_address_of(row):
            return _("It cannot be read any more. Give it a new one.")
        address = carrier_accounts.dlr_url(row, _HIDDEN)
        told = _("Its secret part was shown when it was made: give it a new address to see one.")
        return format_html("<code>{}</code><br>{}<br>{}", address, told, _TELLS[Kind(row.kind)])

    @admin.display(description=gettext_lazy("address for replies"))
    def received_address(self, row: HttpCarrier) -> str:
        address = carrier_accounts.received_url(row, _HIDDEN)
        told = _("For messages from phones, by GET or POST with from, to, text and, if any, id.")
        return format_html("<code>{}</code><br>{}", address, told)

    def save_model(self, request: HttpRequest, obj: HttpCarrier, form: Any, change: bool) -> None:
        if password := form.cleaned_data["password"]:
            obj.password_sealed = sealing.seal(password)
        has_new_addresses = not change or form.cleaned_data.get("new_secret")
        if has_new_addresses:
            obj.dlr_secret_sealed = sealing.seal(secrets.token_urlsafe(_OCTETS_OF_SECRET))
        self._save(obj, form, change)
        if has_new_addresses:
            told = _("Copy what you need of this now, the secret part is not shown again.")
            messages.warning(
                request,
                format_html(
                    "{}<br>{}: <code>{}</code><br>{}: <code>{}</code>",
                    told,
                    _("Address for reports"),
                    carrier_accounts.dlr_address_of(obj),
                    _("Address for replies"),
                    carrier_accounts.received_address_of(obj),
                ),
            )

    def _save(self, obj: HttpCarrier, form: Any, change: bool) -> None:
        if not change:
            # A Kannel cuts long texts off, unless it was told to split them.
            obj.takes_long_texts = obj.kind != Kind.KANNEL
            obj.save()
            return
        sealed = {"password": "password_sealed", "new_secret": "dlr_secret_sealed"}
        obj.save(update_fields=[sealed.get(field, field) for field in form.changed_data])

    def response_add(
        self, request: HttpRequest, obj: HttpCarrier, post_url_continue: str | None = None
    ) -> HttpResponse:
        # What its own kind needs stands on the page of the new carrier.
        if "_addanother" not in request.POST:
            typed: QueryDict = request.POST.copy()
            typed["_continue"] = "1"
            request.POST = typed  # type: ignore[assignment]
        return super().response_add(request, obj, post_url_continue)

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<path:object_id>/send/",
                self.admin_site.admin_view(self.send_view),
                name="sms_accounts_httpcarrier_send",
            ),
            *super().get_urls(),
        ]

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return trial_page(
            self,
            request,
            object_id,
            title=_("Send one test message"),
            form=MessageForm(request.POST if request.method == "POST" else None),
            run=lambda row, typed: http_trials.send_one(
                row, msisdn=typed["receiver"], sender=typed["sender"], text=typed["text"]
            ),
            template="admin/sms_accounts/httpcarrier/trial.html",
        )
