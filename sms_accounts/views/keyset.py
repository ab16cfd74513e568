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
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) <= _LONGEST_KEY:
        listed = listed.filter(pk__lt=int(before))
    found = list(listed.order_by("-pk")[: page + 1])
    shown = found[:page]
    if len(found) == len(shown):
        return shown, ""
    kept = request.GET.copy()
    kept["before"] = str(shown[-1].pk)
    return shown, f"?{kept.urlencode()}"
