"""Long lists, the newest first, whose last page is as quick as the first."""

from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)

_LONGEST_KEY = 18


def newest_first(
    request: HttpRequest, listed: QuerySet[Row], *, page: int
) -> tuple[list[Row], str]:
    """Return the rows of one page, and the query string that leads to older ones if there are any.

    `before` in the query string is the key of the last row of the page before.
    """
    before = _before(request)
    if before is not None:
        listed = listed.filter(pk__lt=before)
    return _page(request, listed.order_by("-pk"), page=page)


def of_newest_first(
    request: HttpRequest, listed: QuerySet[Row], *, parent: str, page: int
) -> tuple[list[Row], str]:
    """Return the same of rows that are found through their parents: those of the newest one first.

    A database walks from the newest parent on, where it would sort all rows by their own keys.
    """
    before = _before(request)
    if before is not None:
        of_last = listed.model._default_manager.filter(pk=before).values(parent)[:1]
        older = Q(**{f"{parent}__lt": of_last}) | Q(**{parent: of_last, "pk__lt": before})
        listed = listed.filter(older)
    return _page(request, listed.order_by(f"-{parent}", "-pk"), page=page)


def _before(request: HttpRequest) -> int | None:
    before = request.GET.get("before", "")
    is_key = before.isascii() and before.isdecimal() and len(before) <= _LONGEST_KEY
    return int(before) if is_key else None


def _page(request: HttpRequest, ordered: QuerySet[Row], *, page: int) -> tuple[list[Row], str]:
    found = list(ordered[: page + 1])
    shown = found[:page]
    if len(found) == len(shown):
        return shown, ""
    kept = request.GET.copy()
    kept["before"] = str(shown[-1].pk)
    return shown, f"?{kept.urlencode()}"
