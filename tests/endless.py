"""The web server's application with one long page, which has no end; for a server of its own.

In the folder that ENDLESS names, `made` has a byte for each piece, and `closed` is there after
the last one.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware

from panel.answers import while_wanted
from panel.asgi import Application

_PIECE = b"a" * 10_000


def _pieces() -> Iterator[bytes]:
    folder = Path(os.environ["ENDLESS"])
    try:
        while True:
            with (folder / "made").open("ab") as made:
                made.write(b".")
            yield _PIECE
            time.sleep(0.01)
    finally:
        (folder / "closed").touch()


def _page(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _pieces() if environ["PATH_INFO"] == "/long" else iter([b"short"])


application = Application()
application._pages = WSGIMiddleware(while_wanted(_page), workers=1)
