"""The staff's pages of rates, one by one and as whole price lists."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from sms_accounts import rate_lists
from sms_accounts.admin.base import signed_in
from sms_accounts.forms.rates import RateListForm, rows_of
from sms_accounts.models import Rate
from sms_accounts.models.fields import HUNDREDTH, MOST_CREDITS
from sms_accounts.rate_lists import Plan
from sms_accounts.views.csv_files import csv_file

# How many changes of each kind, and how many bad lines, are shown one by one.
MOST_SHOWN = 200


class RateForm(forms.ModelForm[Rate]):
    credits = forms.DecimalField(
        label=gettext_lazy("Credits a part"),
        min_value=HUNDREDTH,
        max_value=MOST_CREDITS,
        decimal_places=2,
    )

    class Meta:
        model = Rate
        fields = ("prefix", "credits", "description")


@admin.register(Rate)
class RateAdmin(admin.ModelAdmin[Rate]):
    form = RateForm
    list_display = ("prefix_or_all", "credits", "description")
    search_fields = ("prefix", "description")
    ordering = ("prefix",)

    @admin.display(description=gettext_lazy("prefix"), ordering="prefix")
    def prefix_or_all(self, rate: Rate) -> Any:
        return rate.prefix or _("all others")

    def get_urls(self) -> list[URLPattern]:
        pages = {"import": self.import_view, "export": require_safe(self.export_view)}
        return [
            path(f"{name}/", self.admin_site.admin_view(view), name=f"sms_accounts_rate_{name}")
            for name, view in pages.items()
        ] + super().get_urls()

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Tell who may import: a list may add, change and remove."""
        return all(
            (
                self.has_add_permission(request),
                self.has_change_permission(request),
                self.has_delete_permission(request),
            )
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_import = {"has_import_permission": self.has_import_permission(request)}
        return super().changelist_view(request, {**may_import, **(extra_context or {})})

    def export_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rates = list(Rate.objects.order_by("prefix"))
        # One set answer to HttpResponse: the admin's wrapper knows no other.
        return csv_file("rates.csv", rows_of(rates), delimiter=";")  # type: ignore[return-value]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Read a list and show what it would change; change that once somebody agrees."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        sent = request.method == "POST"
        form = RateListForm(request.POST, request.FILES) if sent else RateListForm()
        plan = None
        if sent and form.is_valid():
            if "apply" in request.POST and self._is_applied(request, form):
                return HttpResponseRedirect(reverse("admin:sms_accounts_rate_changelist"))
            removes_others = form.cleaned_data["removes_others"]
            plan = rate_lists.plan(form.lines, removes_others=removes_others)
        if sent:
            form.keep(plan)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import a price list"),
            "opts": self.opts,
            "form": form,
            "plan": plan,
            "tables": _tables(plan) if plan else [],
            "problems": form.problems[:MOST_SHOWN],
            "more_problems": max(len(form.problems) - MOST_SHOWN, 0),
        }
        return TemplateResponse(request, "admin/sms_accounts/rate/import.html", context)

    def _is_applied(self, request: HttpRequest, form: RateListForm) -> bool:
        typed = form.cleaned_data
        try:
            made = rate_lists.apply(
                form.lines,
                removes_others=typed["removes_others"],
                fingerprint=typed["shown"],
                by=signed_in(request),
            )
        except rate_lists.ChangedMeanwhile:
            form.add_error(None, _("Rates or the list have changed since: look again."))
            return False
        words = {
            "added": len(made.added),
            "changed": len(made.changed),
            "removed": len(made.removed),
        }
        told = _("Rates: %(added)d added, %(changed)d changed, %(removed)d removed.") % words
        self.message_user(request, told, messages.SUCCESS)
        return True


def _tables(plan: Plan) -> list[dict[str, Any]]:
    kinds = (
        (_("Added"), plan.added),
        (_("Changed"), plan.changed),
        (_("Removed"), plan.removed),
    )
    return [
        {
            "title": f"{title}: {len(steps):,}",
            "steps": steps[:MOST_SHOWN],
            "more": max(len(steps) - MOST_SHOWN, 0),
        }
        for title, steps in kinds
        if steps
    ]
