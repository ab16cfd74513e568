"""What the staff's pages share: rows that are read only, lists that are never counted whole."""

import re
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from sms_accounts.models import User

Row = TypeVar("Row", bound=models.Model)
Parent = TypeVar("Parent", bound=models.Model)

MOST_COUNTED = 10_000
# The last number that fits into a key.
_LAST_KEY = 2**63 - 1


def signed_in(request: HttpRequest) -> User:
    """Return who signed in; the admin's pages are open to nobody else."""
    assert isinstance(request.user, User)  # noqa: S101  # the admin has checked it
    return request.user


class CappedPaginator(Paginator[Any]):
    """Counts up to a limit: to count millions of rows takes longer than anybody waits.

    What lies beyond is found by search and filters.
    """

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return self.object_list[:MOST_COUNTED].count()

    @property
    def is_capped(self) -> bool:
        return self.count == MOST_COUNTED


class ReadOnlyAdmin(admin.ModelAdmin[Row]):
    """Rows that the program writes: staff read them, and never add, change or delete one."""

    paginator = CappedPaginator
    show_full_result_count = False
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    # To sort by another column would sort the whole table.
    sortable_by = ()
    view_on_site = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell who may use the actions: they go through a use case, and no row is edited."""
        return signed_in(request).has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class ReadOnlyInline(admin.TabularInline[Row, Parent]):
    """Rows beneath another one, read only in the same way."""

    extra = 0
    can_delete = False
    ordering = ("pk",)

    def has_add_permission(self, request: HttpRequest, obj: Parent | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Parent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Parent | None = None) -> bool:
        return False


class RowByNameField(forms.ModelChoiceField[Any]):
    """A row chosen by typing its name: a list of all of them would be too long to choose from."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.strip().lower() if isinstance(value, str) else value)


def as_key(term: str) -> int | None:
    """Return a search term as the key of a row, if it can be one."""
    if not re.fullmatch(r"[0-9]{1,19}", term) or int(term) > _LAST_KEY:
        return None
    return int(term)
