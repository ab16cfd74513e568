"""The staff's pages of senders to approve."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sms_accounts import activity, senders, tasks
from sms_accounts.admin.base import ReadOnlyAdmin, RowByNameField, signed_in
from sms_accounts.models import Account, Sender, SenderNotice, User

_SAY_WHY = _("Say why: the holder reads it.")


class SenderForm(forms.ModelForm[Sender]):
    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("name", self.instance.name)
        if self.cleaned_data.get("takes_replies") and not name.isdigit():
            self.add_error("takes_replies", _("Replies reach a number only, never a name."))
        is_refused = self.cleaned_data.get("status") == Sender.Status.REFUSED
        if is_refused and not self.cleaned_data.get("refused_because"):
            self.add_error("refused_because", _SAY_WHY)
        return self.cleaned_data


class DecisionForm(ActionForm):
    """What to do with the senders that are ticked, and why."""

    because = forms.CharField(
        label=_("Reason of a refusal:"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )


class NewSenderForm(SenderForm):
    account = RowByNameField(
        Account.objects.all(),
        to_field_name="name",
        label=_("Account"),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        error_messages={"invalid_choice": _("There is no account of this name.")},
    )

    class Meta:
        model = Sender
        fields = (
            "account",
            "name",
            "status",
            "refused_because",
            "takes_replies",
            "description",
            "reason",
        )


@admin.register(Sender)
class SenderAdmin(admin.ModelAdmin[Sender]):
    when_empty = _("Nobody has asked for a sender yet.")
    list_display = (
        "name",
        "account",
        "status",
        "takes_replies",
        "description",
        "reason",
        "asked_by",
        "created_at",
    )
    list_filter = ("status", "takes_replies")
    list_select_related = ("account", "asked_by")
    list_per_page = 50
    search_fields = ("name", "account__name")
    ordering = ("-pk",)
    fields = NewSenderForm.Meta.fields
    action_form = DecisionForm
    actions = ("approve", "refuse")

    @admin.action(description=_("Approve selected senders"), permissions=["change"])
    def approve(self, request: HttpRequest, chosen: QuerySet[Sender]) -> None:
        undecided = chosen.exclude(status=Sender.Status.ENABLED).select_related("account")
        changed = 0
        for sender in undecided.order_by("pk"):
            senders.enable_sender(sender.account, sender.name, by=signed_in(request))
            changed += 1
        self._tell(request, changed, Sender.Status.ENABLED)

    @admin.action(description=_("Refuse selected senders"), permissions=["change"])
    def refuse(self, request: HttpRequest, chosen: QuerySet[Sender]) -> None:
        because = request.POST.get("because", "").strip()[:500]
        if not because:
            self.message_user(request, _SAY_WHY, messages.ERROR)
            return
        changed = sum(
            senders.refuse(sender, because, by=signed_in(request))
            for sender in chosen.order_by("pk")
        )
        self._tell(request, changed, Sender.Status.REFUSED)

    def _tell(self, request: HttpRequest, changed: int, status: Sender.Status) -> None:
        tasks.ring(tasks.tell_of_senders)
        words = {"count": changed, "status": status.label}
        self.message_user(
            request,
            ngettext(
                "%(count)d sender changed: %(status)s.",
                "%(count)d senders changed: %(status)s.",
                changed,
            )
            % words,
        )

    def has_delete_permission(self, request: HttpRequest, obj: Sender | None = None) -> bool:
        # A refused sender stays on record.
        return False

    def get_form(
        self, request: HttpRequest, obj: Sender | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = SenderForm if obj else NewSenderForm
        return super().get_form(request, obj, change, **{"form": form, **kwargs})

    def get_readonly_fields(self, request: HttpRequest, obj: Sender | None = None) -> Any:
        return () if obj is None else ("account", "name")

    def save_model(self, request: HttpRequest, obj: Sender, form: Any, change: bool) -> None:
        by = signed_in(request)
        if not change:
            obj.save()
            told = {
                "sender": obj.name,
                "status": str(obj.status),
                "takes replies": obj.takes_replies,
            }
            activity.record(by, "sender added", obj.account, after=told)
            return
        if changed := {"description", "reason"} & set(form.changed_data):
            obj.save(update_fields=sorted(changed))
        if "takes_replies" in form.changed_data:
            _set_takes_replies(obj, obj.takes_replies, by=by)
        if {"status", "refused_because"} & set(form.changed_data):
            _decide(obj, by=by)
            transaction.on_commit(lambda: tasks.ring(tasks.tell_of_senders))


def _decide(sender: Sender, *, by: User) -> None:
    match Sender.Status(sender.status):
        case Sender.Status.ENABLED:
            senders.enable_sender(sender.account, sender.name, by=by)
        case Sender.Status.REFUSED:
            senders.refuse(sender, sender.refused_because, by=by)
        case Sender.Status.WAITING:
            senders.put_back(sender, by=by)


def _set_takes_replies(sender: Sender, takes_replies: bool, *, by: User) -> None:
    with transaction.atomic():
        changed = Sender.objects.filter(pk=sender.pk).exclude(takes_replies=takes_replies)
        if not changed.update(takes_replies=takes_replies):
            return
        activity.record(
            by,
            "sender changed",
            sender.account,
            before={"takes replies": not takes_replies},
            after={"sender": sender.name, "takes replies": takes_replies},
        )


@admin.register(SenderNotice)
class SenderNoticeAdmin(ReadOnlyAdmin[SenderNotice]):
    when_empty = _("No holder had to be told yet.")
    list_display = (
        "id",
        "account",
        "sender",
        "status",
        "address",
        "state",
        "tries",
        "due_at",
        "done_at",
        "note",
    )
    list_filter = ("state", "status")
    list_select_related = ("account",)
    search_fields = ("=address", "=account__name")
    search_help_text = _("Whole address, or whole name of an account")
    fields = (*list_display[1:], "refused_because")
