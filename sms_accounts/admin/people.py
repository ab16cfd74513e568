"""The staff's pages of people: holders of accounts, and staff; never deleted, but kept out."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sms_accounts.admin.base import signed_in
from sms_accounts.models import User

_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewPersonForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PersonForm(UserChangeForm[User]):
    class Meta:
        model = User
        fields = ("email", "name", "password", "is_active", *_RIGHTS)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    form = PersonForm
    add_form = NewPersonForm
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "is_active")}),
        (_("Rights in this administration"), {"fields": _RIGHTS}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "name", "usable_password", "password1", "password2"),
            },
        ),
    )
    readonly_fields = ("last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Entries and changes name the person for good; who left may not sign in any more.
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Whoever sets a superuser's password or address is a superuser a moment later.
        if obj is not None and obj.is_superuser and not signed_in(request).is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        kept = super().get_readonly_fields(request, obj)
        return kept if signed_in(request).is_superuser else (*kept, *_RIGHTS)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            # A former address would go on signing in, and would be sent new passwords.
            EmailAddress.objects.filter(user=obj).delete()
