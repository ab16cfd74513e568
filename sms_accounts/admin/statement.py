"""The staff's pages of ledger entries and of changes to accounts; read only."""

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sms_accounts.admin.base import ReadOnlyAdmin
from sms_accounts.models import Activity, LedgerEntry


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin[LedgerEntry]):
    list_display = (
        "created_at",
        "account",
        "purse",
        "api_user",
        "kind",
        "credits",
        "balance",
        "submission",
        "reason",
        "by",
    )
    list_filter = ("kind",)
    list_select_related = ("account", "api_user", "by", "submission", "wallet__quota_of")
    search_fields = ("=account__name", "=api_user__login", "reason")
    search_help_text = _("Whole name of an account, whole login, or words of the reason")
    fields = (
        "created_at",
        "account",
        "purse",
        "api_user",
        "kind",
        "credits",
        "balance",
        "submission",
        "message",
        "reason",
        "by",
    )

    @admin.display(description=_("purse"))
    def purse(self, entry: LedgerEntry) -> str:
        # A quota makes two entries for one user: out of the account's purse, into the user's.
        if hasattr(entry.wallet, "quota_of"):
            return gettext("quota of %(login)s") % {"login": entry.wallet.quota_of.login}
        return gettext("account")


@admin.register(Activity)
class ActivityAdmin(ReadOnlyAdmin[Activity]):
    list_display = ("at", "account", "api_user", "action", "by", "address")
    list_select_related = ("account", "api_user", "by")
    search_fields = ("=account__name", "=api_user__login", "=by__email", "action")
    search_help_text = _("Whole name of an account, whole login or e-mail address, or action")
    fields = ("at", "account", "api_user", "action", "by", "address", "before", "after")
