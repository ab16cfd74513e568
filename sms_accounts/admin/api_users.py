"""The staff's pages of API users: to read, and to stop or let go on; no secret is shown."""

from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import api_users, retention
from sms_accounts.admin.base import ReadOnlyAdmin, signed_in
from sms_accounts.models import AddressUse, ApiUser


@admin.register(ApiUser)
class ApiUserAdmin(ReadOnlyAdmin[ApiUser]):
    list_display = (
        "login",
        "account",
        "is_enabled",
        "quota",
        "alert_threshold",
        "last_alert",
        "deleted_at",
    )
    list_filter = ("is_enabled", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("account", "wallet")
    search_fields = ("login", "=account__name")
    search_help_text = _("Login, or whole name of an account")
    fields = (
        "login",
        "account",
        "is_enabled",
        "quota",
        "alert_enabled",
        "alert_threshold",
        "alert_support",
        "alert_email",
        "alert_msisdn",
        "last_alert",
        "restrictions",
        "restrictions_observed",
        "refuses_url_passwords",
        "messages_a_minute",
        "countries",
        "callback_url",
        "keeps_no_texts",
        "password_changed_at",
        "two_passwords",
        "former_password_until",
        "last_use",
        "created_at",
        "deleted_at",
    )
    readonly_fields = ("quota", "last_alert", "two_passwords", "last_use")
    actions = ("disable", "enable", "keep_no_texts", "keep_texts")

    @admin.display(description=_("quota left"))
    def quota(self, user: ApiUser) -> Decimal | None:
        return user.wallet.credits if user.has_quota else None

    @admin.display(description=_("last alert"))
    def last_alert(self, user: Any) -> datetime | None:
        # Added by the query below.
        return cast("datetime | None", user.last_alert_at)

    @admin.display(description=_("former password works"), boolean=True)
    def two_passwords(self, user: ApiUser) -> bool:
        return user.has_former_password(timezone.now())

    @admin.display(description=_("last use"))
    def last_use(self, user: ApiUser) -> str | None:
        use = AddressUse.objects.accepted_of(user).first()
        if use is None or use.accepted_at is None:
            return None
        at = formats.localize(timezone.localtime(use.accepted_at))
        return f"{at}, {use.address}, {use.get_method_display()}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiUser]:
        listed = ApiUser.objects.with_last_alert().select_related(*self.list_select_related)
        return listed.defer("password").order_by(*self.ordering)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # A filter on a hash would tell it letter by letter.
        if lookup.partition("__")[0] in ("password", "former_password"):
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return signed_in(request).has_perm("sms_accounts.change_apiuser")

    @admin.action(description=_("Disable selected API users"), permissions=["switch"])
    def disable(self, request: HttpRequest, users: QuerySet[ApiUser]) -> None:
        self._switch(request, users, enabled=False)

    @admin.action(description=_("Enable selected API users"), permissions=["switch"])
    def enable(self, request: HttpRequest, users: QuerySet[ApiUser]) -> None:
        self._switch(request, users, enabled=True)

    def _switch(self, request: HttpRequest, users: QuerySet[ApiUser], *, enabled: bool) -> None:
        changed = sum(
            api_users.set_enabled(user, enabled, by=signed_in(request))
            for user in users.filter(deleted_at=None).order_by("pk")
        )
        words = (
            ngettext("%d API user enabled.", "%d API users enabled.", changed)
            if enabled
            else ngettext("%d API user disabled.", "%d API users disabled.", changed)
        )
        self.message_user(request, words % changed)

    @admin.action(description=_("Keep no texts of selected API users"), permissions=["switch"])
    def keep_no_texts(self, request: HttpRequest, users: QuerySet[ApiUser]) -> None:
        self._keep(request, users, none=True)

    @admin.action(description=_("Keep texts of selected API users"), permissions=["switch"])
    def keep_texts(self, request: HttpRequest, users: QuerySet[ApiUser]) -> None:
        self._keep(request, users, none=False)

    def _keep(self, request: HttpRequest, users: QuerySet[ApiUser], *, none: bool) -> None:
        changed = sum(
            retention.set_keeps_no_texts(user, none, by=signed_in(request))
            for user in users.order_by("pk")
        )
        words = ngettext("%d API user changed.", "%d API users changed.", changed)
        self.message_user(request, words % changed)
