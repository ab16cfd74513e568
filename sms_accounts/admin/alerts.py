"""The staff's pages of alerts and their notifications; read only but for a new try."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import alerts
from sms_accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline, signed_in
from sms_accounts.models import Alert, Notification


class NotificationInline(ReadOnlyInline[Notification, Alert]):
    model = Notification
    fields = (
        "channel",
        "address",
        "round",
        "state",
        "tries",
        "due_at",
        "done_at",
        "note",
        "submission",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return super().get_queryset(request).select_related("submission")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin[Alert]):
    when_empty = _("No credits have fallen to an alert's threshold yet.")
    list_display = ("crossed_at", "kind", "account", "api_user", "threshold", "balance")
    list_filter = ("kind",)
    list_select_related = ("account", "api_user")
    search_fields = ("=account__name", "=api_user__login")
    search_help_text = _("Whole name of an account, or whole login")
    fields = ("crossed_at", "kind", "account", "api_user", "threshold", "balance")
    inlines = (NotificationInline,)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin[Notification]):
    when_empty = _("No alert had to be told yet.")
    list_display = (
        "id",
        "account",
        "channel",
        "address",
        "state",
        "tries",
        "due_at",
        "done_at",
        "note",
    )
    list_filter = ("state", "channel")
    actions = ("release",)
    list_select_related = ("alert__account", "alert__api_user")
    search_fields = ("=address", "=alert__account__name")
    search_help_text = _("Whole address, or whole name of an account")
    fields = (
        "alert",
        "channel",
        "address",
        "round",
        "state",
        "was_held",
        "tries",
        "due_at",
        "done_at",
        "note",
        "submission",
    )

    @admin.action(
        description=_("Send selected given-up notifications again"), permissions=["operate"]
    )
    def release(self, request: HttpRequest, selected: QuerySet[Notification]) -> None:
        pks = list(selected.values_list("pk", flat=True))
        released = alerts.release(pks, by=signed_in(request))
        told = ngettext(
            "%d notification is sent again.", "%d notifications are sent again.", released
        )
        self.message_user(request, told % released)

    @admin.display(description=_("account"))
    def account(self, notification: Notification) -> str:
        return notification.alert.account.name
