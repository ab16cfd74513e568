"""The staff's pages of orders from the browser; read only, and without their texts."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from sms_accounts.admin.base import ReadOnlyAdmin
from sms_accounts.models import Batch


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin[Batch]):
    when_empty = _("Nobody has sent from the panel yet.")
    list_display = (
        "id",
        "account",
        "by",
        "state",
        "stopped_because",
        "receivers",
        "accepted",
        "refused",
        "spent",
        "confirmed_at",
        "ended_at",
    )
    list_filter = ("state", "stopped_because")
    list_select_related = ("account", "by")
    search_fields = ("=account__name", "=by__email")
    search_help_text = _("Whole name of an account, or whole e-mail address")
    fields = (
        "account",
        "by",
        "sender",
        "tag",
        "stop_clause",
        "is_flash",
        "scheduled_at",
        "receivers",
        "credits",
        "state",
        "stopped_because",
        "accepted",
        "refused",
        "spent",
        "faults",
        "due_at",
        "made_at",
        "confirmed_at",
        "ended_at",
        "emptied_at",
    )
