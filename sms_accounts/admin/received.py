"""The staff's pages of replies, those of nobody included, and of what carriers sent of them.

They are read only but for a new try of what could not be read or settled.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import received_posts, reply_matching
from sms_accounts.admin.base import ReadOnlyAdmin, as_key, signed_in
from sms_accounts.models import Received, ReceivedPost


class OwnerFilter(admin.SimpleListFilter):
    """Which replies need a look."""

    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("unassigned", _("Of no account")),
            ("waiting", _("Waits for parts")),
            ("parked", _("Not settled: parked")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Received]) -> QuerySet[Received]:
        chosen = {
            "unassigned": Q(account=None, settled_at__isnull=False),
            "waiting": Q(settled_at=None, problem=""),
            "parked": Q(settled_at=None) & ~Q(problem=""),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(Received)
class ReceivedAdmin(ReadOnlyAdmin[Received]):
    when_empty = _(
        "No phone has answered yet. A carrier hands replies over when it knows the address "
        "for them, which its page shows."
    )
    list_display = (
        "id",
        "sender",
        "number",
        "account",
        "api_user",
        "keyword",
        "parts",
        "missing",
        "repeats",
        "received_at",
    )
    list_filter = (OwnerFilter, "keyword")
    list_select_related = ("account", "api_user")
    search_fields = ("msisdn",)
    search_help_text = _("Whole number, id, or name of an account")
    fields = (
        "id",
        "carrier",
        "carrier_id",
        "account",
        "api_user",
        "message",
        "sender",
        "number",
        "kept_text",
        "parts",
        "missing",
        "repeats",
        "keyword",
        "answer",
        "note",
        "problem",
        "received_at",
        "settled_at",
        "came_in",
    )
    readonly_fields = ("sender", "kept_text", "came_in")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Received], search_term: str
    ) -> tuple[QuerySet[Received], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(msisdn=reply_matching.normal(term)) | Q(account__name=term.lower())
        if (key := as_key(term)) is not None:
            wanted |= Q(pk=key)
        return queryset.filter(wanted), False

    @admin.display(description=_("from"))
    def sender(self, received: Received) -> str:
        return received.msisdn if received.numbers_removed_at is None else f"…{received.msisdn}"

    @admin.display(description=_("text"))
    def kept_text(self, received: Received) -> str:
        if received.text_removed_at is None:
            return received.text
        return _("Removed on %(day)s") % {"day": f"{received.text_removed_at:%Y-%m-%d}"}

    @admin.display(description=_("as received"))
    def came_in(self, received: Received) -> SafeString:
        return format_html_join(
            "",
            '<p><a href="{}">{}</a></p>',
            (
                (
                    reverse("admin:sms_accounts_receivedpost_change", args=[post.pk]),
                    post.received_at.isoformat(sep=" ", timespec="seconds"),
                )
                for post in received.posts.order_by("pk")
            ),
        )


class ReadingFilter(admin.SimpleListFilter):
    """What could be made of a post."""

    title = _("reading")
    parameter_name = "reading"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("unread", _("Not read yet")), ("problem", _("Not understood"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ReceivedPost]
    ) -> QuerySet[ReceivedPost]:
        chosen = {"unread": Q(read_at=None), "problem": ~Q(problem="")}
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(ReceivedPost)
class ReceivedPostAdmin(ReadOnlyAdmin[ReceivedPost]):
    when_empty = _("No carrier has handed a reply over yet.")
    list_display = ("received_at", "carrier", "read_at", "problem")
    list_filter = (ReadingFilter,)
    actions = ("release",)
    fields = ("received_at", "carrier", "content_type", "what_came", "read_at", "problem")
    readonly_fields = ("what_came",)

    @admin.action(description=_("Read selected replies again that failed"), permissions=["operate"])
    def release(self, request: HttpRequest, selected: QuerySet[ReceivedPost]) -> None:
        pks = list(selected.values_list("pk", flat=True))
        released = received_posts.release(pks, by=signed_in(request))
        told = ngettext("%d reply is read again.", "%d replies are read again.", released)
        self.message_user(request, told % released)

    @admin.display(description=_("body"))
    def what_came(self, post: ReceivedPost) -> str:
        if post.body_removed_at is not None:
            return _("Removed on %(day)s") % {"day": f"{post.body_removed_at:%Y-%m-%d}"}
        return bytes(post.body).decode(errors="backslashreplace")
