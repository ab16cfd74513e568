"""The staff's pages of callbacks and of each call that was made; read only but for a new try."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import callback_replays
from sms_accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline, as_key, signed_in
from sms_accounts.models import Callback, CallbackAttempt


class OutcomeFilter(admin.SimpleListFilter):
    """What became of a callback."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("waiting", _("Waiting")), ("done", _("Done")), ("given_up", _("Given up"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Callback]) -> QuerySet[Callback]:
        chosen = {
            "waiting": Q(done_at=None, given_up_at=None),
            "done": Q(done_at__isnull=False),
            "given_up": Q(given_up_at__isnull=False),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


class CallbackAttemptInline(ReadOnlyInline[CallbackAttempt, Callback]):
    model = CallbackAttempt
    fields = ("at", "duration", "status", "problem", "answer")


@admin.register(Callback)
class CallbackAdmin(ReadOnlyAdmin[Callback]):
    when_empty = _(
        "None yet. They are made for messages of API users and accounts with a callback URL."
    )
    list_display = (
        "tells_of",
        "account",
        "api_user",
        "state",
        "ptt",
        "tries",
        "due_at",
        "done_at",
        "given_up_at",
        "last_problem",
    )
    list_filter = (OutcomeFilter,)
    actions = ("release",)
    list_select_related = ("message", "received", "account", "api_user")
    search_fields = ("url",)
    search_help_text = _("Id of a message, or name of an account")
    fields = (
        "message",
        "received",
        "account",
        "api_user",
        "url",
        "sequence",
        "state",
        "ptt",
        "changed_at",
        "tries",
        "due_at",
        "done_at",
        "given_up_at",
    )
    inlines = (CallbackAttemptInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Callback]:
        last = CallbackAttempt.objects.filter(callback=OuterRef("pk")).order_by("-pk")
        return super().get_queryset(request).annotate(problem=Subquery(last.values("problem")[:1]))

    @admin.display(description=_("message"))
    def tells_of(self, callback: Callback) -> str:
        if callback.received_id is None:
            return f"{callback.message_id}"
        return _("reply %(id)s") % {"id": callback.received_id}

    @admin.display(description=_("last problem"))
    def last_problem(self, callback: Any) -> str:
        return callback.problem or ""

    @admin.action(description=_("Call selected given-up callbacks again"), permissions=["operate"])
    def release(self, request: HttpRequest, selected: QuerySet[Callback]) -> None:
        pks = list(selected.values_list("pk", flat=True))
        released = callback_replays.release(pks, by=signed_in(request))
        told = ngettext("%d callback is called again.", "%d callbacks are called again.", released)
        self.message_user(request, told % released)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Callback], search_term: str
    ) -> tuple[QuerySet[Callback], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(account__name=term.lower())
        if (key := as_key(term)) is not None:
            wanted |= Q(message_id=key)
        return queryset.filter(wanted), False
