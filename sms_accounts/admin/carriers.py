"""The staff's pages of what carriers sent, as it came in and as it was read; read only."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sms_accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline
from sms_accounts.models import DlrPost, DlrReport


class ReadingFilter(admin.SimpleListFilter):
    """What could be made of a DLR."""

    title = _("reading")
    parameter_name = "reading"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("unread", _("Not read yet")),
            ("unmatched", _("Of no known message")),
            ("problem", _("Not understood")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DlrPost]) -> QuerySet[DlrPost]:
        unmatched = DlrReport.objects.filter(post=OuterRef("pk"), attempt=None)
        chosen = {
            "unread": Q(read_at=None),
            "unmatched": Q(Exists(unmatched)),
            "problem": ~Q(problem=""),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


class DlrReportInline(ReadOnlyInline[DlrReport, DlrPost]):
    model = DlrReport
    fields = (
        "reference",
        "carrier_message_id",
        "state",
        "ptt",
        "code",
        "reported_at",
        "received_at",
        "attempt",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DlrReport]:
        return super().get_queryset(request).select_related("attempt")


@admin.register(DlrPost)
class DlrPostAdmin(ReadOnlyAdmin[DlrPost]):
    list_display = ("received_at", "carrier", "read_at", "problem")
    list_filter = (ReadingFilter,)
    fields = ("received_at", "carrier", "content_type", "what_came", "read_at", "problem")
    readonly_fields = ("what_came",)
    inlines = (DlrReportInline,)

    @admin.display(description=_("body"))
    def what_came(self, post: DlrPost) -> str:
        return bytes(post.body).decode(errors="backslashreplace")
