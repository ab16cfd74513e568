"""The staff's pages of senders to approve, and of rates by prefix."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import accounts, activity
from sms_accounts.admin.base import RowByNameField, signed_in
from sms_accounts.models import Account, Rate, Sender, User
from sms_accounts.models.fields import HUNDREDTH, MOST_CREDITS


class SenderForm(forms.ModelForm[Sender]):
    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("name", self.instance.name)
        if self.cleaned_data.get("takes_replies") and not name.isdigit():
            self.add_error("takes_replies", _("Replies reach a number only, never a name."))
        return self.cleaned_data


class NewSenderForm(SenderForm):
    account = RowByNameField(
        Account.objects.all(),
        to_field_name="name",
        label=_("Account"),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        error_messages={"invalid_choice": _("There is no account of this name.")},
    )

    class Meta:
        model = Sender
        fields = ("account", "name", "status", "takes_replies", "description")


class RateForm(forms.ModelForm[Rate]):
    credits = forms.DecimalField(
        label=_("Credits a part"),
        min_value=HUNDREDTH,
        max_value=MOST_CREDITS,
        decimal_places=2,
    )

    class Meta:
        model = Rate
        fields = ("prefix", "credits", "description")


@admin.register(Sender)
class SenderAdmin(admin.ModelAdmin[Sender]):
    list_display = ("name", "account", "status", "takes_replies", "description", "created_at")
    list_editable = ("status",)
    list_display_links = ("name",)
    list_filter = ("status", "takes_replies")
    list_select_related = ("account",)
    # Each row of the list is three fields of its form; 200 are accepted.
    list_per_page = 50
    search_fields = ("name", "account__name")
    ordering = ("-pk",)
    fields = ("account", "name", "status", "takes_replies", "description")
    actions = ("approve", "refuse")

    @admin.action(description=_("Approve selected senders"), permissions=["change"])
    def approve(self, request: HttpRequest, senders: QuerySet[Sender]) -> None:
        self._decide(request, senders, Sender.Status.ENABLED)

    @admin.action(description=_("Refuse selected senders"), permissions=["change"])
    def refuse(self, request: HttpRequest, senders: QuerySet[Sender]) -> None:
        self._decide(request, senders, Sender.Status.REFUSED)

    def _decide(
        self, request: HttpRequest, senders: QuerySet[Sender], status: Sender.Status
    ) -> None:
        changed = 0
        for sender in senders.exclude(status=status).select_related("account").order_by("pk"):
            _set_status(sender, status, by=signed_in(request))
            changed += 1
        words = {"count": changed, "status": status.label}
        self.message_user(
            request,
            ngettext(
                "%(count)d sender changed: %(status)s.",
                "%(count)d senders changed: %(status)s.",
                changed,
            )
            % words,
        )

    def has_delete_permission(self, request: HttpRequest, obj: Sender | None = None) -> bool:
        # A refused sender stays on record.
        return False

    def get_form(
        self, request: HttpRequest, obj: Sender | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = SenderForm if obj else NewSenderForm
        return super().get_form(request, obj, change, **{"form": form, **kwargs})

    def get_readonly_fields(self, request: HttpRequest, obj: Sender | None = None) -> Any:
        return () if obj is None else ("account", "name")

    def save_model(self, request: HttpRequest, obj: Sender, form: Any, change: bool) -> None:
        by = signed_in(request)
        if not change:
            obj.save()
            told = {
                "sender": obj.name,
                "status": str(obj.status),
                "takes replies": obj.takes_replies,
            }
            activity.record(by, "sender added", obj.account, after=told)
            return
        if "description" in form.changed_data:
            obj.save(update_fields=["description"])
        if "takes_replies" in form.changed_data:
            _set_takes_replies(obj, obj.takes_replies, by=by)
        if "status" in form.changed_data:
            _set_status(obj, Sender.Status(obj.status), by=by)


def _set_status(sender: Sender, status: Sender.Status, *, by: User) -> None:
    if status == Sender.Status.ENABLED:
        accounts.enable_sender(sender.account, sender.name, by=by)
        return
    with transaction.atomic():
        before = Sender.objects.select_for_update().get(pk=sender.pk).status
        Sender.objects.filter(pk=sender.pk).update(status=status)
        activity.record(
            by,
            f"sender {status}",
            sender.account,
            before={"status": before},
            after={"sender": sender.name, "status": str(status)},
        )


def _set_takes_replies(sender: Sender, takes_replies: bool, *, by: User) -> None:
    with transaction.atomic():
        changed = Sender.objects.filter(pk=sender.pk).exclude(takes_replies=takes_replies)
        if not changed.update(takes_replies=takes_replies):
            return
        activity.record(
            by,
            "sender changed",
            sender.account,
            before={"takes replies": not takes_replies},
            after={"sender": sender.name, "takes replies": takes_replies},
        )


@admin.register(Rate)
class RateAdmin(admin.ModelAdmin[Rate]):
    form = RateForm
    list_display = ("prefix_or_all", "credits", "description")
    search_fields = ("prefix", "description")
    ordering = ("prefix",)

    @admin.display(description=_("prefix"), ordering="prefix")
    def prefix_or_all(self, rate: Rate) -> Any:
        return rate.prefix or _("all others")
