"""The staff's pages of submissions and messages, with all that became of each.

They are read only but for what goes through a use case: to cancel, and to hand over again.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import cancellation, unresolved
from sms_accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline, as_key, signed_in
from sms_accounts.models import Attempt, DlrReport, Message, MessageEvent, State, Submission

# As many as one form can name.
MOST_AT_ONCE = 500

QUESTIONS = {
    "cancel": _(
        "The messages among these that are still scheduled are not sent, and their credits go "
        "back to whoever paid."
    ),
    "release": _(
        "The messages among these that are parked or held are handed to the carrier again. "
        "Where the carrier has one already and does not know its reference, the receiver gets "
        "it twice."
    ),
}


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
        "cost",
        "started_at",
        "answered_at",
    )


class MessageEventInline(ReadOnlyInline[MessageEvent, Message]):
    model = MessageEvent
    fields = ("at", "state", "ptt", "code", "cause")


class AttentionFilter(admin.SimpleListFilter):
    """Which messages do not go on by themselves."""

    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("parked", _("Parked")),
            ("held", _("Outcome unknown: held")),
            ("waiting", _("Outcome unknown: policy to be applied")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        if self.value() == "parked":
            return queryset & Message.objects.parked()
        if self.value() == "held":
            return queryset & Message.objects.held()
        if self.value() == "waiting":
            return queryset.filter(state=State.SUBMITTING, decide_at__isnull=False)
        return queryset


def _text_of(submission: Submission) -> str:
    if submission.text_removed_at is None:
        return submission.text
    return _("Removed on %(day)s") % {"day": f"{submission.text_removed_at:%Y-%m-%d}"}


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    when_empty = _("Nothing was sent yet.")
    list_display = (
        "id",
        "number",
        "account",
        "state",
        "parked_because",
        "ptt",
        "credits",
        "tries",
        "state_since",
    )
    list_filter = ("state", AttentionFilter)
    actions = ("cancel", "release")
    list_select_related = ("account", "submission")
    search_fields = ("msisdn",)
    search_help_text = _("Whole number, id, or name of an account")
    fields = (
        "id",
        "account",
        "submission",
        "number",
        "text",
        "credits",
        "state",
        "ptt",
        "carrier_code",
        "carrier",
        "tries",
        "faults",
        "due_at",
        "decide_at",
        "parked_at",
        "parked_because",
        "state_since",
        "submitted_at",
        "final_at",
        "dlrs",
    )
    readonly_fields = ("number", "text", "dlrs")
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

    @admin.action(description=_("Cancel selected scheduled messages"), permissions=["operate"])
    def cancel(self, request: HttpRequest, selected: QuerySet[Message]) -> HttpResponse | None:
        if (asked := self._asked(request, selected, "cancel", _("Cancel messages"))) is not None:
            return asked
        outcome = cancellation.cancel_all(selected.order_by("pk"), by=signed_in(request))
        cancelled, too_late = len(outcome.cancelled), len(outcome.too_late)
        if cancelled:
            told = ngettext(
                "%d message cancelled, its credits given back.",
                "%d messages cancelled, their credits given back.",
                cancelled,
            )
            self.message_user(request, told % cancelled)
        if too_late:
            told = ngettext(
                "Too late for %d message: it is no longer scheduled.",
                "Too late for %d messages: they are no longer scheduled.",
                too_late,
            )
            self.message_user(request, told % too_late, messages.WARNING)
        return None

    @admin.action(
        description=_("Hand selected parked or held messages over again"), permissions=["operate"]
    )
    def release(self, request: HttpRequest, selected: QuerySet[Message]) -> HttpResponse | None:
        asked = self._asked(request, selected, "release", _("Hand messages over again"))
        if asked is not None:
            return asked
        pks = list(selected.order_by("pk").values_list("pk", flat=True))
        released = unresolved.release(pks, by=signed_in(request))
        if released:
            told = ngettext(
                "%d message is handed over again.", "%d messages are handed over again.", released
            )
            self.message_user(request, told % released)
        if left := len(pks) - released:
            told = ngettext(
                "%d message was neither parked nor held, and stays as it is.",
                "%d messages were neither parked nor held, and stay as they are.",
                left,
            )
            self.message_user(request, told % left, messages.WARNING)
        return None

    def _asked(
        self, request: HttpRequest, selected: QuerySet[Message], action: str, title: str | Promise
    ) -> HttpResponse | None:
        """Return the page that asks whether that is meant; None once it was confirmed."""
        if selected[: MOST_AT_ONCE + 1].count() > MOST_AT_ONCE:
            told = _("At most %d messages can be chosen at once.") % MOST_AT_ONCE
            self.message_user(request, told, messages.ERROR)
            return redirect(request.get_full_path())
        if "confirmed" in request.POST:
            return None
        return TemplateResponse(
            request,
            "admin/sms_accounts/message/confirmation.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": title,
                "question": QUESTIONS[action],
                "action": action,
                "selected": selected.select_related("account").order_by("pk"),
            },
        )

    @admin.display(description=_("receiver"))
    def number(self, message: Message) -> str:
        is_whole = message.submission.numbers_removed_at is None
        return message.msisdn if is_whole else f"…{message.msisdn}"

    @admin.display(description=_("text"))
    def text(self, message: Message) -> str:
        return _text_of(message.submission)

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
    when_empty = _("Nothing was sent yet.")
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
        "kept_text",
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
    readonly_fields = ("kept_text", "messages")

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

    @admin.display(description=_("text"))
    def kept_text(self, submission: Submission) -> str:
        return _text_of(submission)

    @admin.display(description=_("messages"))
    def messages(self, submission: Submission) -> Any:
        listed = reverse("admin:sms_accounts_message_changelist")
        return format_html(
            '<a href="{}?submission__exact={}">{}</a>', listed, submission.pk, _("Show messages")
        )
