"""Requests as a web server tells an ASGI application of them."""

from collections.abc import Mapping
from typing import Any


def scope_of(
    path: str,
    *,
    method: str = "GET",
    query: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the scope of a request; `headers` have names in small letters."""
    named = {"host": "localhost", **(headers or {})}
    return {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }
