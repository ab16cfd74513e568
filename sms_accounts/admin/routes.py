"""The staff's pages of routes: which messages go to which carriers, and in which order."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sms_accounts import carrier_accounts, price_list, routes
from sms_accounts.admin.base import RowByNameField
from sms_accounts.forms.destinations import prefix_of
from sms_accounts.models import Account, ApiUser, Route, RouteCarrier
from sms_accounts.models.route import MOST_CARRIERS

_TYPED = forms.TextInput(attrs={"class": "vTextField"})


class RouteForm(forms.ModelForm[Route]):
    """Which messages a route is for: each line that is empty leaves that open."""

    destination = forms.CharField(
        label=gettext_lazy("Destination"),
        required=False,
        max_length=60,
        widget=_TYPED,
        help_text=gettext_lazy(
            "A country, or the first digits of the numbers, such as 33 or 336. Empty: everywhere."
        ),
    )
    sender = forms.CharField(
        label=gettext_lazy("Sender"),
        required=False,
        max_length=15,
        widget=_TYPED,
        help_text=gettext_lazy("As it stands in the message, to the letter. Empty: any."),
    )
    account = RowByNameField(
        Account.objects.all(),
        to_field_name="name",
        required=False,
        label=gettext_lazy("Account"),
        widget=_TYPED,
        help_text=gettext_lazy("Its name. Empty: all accounts."),
        error_messages={"invalid_choice": gettext_lazy("There is no account of this name.")},
    )
    login = forms.CharField(
        label=gettext_lazy("API user"),
        required=False,
        max_length=40,
        widget=_TYPED,
        help_text=gettext_lazy("The ID of one in this account. Empty: all of them."),
    )

    class Meta:
        model = Route
        fields = ("description", "is_enabled", "sender", "account")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["destination"] = self.instance.prefix
        if self.instance.account:
            self.initial["account"] = self.instance.account.name
        if self.instance.api_user:
            self.initial["login"] = self.instance.api_user.login

    def clean_destination(self) -> str:
        typed = str(self.cleaned_data["destination"])
        return prefix_of(typed) if typed else ""

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        self.instance.prefix = cleaned.get("destination", "")
        self.instance.api_user = self._api_user(cleaned.get("account"), cleaned.get("login", ""))
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # unknown to the stubs
        if self.errors:
            return
        try:
            # Django leaves out constraints on what is no field of the form.
            self.instance.validate_constraints()
        except ValidationError as refused:
            self.add_error(None, refused)

    def _api_user(self, account: Account | None, login: str) -> ApiUser | None:
        if not login or "account" in self.errors:
            return None
        if account is None:
            self.add_error("account", _("Say in which account this API user is."))
            return None
        found = ApiUser.objects.filter(account=account, login=login, deleted_at=None).first()
        if found is None:
            self.add_error("login", _("There is no API user of this ID in the account."))
        return found


class CarrierForm(forms.ModelForm[RouteCarrier]):
    carrier = forms.ChoiceField(label=gettext_lazy("Carrier"))

    class Meta:
        model = RouteCarrier
        fields = ("preference", "carrier", "share", "cost")

    def __init__(self, *args: Any, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = dict.fromkeys([*names, *filter(None, [self.instance.carrier])])
        choices = [("", "---------"), *((name, name) for name in known)]
        self.fields["carrier"].choices = choices  # type: ignore[attr-defined]


class CarriersFormSet(forms.BaseInlineFormSet[RouteCarrier, Route, forms.ModelForm[RouteCarrier]]):
    @cached_property
    def _names(self) -> list[str]:
        return [each.name for each in carrier_accounts.every()]

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "names": self._names}

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms]
        if not any(form.cleaned_data for form in kept if form.is_valid()) and not any(self.errors):
            raise ValidationError(_("A route needs a carrier: its messages would wait."))


class RouteCarrierInline(admin.StackedInline[RouteCarrier, Route]):
    model = RouteCarrier
    verbose_name = gettext_lazy("carrier")
    verbose_name_plural = gettext_lazy("carriers")
    form = CarrierForm
    formset = CarriersFormSet
    extra = 1
    max_num = MOST_CARRIERS
    ordering = ("preference", "-share", "carrier")
    fields = (("preference", "carrier", "share", "cost", "margin"),)
    readonly_fields = ("margin",)

    @admin.display(description=gettext_lazy("left of our rate"))
    def margin(self, row: RouteCarrier) -> Decimal | str:
        """Return what a part leaves, at our rate for the first numbers of the destination."""
        rate = price_list.credits_a_part([row.route.prefix]).get(row.route.prefix)
        return "–" if rate is None or row.cost is None else rate - row.cost


@admin.register(Route)
class RouteAdmin(admin.ModelAdmin[Route]):
    class Media:
        css: ClassVar = {"all": ["route.css"]}

    when_empty = gettext_lazy(
        "None yet: the carrier that takes all messages without a route takes them all. A route "
        "sends some to others, by country, sender, account or API user."
    )
    form = RouteForm
    inlines = (RouteCarrierInline,)
    list_display = (
        "destination",
        "sender_or_any",
        "account_or_any",
        "login_or_any",
        "in_order",
        "is_enabled",
        "description",
    )
    list_select_related = ("account", "api_user")
    list_per_page = 50
    search_fields = ("prefix", "sender", "account__name", "description")
    ordering = ("prefix", "pk")
    fieldsets = (
        (
            gettext_lazy("Which messages"),
            {
                "fields": ("destination", "sender", "account", "login"),
                "description": gettext_lazy(
                    "Of several routes that fit a message the most specific one counts: that of "
                    "its API user before that of its account, that before one of its sender alone, "
                    "and then the longest prefix."
                ),
            },
        ),
        (None, {"fields": ("is_enabled", "description")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Route]:
        return super().get_queryset(request).prefetch_related("carriers")

    @admin.display(description=gettext_lazy("destination"), ordering="prefix")
    def destination(self, route: Route) -> str:
        return route.prefix or _("everywhere")

    @admin.display(description=gettext_lazy("sender"), ordering="sender")
    def sender_or_any(self, route: Route) -> str:
        return route.sender or _("any")

    @admin.display(description=gettext_lazy("account"), ordering="account__name")
    def account_or_any(self, route: Route) -> str:
        return route.account.name if route.account else _("all")

    @admin.display(description=gettext_lazy("API user"))
    def login_or_any(self, route: Route) -> str:
        return route.api_user.login if route.api_user else _("all")

    @admin.display(description=gettext_lazy("carriers"))
    def in_order(self, route: Route) -> str:
        """Return the carriers: an arrow to the next preference, shares where they count."""
        by_preference: dict[int, list[RouteCarrier]] = {}
        for each in sorted(route.carriers.all(), key=lambda one: (one.preference, -one.share)):
            by_preference.setdefault(each.preference, []).append(each)
        return " → ".join(
            " + ".join(f"{each.carrier} ×{each.share}" for each in equals)
            if len(equals) > 1
            else equals[0].carrier
            for equals in by_preference.values()
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        routes.make_lanes()
