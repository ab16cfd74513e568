"""How much the long tests do: all of it in CI, a part where a person waits for them."""

import os

IS_FULL = os.environ.get("PANEL_TEST_SIZE") == "full"


def in_full(full: int, *, otherwise: int) -> int:
    """Return the size of a test: PANEL_TEST_SIZE=full asks for the whole of it."""
    return full if IS_FULL else otherwise
