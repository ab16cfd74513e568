"""The staff's pages of submissions and messages, with all that became of each; read only."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from sms_accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline, as_key
from sms_accounts.models import Attempt, DlrReport, Message, MessageEvent, Submission


class AttemptInline(ReadOnlyInline[Attempt, Message]):
    model = Attempt
    fields = (
        "part",
        "carrier",
        "reference",
        "carrier_message_id",
        "outcome",
        "state",
        "ptt",
        "code",
        "started_at",
        "answered_at",
    )


class MessageEventInline(ReadOnlyInline[MessageEvent, Message]):
    model = MessageEvent
    fields = ("at", "state", "ptt", "code", "cause")


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    list_display = ("id", "msisdn", "account", "state", "ptt", "credits", "tries", "state_since")
    list_filter = ("state",)
    list_select_related = ("account", "submission")
    search_fields = ("msisdn",)
    search_help_text = _("Whole number, id, or name of an account")
    fields = (
        "id",
        "account",
        "submission",
        "msisdn",
        "text",
        "credits",
        "state",
        "ptt",
        "carrier_code",
        "carrier",
        "tries",
        "due_at",
        "state_since",
        "submitted_at",
        "final_at",
        "dlrs",
    )
    readonly_fields = ("text", "dlrs")
    inlines = (AttemptInline, MessageEventInline)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        digits = term.replace(" ", "").removeprefix("+")
        wanted = Q(msisdn=digits) | Q(account__name=term.lower())
        if (key := as_key(digits)) is not None:
            wanted |= Q(pk=key)
        return queryset.filter(wanted), False

    @admin.display(description=_("text"))
    def text(self, message: Message) -> str:
        return message.submission.text

    @admin.display(description=_("DLRs"))
    def dlrs(self, message: Message) -> SafeString:
        reports = DlrReport.objects.filter(attempt__message=message).select_related("attempt")
        return format_html_join(
            "",
            '<p><a href="{}">{}</a> {} {} · {} · {}</p>',
            (
                (
                    reverse("admin:sms_accounts_dlrpost_change", args=[report.post_id]),
                    report.get_state_display(),
                    report.ptt,
                    report.code,
                    _("part %(number)s")
                    % {"number": report.attempt.part if report.attempt else ""},
                    report.received_at.isoformat(sep=" ", timespec="seconds"),
                )
                for report in reports.order_by("pk")
            ),
        )


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin[Submission]):
    list_display = (
        "id",
        "account",
        "api_user",
        "channel",
        "sender",
        "parts",
        "credits",
        "tag",
        "created_at",
    )
    list_filter = ("channel",)
    list_select_related = ("account", "api_user")
    search_fields = ("tag",)
    search_help_text = _("Id, name of an account, or tag")
    fields = (
        "id",
        "account",
        "api_user",
        "channel",
        "sender",
        "text",
        "coding",
        "parts",
        "message_class",
        "tag",
        "credits",
        "address",
        "scheduled_at",
        "created_at",
        "messages",
    )
    readonly_fields = ("messages",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Submission], search_term: str
    ) -> tuple[QuerySet[Submission], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(tag=term) | Q(account__name=term.lower())
        if (key := as_key(term)) is not None:
            wanted |= Q(pk=key)
        return queryset.filter(wanted), False

    @admin.display(description=_("messages"))
    def messages(self, submission: Submission) -> Any:
        listed = reverse("admin:sms_accounts_message_changelist")
        return format_html(
            '<a href="{}?submission__exact={}">{}</a>', listed, submission.pk, _("Show messages")
        )
