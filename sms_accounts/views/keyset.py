"""Long lists, the newest first, whose last page is as quick as the first."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)

_LONGEST_KEY = 18


def newest_first(
    request: HttpRequest, listed: QuerySet[Row], *, page: int
) -> tuple[list[Row], str]:
    """Return the rows of one page, and the query string that leads to older ones if there are any.

    `before` in the query string is the key of the last row of the page before.
    """
    before = before_of(request)
    if before is not None:
        listed = listed.filter(pk__lt=before)
    found = list(listed.order_by("-pk")[: page + 1])
    shown = found[:page]
    is_last = len(found) == len(shown)
    return shown, "" if is_last else older_link(request, shown[-1].pk)


def before_of(request: HttpRequest) -> int | None:
    """Return the key of the last row of the page before, if there was one."""
    before = request.GET.get("before", "")
    is_key = before.isascii() and before.isdecimal() and len(before) <= _LONGEST_KEY
    return int(before) if is_key else None


def older_link(request: HttpRequest, before: int) -> str:
    """Return the query string that leads to what is older than the row with this key."""
    kept = request.GET.copy()
    kept["before"] = str(before)
    return f"?{kept.urlencode()}"
