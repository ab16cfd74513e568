"""The staff's pages of what carriers sent, as it came in and as it was read.

They are read only but for a new try of what could not be read or applied.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import reports
from sms_accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline, signed_in
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
            ("parked", _("Not applied: parked")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DlrPost]) -> QuerySet[DlrPost]:
        unmatched = DlrReport.objects.filter(post=OuterRef("pk"), attempt=None)
        chosen = {
            "unread": Q(read_at=None),
            "unmatched": Q(Exists(unmatched)),
            "problem": ~Q(problem=""),
            "parked": Q(Exists(unmatched.filter(faults__gte=reports.MOST_FAULTS))),
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
        "faults",
        "problem",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DlrReport]:
        return super().get_queryset(request).select_related("attempt")


@admin.register(DlrPost)
class DlrPostAdmin(ReadOnlyAdmin[DlrPost]):
    when_empty = _("No carrier has reported yet.")
    list_display = ("received_at", "carrier", "read_at", "problem")
    list_filter = (ReadingFilter,)
    actions = ("release",)
    fields = ("received_at", "carrier", "content_type", "query", "what_came", "read_at", "problem")
    readonly_fields = ("what_came",)
    inlines = (DlrReportInline,)

    @admin.action(
        description=_("Read and apply selected DLRs again that failed"), permissions=["operate"]
    )
    def release(self, request: HttpRequest, selected: QuerySet[DlrPost]) -> None:
        pks = list(selected.values_list("pk", flat=True))
        released = reports.release(pks, by=signed_in(request))
        told = ngettext("%d DLR is tried again.", "%d DLRs are tried again.", released)
        self.message_user(request, told % released)

    @admin.display(description=_("body"))
    def what_came(self, post: DlrPost) -> str:
        if post.body_removed_at is not None:
            return _("Removed on %(day)s") % {"day": f"{post.body_removed_at:%Y-%m-%d}"}
        return bytes(post.body).decode(errors="backslashreplace")
