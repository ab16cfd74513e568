"""How much the long tests do: all of it in CI, a part where a person waits for them."""

import os
from typing import Literal, TypeVar

import pytest

Size = TypeVar("Size")

# Empty, `full` as in CI, or `bench` for measurements that are worth quoting.
SIZE = os.environ.get("PANEL_TEST_SIZE", "")

# For tests that take half a minute or more each, and few changes could break: CI does them all.
long = pytest.mark.skipif(
    not SIZE, reason="Takes long; CI does it, and PANEL_TEST_SIZE=full does it here."
)


def in_full(full: Size, *, otherwise: Size) -> Size:
    """Return the size of a test: the whole of it, or the part that does without being told."""
    return full if SIZE in ("full", "bench") else otherwise


def in_full_on(database: Literal["sqlite", "postgresql"], full: Size, *, otherwise: Size) -> Size:
    """Return the size of a test of which CI does the whole on one of its two databases.

    For what takes minutes, and would hardly find on the other what this one did not show.
    """
    is_here = (database == "postgresql") == ("DATABASE_URL" in os.environ)
    return in_full(full, otherwise=otherwise) if is_here or SIZE == "bench" else otherwise


def in_bench(measured: Size, *, otherwise: Size) -> Size:
    """Return the size of a measurement, or of the short form that keeps it alive."""
    return measured if SIZE == "bench" else otherwise
