"""Makes a part of the program fail for one row, whenever it comes to it."""

from collections.abc import Callable
from typing import Any


def failing(function: Callable[..., Any], *, when: Callable[..., bool]) -> Callable[..., Any]:
    """The function as it is, but for arguments for which it always raises."""

    def call(*args: Any, **given: Any) -> Any:
        if when(*args, **given):
            raise ZeroDivisionError
        return function(*args, **given)

    return call
