"""The staff's pages of accounts: opening, describing, holders, and credits in and out."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from sms_accounts import accounts, activity
from sms_accounts.admin import movements
from sms_accounts.admin.base import RowByNameField, signed_in
from sms_accounts.models import Account, ApiUser, Membership, Sender, User
from sms_accounts.models.fields import MOST_CREDITS, CreditsField
from sms_accounts.models.routing import SENDER_NAME


def _person_field(label: Any) -> RowByNameField:
    return RowByNameField(
        User.objects.all(),
        to_field_name="email",
        label=label,
        widget=forms.EmailInput(attrs={"class": "vTextField"}),
        error_messages={
            "invalid_choice": _("Nobody has this e-mail address. Add the person first.")
        },
    )


def _time_zone_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=_("Time zone"), choices=[(name, name) for name in sorted(available_timezones())]
    )


class AccountForm(forms.ModelForm[Account]):
    """What staff may change of an account."""

    time_zone = _time_zone_field()
    default_sender = forms.ModelChoiceField(
        Sender.objects.none(), label=_("Default sender"), required=False
    )

    class Meta:
        model = Account
        fields = (
            "description",
            "is_enabled",
            "time_zone",
            "language",
            "home_country",
            "default_sender",
            "unknown_outcome",
            "retention_days",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["default_sender"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # declared above
        field.queryset = self.instance.senders.filter(status=Sender.Status.ENABLED).order_by("name")


class NewAccountForm(forms.ModelForm[Account]):
    """What an account is opened with."""

    time_zone = _time_zone_field()
    owner = _person_field(_("Owner"))
    credits = forms.DecimalField(
        label=_("Credits"), initial=0, min_value=0, max_value=MOST_CREDITS, decimal_places=2
    )
    senders = forms.CharField(
        label=_("Senders"),
        required=False,
        help_text=_("Separated by commas; enabled at once."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    class Meta:
        model = Account
        fields = ("name", "description", "time_zone", "language")

    def clean_senders(self) -> tuple[str, ...]:
        names = tuple(
            name.strip() for name in self.cleaned_data["senders"].split(",") if name.strip()
        )
        for name in names:
            SENDER_NAME(name)
        return names


class MembershipForm(forms.ModelForm[Membership]):
    """Who may do what with an account; the person is typed as an e-mail address."""

    user = _person_field(_("Person"))

    class Meta:
        model = Membership
        fields = ("user", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["user"] = self.instance.user


class MembershipFormSet(forms.BaseInlineFormSet[Membership, Account, forms.ModelForm[Membership]]):
    """All memberships of an account; one owner at least stays."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [form for form in self.forms if not form.cleaned_data.get("DELETE")]
        if not any(form.cleaned_data.get("role") == Membership.Role.OWNER for form in kept):
            raise ValidationError(_("An account needs an owner. Name one before this one goes."))


class MembershipInline(admin.TabularInline[Membership, Account]):
    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    extra = 0
    verbose_name_plural = _("who holds it")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user").order_by("pk")


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin[Account]):
    list_display = (
        "name",
        "description",
        "is_enabled",
        "credits_left",
        "credits_held",
        "created_at",
    )
    list_filter = ("is_enabled",)
    list_select_related = ("wallet",)
    search_fields = ("name", "description", "memberships__user__email")
    search_help_text = _("Name, description, or e-mail address of somebody who holds it")
    ordering = ("name",)
    fields = (
        "name",
        "description",
        "is_enabled",
        "time_zone",
        "language",
        "home_country",
        "default_sender",
        "callback_url",
        "callback_method",
        "unknown_outcome",
        "retention_days",
        "credits_left",
        "credits_held",
        "created_at",
    )
    readonly_fields = (
        "name",
        "callback_url",
        "callback_method",
        "credits_left",
        "credits_held",
        "created_at",
    )
    inlines = (MembershipInline,)
    form = AccountForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        held = (
            ApiUser.objects.present()
            .filter(account=OuterRef("pk"), wallet=F("quota_wallet"))
            .values("account")
            .annotate(held=Sum("wallet__credits", output_field=CreditsField()))
            .values("held")
        )
        return (
            super()
            .get_queryset(request)
            .select_related("wallet")
            .annotate(held=Coalesce(Subquery(held), 0, output_field=CreditsField()))
        )

    @admin.display(description=_("credits left"))
    def credits_left(self, account: Account) -> str:
        return f"{account.wallet.credits:.2f}"

    @admin.display(description=_("held by quotas"))
    def credits_held(self, account: Any) -> str:
        return f"{account.held:.2f}"

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        # Its entries and messages stay for good; an account that is over is switched off.
        return False

    def get_form(
        self, request: HttpRequest, obj: Account | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = AccountForm if obj else NewAccountForm
        return super().get_form(request, obj, change, **{"form": form, **kwargs})

    def get_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        if obj is None:
            return ("name", "description", "owner", "credits", "senders", "time_zone", "language")
        return super().get_fields(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        return () if obj is None else super().get_readonly_fields(request, obj)

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> Any:
        return () if obj is None else super().get_inlines(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"time_zone": settings.TIME_ZONE, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        if change:
            fields = {name: getattr(obj, name) for name in form.changed_data}
            accounts.change(obj, fields, by=signed_in(request))
            return
        typed = form.cleaned_data
        opened = accounts.open_account(
            typed["name"],
            owner=typed["owner"],
            by=signed_in(request),
            credits=typed["credits"],
            senders=typed["senders"],
            description=typed["description"],
            time_zone=typed["time_zone"],
            language=typed["language"],
        )
        # The admin goes on with the row that it made itself.
        obj.pk = opened.pk
        obj.refresh_from_db()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for action, memberships in (
            ("member added", formset.new_objects),
            ("member changed", [membership for membership, _fields in formset.changed_objects]),
            ("member removed", formset.deleted_objects),
        ):
            for membership in memberships:
                activity.record(
                    signed_in(request),
                    action,
                    membership.account,
                    after={"person": membership.user.email, "role": str(membership.role)},
                )

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"<path:object_id>/{movement.slug}/",
                self.admin_site.admin_view(self.movement_view),
                {"movement": movement},
                name=f"sms_accounts_account_{movement.slug}",
            )
            for movement in movements.ALL
        ] + super().get_urls()

    def movement_view(
        self, request: HttpRequest, object_id: str, movement: movements.Movement
    ) -> HttpResponse:
        account = self.get_object(request, unquote(object_id))
        if account is None:
            raise Http404
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        return movements.page(
            request, account, movement, by=signed_in(request), site=self.admin_site
        )
