"""Lets several threads do something at the same moment, each with a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def at_once(*doings: Callable[[], Result]) -> list[Result]:
    """Return what each came to, in their order; raises what the first of them raised."""
    start = threading.Barrier(len(doings))

    def run(do):
        start.wait(10)
        try:
            return do()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(doings)) as pool:
        return list(pool.map(run, doings))
