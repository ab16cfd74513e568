"""Which layout a page has: a whole page, or the inside of the dialog that htmx fills."""

from django.http import HttpRequest

DIALOG = "dialog-content"


def page_layout(request: HttpRequest) -> dict[str, str]:
    """Give templates the layout to extend."""
    htmx = getattr(request, "htmx", None)
    in_dialog = htmx is not None and htmx.target == DIALOG
    return {"page_layout": f"components/{'dialog' if in_dialog else 'page'}.html"}
