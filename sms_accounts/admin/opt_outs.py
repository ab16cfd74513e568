"""The staff's page of opt-outs: numbers that an account may send nothing to."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sms_accounts import opt_outs
from sms_accounts.admin.base import CappedPaginator, RowByNameField, signed_in
from sms_accounts.forms.numbers import international
from sms_accounts.models import Account, OptOut


class NewOptOutForm(forms.ModelForm[OptOut]):
    account = RowByNameField(
        Account.objects.all(),
        to_field_name="name",
        label=_("Account"),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        error_messages={"invalid_choice": _("There is no account of this name.")},
    )
    msisdn = forms.CharField(label=_("Number"), max_length=40)

    class Meta:
        model = OptOut
        fields = ("account", "msisdn", "note")

    def clean_msisdn(self) -> str:
        return international(self.cleaned_data["msisdn"])


@admin.register(OptOut)
class OptOutAdmin(admin.ModelAdmin[OptOut]):
    when_empty = _("Nobody has opted out yet. Add who asks for no more messages of an account.")
    form = NewOptOutForm
    paginator = CappedPaginator
    show_full_result_count = False
    list_display = ("msisdn", "account", "source", "by", "note", "created_at")
    list_filter = ("source",)
    list_select_related = ("account", "by")
    search_fields = ("msisdn__startswith", "=account__name")
    search_help_text = _("First digits of a number, or whole name of an account")
    ordering = ("-pk",)
    sortable_by = ()

    def has_change_permission(self, request: HttpRequest, obj: OptOut | None = None) -> bool:
        # When, by whom and how a number came here is not written anew.
        return False

    def save_model(self, request: HttpRequest, obj: OptOut, form: Any, change: bool) -> None:
        by = signed_in(request)
        opt_outs.add(obj.account, {obj.msisdn: obj.note}, source=OptOut.Source.STAFF, by=by)
        # The admin goes on with the row that was stored.
        obj.pk = OptOut.objects.get(account=obj.account, msisdn=obj.msisdn).pk

    def delete_model(self, request: HttpRequest, obj: OptOut) -> None:
        opt_outs.remove(obj.account, [obj.msisdn], by=signed_in(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[OptOut]) -> None:
        for obj in queryset.select_related("account").order_by("pk"):
            self.delete_model(request, obj)
